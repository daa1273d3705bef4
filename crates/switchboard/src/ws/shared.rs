//! What the task of a connection, its receiving half and its senders share.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use switchboard_ws as floor;
use switchboard_ws::deflate::Agreement;
use switchboard_ws::{CloseCode, Role};

use super::deflating::Deflating;
use super::reading::Reading;
use super::stream::Writer;
use super::{Closed, Error, Message, Prepared};
use crate::bounds::{SOFT_BYTES, UsualBounds};
use crate::chunks::{COPY_TOGETHER_BYTES, Chunks, Lent};
use crate::dialect::Dialect;
use crate::outbox::{Outbox, Overflow};
use crate::sync::lock;
use crate::wheel::Alarm;

/// One connection, as everybody sees it.
pub(super) struct Shared {
    outbox: Outbox<Command>,
    /// Gone once the connection is.
    writer: Mutex<Option<Writer>>,
    /// For clients: where the masking keys of their frames come from.
    mask_key: Option<fn() -> [u8; 4]>,
    protocol: Option<Box<str>>,
    /// If messages are compressed.
    deflating: Option<Box<Deflating>>,
    /// There are senders besides the one that the receiver holds: what they send and what the
    /// handler sends must keep their order.
    is_shared: AtomicBool,
    /// Bytes have left since the task last asked.
    has_written: AtomicBool,
    /// Nothing more may be sent.
    is_sealed: AtomicBool,
    /// The peer takes no more for now.
    is_blocked: AtomicBool,
    /// The clock wants the task.
    rang: AtomicBool,
    /// The peer has sent something since the task last asked.
    heard: AtomicBool,
    /// Whether everything that has arrived has been read, and by whom.
    waits_for_peer: AtomicU8,
    /// The receiver waits until less has to be sent.
    waits_for_room: AtomicBool,
    has_message_due: AtomicBool,
    has_failed: AtomicBool,
    /// Rarely needed, so it stands apart.
    state: Mutex<Option<Box<State>>>,
}

#[derive(Default)]
struct State {
    failure: Option<Error>,
    closed: Option<Closed>,
    /// Whoever receives in a task of its own, when it waits for the connection's task.
    receiver: Option<Waker>,
    /// By when the message under way must have come further.
    message_due: Option<Instant>,
}

/// What is asked of the connection's task.
pub(super) enum Command {
    /// The outbox has reached its hard bound.
    SlowConsumer,
    /// Nothing more comes from the peer, or nothing that counts.
    PeerDone {
        /// We need not wait for the end of its stream.
        is_over: bool,
    },
    /// The stream has failed.
    Failed,
    /// Nobody receives any more: the task does, until the end.
    Return(Box<Reading>),
}

impl Overflow for Command {
    type Bounds = UsualBounds;

    fn slow_consumer() -> Self {
        Self::SlowConsumer
    }
}

impl Alarm for Shared {
    fn ring(&self) {
        self.rang.store(true, Ordering::Release);
        self.outbox.wake();
    }
}

impl Shared {
    pub(super) fn new(writer: Writer, role: &Role, agreed: &Agreed<'_>) -> Self {
        let mask_key = match role {
            Role::Client { mask_key } => Some(*mask_key),
            Role::Server => None,
        };
        let deflating = agreed.deflate.map(|agreement| Box::new(Deflating::new(agreement, role)));
        Self {
            outbox: Outbox::websocket(Dialect::default(), UsualBounds),
            writer: Mutex::new(Some(writer)),
            mask_key,
            protocol: agreed.protocol.map(Into::into),
            deflating,
            is_shared: AtomicBool::new(false),
            has_written: AtomicBool::new(false),
            is_sealed: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            rang: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            waits_for_peer: AtomicU8::new(NOBODY),
            waits_for_room: AtomicBool::new(false),
            has_message_due: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    pub(super) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(super) fn is_client(&self) -> bool {
        self.mask_key.is_some()
    }

    // What senders do.

    pub(super) fn send(&self, message: Message) -> Result<(), Error> {
        let is_copied = self.mask_key.is_some() || self.deflating.is_some();
        if is_copied || message.len() < COPY_TOGETHER_BYTES {
            return self.send_copy(message.borrowed());
        }
        let (opcode, payload) = match message {
            Message::Text(text) => (floor::Opcode::Text, text.into_bytes()),
            Message::Binary(bytes) => (floor::Opcode::Binary, bytes),
        };
        let payload_len = payload.len() as u64;
        let header = floor::FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len };
        self.spill();
        sent(self.outbox.push_frame(|output| header.encode(output), payload))
    }

    #[inline]
    pub(super) fn send_copy(&self, message: floor::Message<'_>) -> Result<(), Error> {
        if let Some(deflating) = &self.deflating
            && deflating.agreement.threshold() <= len(message)
        {
            return self.send_compressed(deflating, message);
        }
        self.append(|output| match self.mask_key {
            None => floor::encode(message, output),
            Some(mask_key) => floor::encode_masked(message, mask_key(), output),
        })
    }

    /// Queues a small frame, which `write` writes.
    ///
    /// Within the task's own turn it goes into the thread's buffer, without a lock: everything
    /// there leaves in the write that ends the turn.
    #[inline]
    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        let is_ours = self.is_current() && !self.is_shared.load(Ordering::Relaxed);
        if !is_ours || SPILLED.get() {
            return sent(self.outbox.push_frames_with(write));
        }
        if self.is_sealed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        let len = FRAMES.with_borrow_mut(|frames| {
            write(frames);
            frames.len()
        });
        if COPY_TOGETHER_BYTES <= len {
            self.spill();
        }
        Ok(())
    }

