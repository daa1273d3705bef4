//! What waits to be sent on one connection, and the way to wake its task.
//!
//! Any thread may push; only the connection's task takes. A push while that task is running does
//! not wake it, because the task looks again before it rests: everything that one turn caused
//! leaves in one write. The representation follows the transport: whole frames for a WebSocket,
//! packets for long-polling (whose size is only known when a poll comes).
//!
//! Limits: `SOFT_BYTES` is where `Socket::ready` begins to wait, `HARD_BYTES` is where the
//! connection is given up as a slow consumer. One packet always fits an empty queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::prepared::{Prepared, encode_frames};
use crate::session::Command;
use crate::sync::lock;

/// Above this many waiting bytes a connection is congested.
pub(crate) const SOFT_BYTES: usize = 1024 * 1024;
/// Above this many it is closed.
pub(crate) const HARD_BYTES: usize = 16 * 1024 * 1024;

/// The outgoing half of a connection, shared by everybody who may send to it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: Queue,
    /// Bytes pushed and not yet written, the ones that the task holds included.
    bytes: usize,
    phase: Phase,
    waker: Option<Waker>,
    commands: Vec<Command>,
    ready: Option<Arc<Notify>>,
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

/// What is queued, in the form that the transport wants.
#[derive(Debug)]
pub(crate) enum Queue {
    /// Encoded frames.
    WebSocket(VecDeque<Chunk>),
    /// Engine.IO packets, encoded when a poll takes them.
    Polling(VecDeque<Packet>),
}

impl Default for Queue {
    fn default() -> Self {
        Self::WebSocket(VecDeque::new())
    }
}

/// A piece of a WebSocket's byte stream.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Frames that other connections send too.
    Shared(Bytes),
    /// Frames of this connection alone, small ones copied together.
    Own(Vec<u8>),
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// An Engine.IO message that waits for a poll.
#[derive(Debug)]
pub(crate) enum Packet {
    /// A text packet, its leading digit included.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Packet {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(data) => data.len(),
            // Base64 makes four characters of three bytes, after the letter `b`.
            Self::Binary(data) => 1 + data.len().div_ceil(3) * 4,
        }
    }
}

impl Outbox {
    /// An outbox for a connection that begins with long-polling.
    pub(crate) fn polling() -> Self {
        let inner = Inner { queue: Queue::Polling(VecDeque::new()), ..Inner::default() };
        Self { inner: Mutex::new(inner) }
    }

    /// Queues one packet for this connection alone. `text` begins with its Engine.IO digit.
    pub(crate) fn push(&self, text: &[u8], attachments: &[Bytes]) {
        self.push_with(|queue| match queue {
            Queue::WebSocket(chunks) => {
                let last_len = chunks.back().map_or(0, |it| it.as_ref().len());
                match chunks.back_mut() {
                    Some(Chunk::Own(frames)) if last_len < COPY_TOGETHER_BYTES => {
                        encode_frames(text, attachments, frames);
                        frames.len() - last_len
                    }
                    _ => {
                        let mut frames = Vec::new();
                        encode_frames(text, attachments, &mut frames);
                        let len = frames.len();
                        chunks.push_back(Chunk::Own(frames));
                        len
                    }
                }
            }
            Queue::Polling(packets) => {
                let text = Bytes::copy_from_slice(text);
                push_packets(text, attachments, packets)
            }
        });
    }

    /// Queues a packet whose bytes many connections share.
    pub(crate) fn push_shared(&self, prepared: &Prepared) {
        self.push_with(|queue| match queue {
            Queue::WebSocket(chunks) => {
                let frames = prepared.frames().clone();
                let len = frames.len();
                chunks.push_back(Chunk::Shared(frames));
                len
            }
            Queue::Polling(packets) => {
                push_packets(prepared.text().clone(), prepared.attachments(), packets)
            }
        });
    }

    /// Queues frames that are encoded already. Only the task of a WebSocket does that.
    pub(crate) fn push_frames(&self, frames: Vec<u8>) {
        self.push_with(|queue| match queue {
            Queue::WebSocket(chunks) => {
                let len = frames.len();
                chunks.push_back(Chunk::Own(frames));
                len
            }
            Queue::Polling(_) => 0,
        });
    }

