//! What waits to be sent on one connection, and the way to wake its task.
//!
//! Any thread may push; the connection's task takes, or a flusher on its behalf. A push while that task is running does
//! not wake it, because the task looks again before it rests: everything that one turn caused
//! leaves in one write. The representation follows the transport: whole frames for a WebSocket,
//! packets for long-polling (whose size is only known when a poll comes).
//!
//! A broadcast does not wake the tasks of its recipients: it lists their outboxes, and the
//! [`Flusher`](crate::session::Flusher) writes for all of them. It may do so only while the task
//! rests with nothing left to write ([`Phase::Idle`]), and holds the session's wire from taking
//! bytes until it has given back what the stream did not take.
//!
//! Limits: [`Bounds::soft`] is where `Socket::ready` begins to wait, [`Bounds::hard`] is where the
//! connection is given up as a slow consumer. One packet always fits an empty queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::bounds::Bounds;
use crate::chunks::Chunks;
use crate::deflation::Deflation;
use crate::dialect::Dialect;
use crate::encoding::Encoded;
use crate::flags::Flags;
use crate::prepared::Prepared;
use crate::sync::lock;

mod listing;
mod queue;

use listing::Listing;
pub(crate) use listing::Pushed;
pub(crate) use queue::Packet;
use queue::{Queue, push_packets, push_shared};

/// The outgoing half of a connection, shared by everybody who may send to it.
///
/// `C` is what may be asked of the task besides.
pub(crate) struct Outbox<C: Overflow> {
    inner: Mutex<Inner<C>>,
}

/// What an outbox asks of its task by itself.
pub(crate) trait Overflow {
    type Bounds: Bounds;

    /// The hard bound is reached: end the connection.
    fn slow_consumer() -> Self;
}

struct Inner<C: Overflow> {
    queue: Queue,
    bounds: C::Bounds,
    /// Bytes pushed and not yet written, the ones that the task holds included.
    bytes: usize,
    phase: Phase,
    listing: Listing,
    dialect: Dialect,
    waker: Option<Waker>,
    /// Rarely any, so they stand apart.
    #[expect(clippy::box_collection, reason = "an idle connection should be small")]
    commands: Option<Box<Vec<C>>>,
    ready: Option<Arc<Notify>>,
    /// The task is gone.
    is_retired: bool,
    /// Some packet that waits for a poll wants to be compressed.
    compress: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The task rests and must be woken.
    #[default]
    Idle,
    /// The task runs, or will.
    Awake,
    /// The task waits for its transport to take bytes: more of them are no news.
    Blocked,
    /// Nothing will ever be sent again.
    Closed,
}

impl<C: Overflow> Outbox<C> {
    /// An outbox for a connection that is a WebSocket.
    pub(crate) fn websocket(dialect: Dialect, bounds: C::Bounds) -> Self {
        Self::new(Queue::WebSocket(Chunks::default()), dialect, bounds)
    }

    /// An outbox for a connection that begins with long-polling.
    pub(crate) fn polling(dialect: Dialect, bounds: C::Bounds) -> Self {
        Self::new(Queue::Polling(VecDeque::new()), dialect, bounds)
    }

    fn new(queue: Queue, dialect: Dialect, bounds: C::Bounds) -> Self {
        let inner = Inner {
            queue,
            bounds,
            bytes: 0,
            phase: Phase::Idle,
            listing: Listing::Never,
            dialect,
            waker: None,
            commands: None,
            ready: None,
            is_retired: false,
            compress: false,
        };
        Self { inner: Mutex::new(inner) }
    }
}

impl<C: Overflow> Outbox<C> {
    /// Queues one packet for this connection alone. `text` begins with its Engine.IO digit, or is
    /// empty: then the packet is binary.
    pub(crate) fn push(&self, text: &[u8], attachments: &[Bytes]) {
        self.push_own(text, attachments, Flags::default());
    }

    /// Queues one Socket.IO packet for this connection alone.
    pub(crate) fn push_packet(&self, packet: &Encoded) {
        self.push_packet_with(packet, Flags::default());
    }