    /// There is one more sender, which may send from anywhere.
    pub(super) fn share(&self) {
        self.spill();
        self.is_shared.store(true, Ordering::Relaxed);
    }

    /// Moves what the turn has sent so far into the outbox, so that something else may follow it.
    /// The rest of the turn follows it too.
    fn spill(&self) {
        if self.is_current() {
            SPILLED.set(true);
            FRAMES.with_borrow_mut(|frames| {
                if !frames.is_empty() {
                    self.outbox.push_frames_with(|output| output.extend_from_slice(frames));
                    frames.clear();
                }
            });
        }
    }

    fn send_compressed(
        &self,
        deflating: &Deflating,
        message: floor::Message<'_>,
    ) -> Result<(), Error> {
        let key = self.mask_key.map(|it| it());
        let mut frame = Lent::borrow();
        let mut compressor = lock(&deflating.compressor);
        compressor.write_frame(message, key, &mut frame.0);
        self.append(|output| output.extend_from_slice(&frame.0))
    }

    pub(super) fn send_prepared(&self, prepared: &Prepared) -> Result<(), Error> {
        let frame = match &self.deflating {
            _ if self.mask_key.is_some() => None,
            None => Some(prepared.plain()),
            Some(deflating) => prepared.compressed_for(&deflating.agreement),
        };
        let Some(frame) = frame else { return self.send_copy(prepared.message().borrowed()) };
        if frame.len() < SHARE_BYTES_MIN {
            return self.append(|output| output.extend_from_slice(frame));
        }
        self.spill();
        sent(self.outbox.push_frames(frame.clone()))
    }