    fn push_with(&self, push: impl FnOnce(&mut Queue) -> usize) {
        let waker = {
            let mut inner = lock(&self.inner);
            if inner.phase == Phase::Closed {
                return;
            }
            let was_empty = inner.bytes == 0;
            let len = push(&mut inner.queue);
            inner.bytes += len;
            if HARD_BYTES < inner.bytes && !was_empty {
                inner.commands.push(Command::SlowConsumer);
                inner.give_up();
            }
            if inner.phase == Phase::Blocked { None } else { inner.wake_up() }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Asks the task for something. Gives the command back when the task is gone.
    pub(crate) fn command(&self, command: Command) -> Result<(), Command> {
        let waker = {
            let mut inner = lock(&self.inner);
            if inner.phase == Phase::Closed && inner.waker.is_none() {
                return Err(command);
            }
            inner.commands.push(command);
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

    /// The task's turn begins. Fills `commands` with what was asked meanwhile.
    pub(crate) fn begin(&self, waker: &Waker, commands: &mut Vec<Command>) {
        let mut inner = lock(&self.inner);
        if inner.phase != Phase::Closed {
            inner.phase = Phase::Awake;
        }
        if !inner.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            inner.waker = Some(waker.clone());
        }
        std::mem::swap(&mut inner.commands, commands);
    }

    /// The task's turn ends, unless something came in: then `false`, and it must go on.
    ///
    /// A task that is `blocked` waits for its transport, so that a filled queue is no reason.
    pub(crate) fn rest(&self, blocked: bool) -> bool {
        let mut inner = lock(&self.inner);
        if !inner.commands.is_empty() || (!blocked && !inner.queue.is_empty()) {
            return false;
        }
        if inner.phase == Phase::Awake {
            inner.phase = if blocked { Phase::Blocked } else { Phase::Idle };
        }
        true
    }

    /// Takes everything that a WebSocket has to send.
    pub(crate) fn take_chunks(&self, chunks: &mut VecDeque<Chunk>) {
        if let Queue::WebSocket(queue) = &mut lock(&self.inner).queue {
            if chunks.is_empty() {
                std::mem::swap(chunks, queue);
            } else {
                chunks.append(queue);
            }
        }
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
        inner.written(written);
        taken
    }

    /// Whether a poll would get something.
    pub(crate) fn has_packets(&self) -> bool {
        !lock(&self.inner).queue.is_empty()
    }

    /// Turns a polling queue into frames: the WebSocket has taken over.
    pub(crate) fn upgrade(&self) {
        let mut inner = lock(&self.inner);
        let Queue::Polling(packets) = std::mem::take(&mut inner.queue) else { return };
        inner.bytes = 0;
        let mut frames = Vec::new();
        for packet in packets {
            match packet {
                Packet::Text(text) => encode_frames(&text, &[], &mut frames),
                Packet::Binary(data) => {
                    switchboard_ws::encode(switchboard_ws::Message::Binary(&data), &mut frames);
                }
            }
        }
        if !frames.is_empty() {
            inner.bytes = frames.len();
            inner.queue = Queue::WebSocket(VecDeque::from([Chunk::Own(frames)]));
        }
    }

    /// Counts bytes as written.
    pub(crate) fn written(&self, bytes: usize) {
        lock(&self.inner).written(bytes);
    }

    /// How many bytes wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        lock(&self.inner).bytes
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
    pub(crate) fn retire(&self) -> Vec<Command> {
        let mut inner = lock(&self.inner);
        inner.give_up();
        inner.waker = None;
        std::mem::take(&mut inner.commands)
    }

    /// Ready once fewer than [`SOFT_BYTES`] wait, or the connection is closed.
    pub(crate) async fn ready(&self) {
        loop {
            let notify = {
                let mut inner = lock(&self.inner);
                if inner.bytes <= SOFT_BYTES {
                    return;
                }
                Arc::clone(inner.ready.get_or_insert_default())
            };
            let mut notified = std::pin::pin!(notify.notified());
            notified.as_mut().enable();
            if lock(&self.inner).bytes <= SOFT_BYTES {
                return;
            }
            notified.await;
        }
    }
}

impl Inner {
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
        if self.bytes <= SOFT_BYTES
            && let Some(ready) = self.ready.take()
        {
            ready.notify_waiters();
        }
    }

    fn give_up(&mut self) {
        self.phase = Phase::Closed;
        self.queue = match self.queue {
            Queue::WebSocket(_) => Queue::WebSocket(VecDeque::new()),
            Queue::Polling(_) => Queue::Polling(VecDeque::new()),
        };
        self.written(self.bytes);
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        match self {
            Self::WebSocket(chunks) => chunks.is_empty(),
            Self::Polling(packets) => packets.is_empty(),
        }
    }
}

fn push_packets(text: Bytes, attachments: &[Bytes], packets: &mut VecDeque<Packet>) -> usize {
    let text = Packet::Text(text);
    let mut len = text.len();
    packets.push_back(text);
    for attachment in attachments {
        let packet = Packet::Binary(attachment.clone());
        len += packet.len();
        packets.push_back(packet);
    }
    len
}

/// Frames are appended to the last chunk of one's own while it is smaller than this.
const COPY_TOGETHER_BYTES: usize = 8 * 1024;