    /// Queues one Socket.IO packet for this connection alone. `false` when it was dropped.
    pub(crate) fn push_packet_with(&self, packet: &Encoded, flags: Flags) -> bool {
        self.push_own(&packet.text, &packet.attachments, flags)
    }

    /// Queues a packet whose bytes many connections share. `false` when it was dropped.
    pub(crate) fn push_shared(&self, prepared: &Prepared) -> bool {
        self.push_in_dialect(prepared.flags(), |queue, dialect| {
            queue.share(prepared, None, dialect)
        })
    }

    fn push_own(&self, text: &[u8], attachments: &[Bytes], flags: Flags) -> bool {
        self.push_in_dialect(flags, |queue, dialect| match queue {
            Queue::WebSocket(chunks) => {
                chunks.append_with(|frames| dialect.encode_frames(text, attachments, frames))
            }
            Queue::Polling(packets) => {
                let text = Bytes::copy_from_slice(text);
                push_packets(text, attachments, packets)
            }
        })
    }

    /// Queues what `write` writes: whole frames. Only for WebSockets. `false` when nothing may be
    /// sent any more.
    pub(crate) fn push_frames_with(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.push_with(|queue| match queue {
            Queue::WebSocket(chunks) => chunks.append_with(write),
            Queue::Polling(_) => 0,
        })
    }

    /// Queues frames that stay where they are. Only for WebSockets. `false` when nothing may be
    /// sent any more.
    pub(crate) fn push_frames(&self, frames: Bytes) -> bool {
        self.push_with(|queue| match queue {
            Queue::WebSocket(chunks) => push_shared(chunks, frames),
            Queue::Polling(_) => 0,
        })
    }

    /// Queues the start of a frame as `write` writes it, and its payload, which stays where it is.
    /// Only for WebSockets. `false` when nothing may be sent any more.
    pub(crate) fn push_frame(&self, write: impl FnOnce(&mut Vec<u8>), payload: Bytes) -> bool {
        self.push_with(|queue| match queue {
            Queue::WebSocket(chunks) => chunks.append_with(write) + push_shared(chunks, payload),
            Queue::Polling(_) => 0,
        })
    }