    pub(super) fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        let key = self.mask_key.map(|it| it());
        self.append(|output| floor::encode_ping(payload, key, output))
    }

    pub(super) fn close(&self, code: Option<CloseCode>, reason: &str) {
        let key = self.mask_key.map(|it| it());
        self.push_last(|output| floor::encode_close(code, reason, key, output));
    }

    fn push_last(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.spill();
        self.outbox.push_last(write);
        self.is_sealed.store(true, Ordering::Release);
    }

    pub(super) async fn ready(&self) -> Result<(), Error> {
        self.outbox.ready().await;
        if self.is_closed() { Err(self.failure().unwrap_or(Error::Closed)) } else { Ok(()) }
    }

    /// Whether nothing can be sent any more.
    pub(super) fn is_closed(&self) -> bool {
        self.outbox.is_closed()
    }

    // What the receiving half does.

    /// Sends what the frame machine answers: pongs, and a close frame at the end.
    pub(super) fn reply(&self, replies: &[u8], is_last: bool) {
        let write = |output: &mut Vec<u8>| output.extend_from_slice(replies);
        // Refused after our own close frame: nothing may follow that.
        if is_last {
            self.push_last(write);
        } else {
            self.append(write).ok();
        }
    }

    pub(super) fn command(&self, command: Command) {
        // Refused only when the task is gone, which wants nothing any more.
        self.outbox.command(command).ok();
    }

    pub(super) fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
        self.waits_for_peer.store(NOBODY, Ordering::Relaxed);
    }

    /// Everything is read; the stream will wake the receiver of `cx`.
    pub(super) fn waits_for_peer(&self, cx: &Context<'_>) {
        let who = if self.is_current() { THE_HANDLER } else { SOMEBODY };
        self.waits_for_peer.store(who, Ordering::Relaxed);
        self.remember(cx);
    }

    /// The handler runs: unless it comes back to it, nobody reads for it.
    pub(super) fn handler_runs(&self) {
        if self.waits_for_peer.load(Ordering::Relaxed) == THE_HANDLER {
            self.waits_for_peer.store(NOBODY, Ordering::Relaxed);
        }
    }

    /// Before a read: lets everything leave that was caused so far. Says how much the peer takes;
    /// when that is not plenty, the task wakes the receiver once there is more room.
    pub(super) fn make_room(&self, cx: &mut Context<'_>) -> Room {
        let is_current = self.is_current();
        let mut room = if is_current {
            match self.flush(cx) {
                Ok(flush) => flush.room(),
                Err(error) => {
                    self.fail(error);
                    Room::Plenty
                }
            }
        } else {
            self.room()
        };
        if room == Room::Plenty {
            return room;
        }
        if !is_current {
            self.remember(cx);
            self.waits_for_room.store(true, Ordering::Release);
            // There may have been more before the waker was there.
            room = self.room();
        }
        if room == Room::None {
            // The peer is not to blame for silence: we do not listen.
            self.waits_for_peer.store(NOBODY, Ordering::Relaxed);
        }
        room
    }

    fn room(&self) -> Room {
        let waiting_bytes = self.outbox.waiting_bytes();
        let blocked = self.outbox.is_blocked();
        Flush { waiting_bytes, blocked, ..Flush::default() }.room()
    }

    /// Has the task watch over the message under way.
    pub(super) fn watch_message(&self, due: Option<Instant>) {
        if due.is_none() && !self.has_message_due.load(Ordering::Acquire) {
            return;
        }
        lock(&self.state).get_or_insert_default().message_due = due;
        self.has_message_due.store(due.is_some(), Ordering::Release);
        if due.is_some() && !self.is_current() {
            self.outbox.wake();
        }
    }

    fn remember(&self, cx: &Context<'_>) {
        // Within the task's own turn nobody has to be woken: the task polls its handler each time.
        if !self.is_current() {
            let mut state = lock(&self.state);
            let state = state.get_or_insert_default();
            if !state.receiver.as_ref().is_some_and(|it| it.will_wake(cx.waker())) {
                state.receiver = Some(cx.waker().clone());
            }
        }
    }

    pub(super) fn failure(&self) -> Option<Error> {
        if !self.has_failed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.state).as_ref()?.failure.clone()
    }

    /// How the peer ended the connection, if it did.
    pub(super) fn closed(&self) -> Option<Closed> {
        lock(&self.state).as_ref()?.closed.clone()
    }

    // What the task does.

    pub(super) fn outbox(&self) -> &Outbox<Command> {
        &self.outbox
    }

    pub(super) fn peer_has_closed(&self, closed: Closed) {
        lock(&self.state).get_or_insert_default().closed.get_or_insert(closed);
    }

    /// Ends the connection at once. The first cause counts.
    pub(super) fn fail(&self, error: Error) {
        lock(&self.state).get_or_insert_default().failure.get_or_insert(error);
        self.has_failed.store(true, Ordering::Release);
        self.outbox.close();
        self.is_sealed.store(true, Ordering::Release);
        self.command(Command::Failed);
    }

    /// The stream is not needed any more.
    pub(super) fn end(&self) {
        self.outbox.close();
        self.is_sealed.store(true, Ordering::Release);
        drop(lock(&self.writer).take());
        self.wake_receiver();
    }

    fn wake_receiver(&self) {
        let waker = lock(&self.state).as_mut().and_then(|it| it.receiver.take());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// By when the message under way must have come further.
    pub(super) fn message_due(&self) -> Option<Instant> {
        if !self.has_message_due.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.state).as_ref()?.message_due
    }

    /// The message under way is due: the receiver looks at it.
    pub(super) fn message_is_due(&self) {
        lock(&self.state).get_or_insert_default().message_due = None;
        self.has_message_due.store(false, Ordering::Relaxed);
        self.wake_receiver();
    }

    /// Whether the clock has called since the last time.
    pub(super) fn has_rung(&self) -> bool {
        self.rang.load(Ordering::Relaxed) && self.rang.swap(false, Ordering::Acquire)
    }

    /// Whether the peer gave a sign of life since the last time, or cannot be blamed for silence
    /// because nobody listens.
    pub(super) fn lives(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
            || self.waits_for_peer.load(Ordering::Relaxed) == NOBODY
    }

    /// Whether bytes have left since the last time.
    pub(super) fn has_written(&self) -> bool {
        self.has_written.swap(false, Ordering::Relaxed)
    }

    /// Whether the task has nothing to write and nothing to end.
    pub(super) fn is_calm(&self) -> bool {
        !self.is_sealed.load(Ordering::Acquire)
            && !self.is_blocked.load(Ordering::Relaxed)
            && FRAMES.with_borrow(Vec::is_empty)
    }

    /// Writes what waits. Only within the task's turn.
    pub(super) fn flush(&self, cx: &mut Context<'_>) -> Result<Flush, Error> {
        let mut writer = lock(&self.writer);
        let Some(writer) = &mut *writer else { return Ok(Flush::default()) };
        let (waiting_bytes, is_closed) = self.outbox.waiting();
        if waiting_bytes == 0 && writer.is_flushed() {
            let (bytes, all) = FRAMES.with_borrow_mut(|frames| writer.poll_write(frames, cx))?;
            if bytes != 0 {
                self.has_written.store(true, Ordering::Relaxed);
            }
            if all {
                self.is_blocked.store(false, Ordering::Relaxed);
                return Ok(Flush { is_closed, ..Flush::default() });
            }
        }
        let mut taken = (0, false);
        let fill = |chunks: &mut Chunks| {
            // What the turn has sent comes before anything that a socket sends elsewhere which has
            // left the turn; nothing else can wait in the outbox then.
            FRAMES.with_borrow_mut(|frames| {
                if !frames.is_empty() {
                    self.outbox.add(chunks.append_with(|output| output.append(frames)));
                }
            });
            taken = self.outbox.take_chunks(chunks);
        };
        let flushed = writer.poll_flush(fill, cx)?;
        let (mut waiting_bytes, is_closed) = taken;
        if flushed.bytes != 0 {
            self.has_written.store(true, Ordering::Relaxed);
            waiting_bytes = self.outbox.written(flushed.bytes);
        }
        self.is_blocked.store(!flushed.all, Ordering::Relaxed);
        let flush = Flush { blocked: !flushed.all, waiting_bytes, is_closed };
        let room = flush.room();
        if room != Room::None && self.waits_for_room.load(Ordering::Relaxed) {
            // Where something still waits, a pong may be kept back that wants to know the end of it.
            self.waits_for_room.store(room == Room::Some, Ordering::Relaxed);
            self.wake_receiver();
        }
        Ok(flush)
    }

    /// Ends our side of the stream.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.writer).as_mut().map_or(Poll::Ready(Ok(())), |it| it.poll_shutdown(cx))
    }

    /// Runs `turn`, which is a part of this connection's task.
    pub(super) fn within_turn<T>(self: &Arc<Self>, turn: impl FnOnce() -> T) -> T {
        let current = CURRENT.replace(Arc::as_ptr(self));
        // A turn within another one has a buffer of its own.
        let frames = if current.is_null() { Vec::new() } else { FRAMES.take() };
        let _outer = Outer { current, frames, spilled: SPILLED.replace(false) };
        turn()
    }

    fn is_current(&self) -> bool {
        ptr::eq(CURRENT.get(), self)
    }
}

/// What a flush achieved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flush {
    /// The peer takes no more for now.
    pub(super) blocked: bool,
    pub(super) waiting_bytes: usize,
    /// Nothing more may be sent.
    pub(super) is_closed: bool,
}

impl Flush {
    fn room(self) -> Room {
        if SOFT_BYTES < self.waiting_bytes {
            Room::None
        } else if self.blocked {
            Room::Some
        } else {
            Room::Plenty
        }
    }
}

/// How much the peer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// All that it is given.
    Plenty,
    /// Something waits.
    Some,
    /// So much waits that it should first take some of it before it is heard.
    None,
}

/// What a handshake came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreed<'a> {
    pub(super) protocol: Option<&'a str>,
    pub(super) deflate: Option<Agreement>,
}

fn len(message: floor::Message<'_>) -> usize {
    match message {
        floor::Message::Text(text) => text.len(),
        floor::Message::Binary(bytes) => bytes.len(),
    }
}

fn sent(was_accepted: bool) -> Result<(), Error> {
    if was_accepted { Ok(()) } else { Err(Error::Closed) }
}

thread_local! {
    /// The connection whose task runs on this thread. Only ever compared.
    static CURRENT: Cell<*const Shared> = const { Cell::new(ptr::null()) };
    /// What that task has sent and not yet written.
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// Some of it waits in the outbox, and the rest must follow it there.
    static SPILLED: Cell<bool> = const { Cell::new(false) };
}

// Who waits for the peer.
const NOBODY: u8 = 0;
const THE_HANDLER: u8 = 1;
const SOMEBODY: u8 = 2;

/// Puts back what was current before.
struct Outer {
    current: *const Shared,
    frames: Vec<u8>,
    spilled: bool,
}

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.current);
        SPILLED.set(self.spilled);
        if self.current.is_null() {
            // The buffer serves the next turn. What is left in it can be sent no more.
            FRAMES.with_borrow_mut(|frames| {
                frames.clear();
                frames.shrink_to(FRAMES_BYTES_MAX);
            });
        } else {
            FRAMES.set(mem::take(&mut self.frames));
        }
    }
}

/// A buffer that one large frame has made larger is not kept.
const FRAMES_BYTES_MAX: usize = 64 * 1024;
/// Sharing a frame costs a piece of a vectored write, copying a small one less.
const SHARE_BYTES_MIN: usize = 256;