    /// Queues the last frame, which `write` writes, and refuses everything from now on. `false`
    /// when that has happened before.
    pub(crate) fn push_last(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let waker = {
            let mut inner = lock(&self.inner);
            if inner.phase == Phase::Closed {
                return false;
            }
            let Queue::WebSocket(chunks) = &mut inner.queue else { return false };
            let len = chunks.append_with(write);
            inner.bytes += len;
            let waker = inner.wake_up();
            inner.phase = Phase::Closed;
            inner.tell_waiting();
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn push_with(&self, push: impl FnOnce(&mut Queue) -> usize) -> bool {
        self.push_in_dialect(Flags::default(), |queue, _| push(queue))
    }

    fn push_in_dialect(
        &self,
        flags: Flags,
        push: impl FnOnce(&mut Queue, Dialect) -> usize,
    ) -> bool {
        let waker = {
            let mut inner = lock(&self.inner);
            if !inner.push(flags, push) {
                return false;
            }
            inner.wake_to_write()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Asks the task for something. Gives the command back when the task is gone.
    pub(crate) fn command(&self, command: C) -> Result<(), C> {
        let waker = {
            let mut inner = lock(&self.inner);
            if inner.is_retired {
                return Err(command);
            }
            inner.commands.get_or_insert_default().push(command);
            inner.wake_up()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Wakes the task, which finds out itself what is due.
    pub(crate) fn wake(&self) {
        let waker = lock(&self.inner).waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The task's turn begins. Gives what was asked meanwhile.
    pub(crate) fn begin(&self, waker: &Waker) -> Vec<C> {
        let mut inner = lock(&self.inner);
        if inner.phase != Phase::Closed {
            inner.phase = Phase::Awake;
        }
        if !inner.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            inner.waker = Some(waker.clone());
        }
        inner.commands.take().map_or_else(Vec::new, |it| *it)
    }

    /// The task's turn ends, unless something came in: then `false`, and it must go on.
    ///
    /// A task that is `blocked` waits for its transport, so that a filled queue is no reason.
    pub(crate) fn rest(&self, blocked: bool) -> bool {
        let mut inner = lock(&self.inner);
        if inner.commands.is_some() || (!blocked && !inner.queue.is_empty()) {
            return false;
        }
        if inner.phase == Phase::Awake {
            inner.phase = if blocked { Phase::Blocked } else { Phase::Idle };
        }
        true
    }

    /// Takes everything that a WebSocket has to send. Says how many bytes wait, those included
    /// that were taken before, and whether they are the last.
    pub(crate) fn take_chunks(&self, chunks: &mut Chunks) -> (usize, bool) {
        let mut inner = lock(&self.inner);
        if let Queue::WebSocket(queue) = &mut inner.queue {
            queue.settle();
            chunks.append(queue);
            if inner.listing == Listing::Torn {
                inner.listing = Listing::Open;
            }
        }
        (inner.bytes, inner.phase == Phase::Closed)
    }

    /// Takes packets for one poll: as many as fit `bytes_max`, at least one if there is any.
    pub(crate) fn take_packets(&self, bytes_max: usize) -> Vec<Packet> {
        let mut inner = lock(&self.inner);
        let Queue::Polling(queue) = &mut inner.queue else { return Vec::new() };
        let (mut taken, mut body) = (Vec::new(), 0);
        while let Some(packet) = queue.front() {
            // One byte for the separator.
            let len = packet.len() + 1;
            if !taken.is_empty() && bytes_max < body + len {
                break;
            }
            body += len;
            taken.extend(queue.pop_front());
        }
        let written: usize = taken.iter().map(Packet::len).sum();
        let is_empty = queue.is_empty();
        inner.written(written);
        inner.set_polled(false);
        inner.compress &= !is_empty;
        taken
    }

    /// Whether a packet that waits for a poll wants to be compressed. Asked before
    /// [`take_packets`](Self::take_packets).
    pub(crate) fn wants_compression(&self) -> bool {
        lock(&self.inner).compress
    }

    /// A poll waits for packets from now on, or no longer does.
    pub(crate) fn set_polled(&self, is_polled: bool) {
        lock(&self.inner).set_polled(is_polled);
    }

    /// Whether a poll would get something.
    pub(crate) fn has_packets(&self) -> bool {
        !lock(&self.inner).queue.is_empty()
    }

    /// Turns a polling queue into frames: the WebSocket has taken over.
    pub(crate) fn upgrade(&self, is_base64: bool, deflate: Option<Deflation>) {
        let mut inner = lock(&self.inner);
        inner.dialect = Dialect { is_base64, deflate, ..inner.dialect };
        let mut dialect = inner.dialect;
        dialect.deflate = deflate.filter(|_| inner.compress);
        let Queue::Polling(packets) = &mut inner.queue else { return };
        let packets = std::mem::take(packets);
        let mut chunks = Chunks::default();
        inner.bytes = chunks.append_with(|frames| {
            for packet in packets {
                match packet {
                    Packet::Text(text) => dialect.encode_frames(&text, &[], frames),
                    Packet::Binary(data) => dialect.encode_binary_frame(&data, frames),
                }
            }
        });
        inner.queue = Queue::WebSocket(chunks);
    }

    /// Counts bytes that go out without having been queued.
    pub(crate) fn add(&self, bytes: usize) {
        lock(&self.inner).bytes += bytes;
    }

    /// Counts bytes as written. Says how many still wait.
    pub(crate) fn written(&self, bytes: usize) -> usize {
        let mut inner = lock(&self.inner);
        inner.written(bytes);
        inner.bytes
    }

    /// How many bytes wait, and whether they are the last.
    pub(crate) fn waiting(&self) -> (usize, bool) {
        let inner = lock(&self.inner);
        (inner.bytes, inner.phase == Phase::Closed)
    }

    /// Whether the task waits for its transport to take bytes.
    pub(crate) fn is_blocked(&self) -> bool {
        lock(&self.inner).phase == Phase::Blocked
    }

    /// Whether nothing more may be sent.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.inner).phase == Phase::Closed
    }

    /// How many bytes wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        lock(&self.inner).bytes
    }

    /// Whether more than the soft bound waits.
    pub(crate) fn is_congested(&self) -> bool {
        lock(&self.inner).is_congested()
    }

    /// Refuses everything from now on. What is queued may still be taken.
    pub(crate) fn seal(&self) {
        lock(&self.inner).phase = Phase::Closed;
    }

    /// Refuses everything from now on, and forgets what is queued.
    pub(crate) fn close(&self) {
        lock(&self.inner).give_up();
    }

    /// The task is gone: nobody answers commands any more.
    pub(crate) fn retire(&self) -> Vec<C> {
        let mut inner = lock(&self.inner);
        inner.give_up();
        inner.waker = None;
        inner.is_retired = true;
        inner.commands.take().map_or_else(Vec::new, |it| *it)
    }

    /// Ready once no more than the soft bound waits, or the connection is closed.
    pub(crate) async fn ready(&self) {
        loop {
            let notify = {
                let mut inner = lock(&self.inner);
                if !inner.is_congested() {
                    return;
                }
                Arc::clone(inner.ready.get_or_insert_default())
            };
            let mut notified = std::pin::pin!(notify.notified());
            notified.as_mut().enable();
            {
                let inner = lock(&self.inner);
                if !inner.is_congested() {
                    return;
                }
                // Those who waited before may have been told meanwhile, by another one than ours.
                if !inner.ready.as_ref().is_some_and(|it| Arc::ptr_eq(it, &notify)) {
                    continue;
                }
            }
            notified.await;
        }
    }
}

impl<C: Overflow> Inner<C> {
    /// Queues what `push` adds. `false` when it was dropped.
    fn push(&mut self, flags: Flags, push: impl FnOnce(&mut Queue, Dialect) -> usize) -> bool {
        if self.phase == Phase::Closed || (flags.is_volatile && !self.is_writable()) {
            return false;
        }
        self.compress |= flags.compress;
        let was_empty = self.bytes == 0;
        let mut dialect = self.dialect;
        dialect.deflate = dialect.deflate.filter(|_| flags.compress);
        self.bytes += push(&mut self.queue, dialect);
        if self.bounds.hard() < self.bytes && !was_empty {
            self.commands.get_or_insert_default().push(C::slow_consumer());
            self.give_up();
        }
        true
    }

    fn is_congested(&self) -> bool {
        self.bounds.soft() < self.bytes
    }

    /// Whether a packet would leave at once: nothing is under way, and a poll waits for it.
    fn is_writable(&self) -> bool {
        self.bytes == 0
            && (self.listing == Listing::Polled || matches!(self.queue, Queue::WebSocket(_)))
    }

    fn wake_up(&mut self) -> Option<Waker> {
        match self.phase {
            Phase::Awake => None,
            Phase::Idle | Phase::Blocked => {
                self.phase = Phase::Awake;
                self.waker.clone()
            }
            // A closed outbox still has a task, which drains its handlers.
            Phase::Closed => self.waker.clone(),
        }
    }

    fn written(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if !self.is_congested() {
            self.tell_waiting();
        }
    }

    fn tell_waiting(&mut self) {
        if let Some(ready) = self.ready.take() {
            ready.notify_waiters();
        }
    }

    fn give_up(&mut self) {
        self.phase = Phase::Closed;
        self.queue = match &mut self.queue {
            // A frame that has begun must end, if anything follows it.
            Queue::WebSocket(queue) if self.listing == Listing::Torn => {
                Queue::WebSocket(queue.split_first())
            }
            Queue::WebSocket(_) => Queue::WebSocket(Chunks::default()),
            Queue::Polling(_) => Queue::Polling(VecDeque::new()),
        };
        self.written(self.bytes);
    }
}
