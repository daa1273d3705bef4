//! Sessions: one per connected client, whatever the transport.
//!
//! A [`Session`] is the part that every thread may reach; the rest belongs to the session's one
//! task, the [`driver::Driver`], which owns the three protocol machines and runs the handlers.
//!
//! | file | what it knows |
//! |---|---|
//! | `driver.rs` | the task: one loop, one closed set of reasons to wake |
//! | `receive.rs` | bytes → frames → Engine.IO packets → Socket.IO packets |
//! | `raw.rs` | the one handler of a connection without Socket.IO |
//! | `slots.rs` | the sockets of this connection, their queues and running handlers |
//! | `occasion.rs` | which handlers run when, as one future |
//! | `polling.rs` | the requests of a long-polling client |
//! | `ending.rs` | how a connection ends, and what is still delivered |
//! | `link.rs` | the WebSocket's byte stream |
//! | `flusher.rs` | who writes a broadcast to all that get it |
//! | `together.rs`, `ring.rs` | the same with io_uring, if that feature is on |
//! | `v3.rs` | what clients of Engine.IO 3 do in another way |

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::bounds::ChosenBounds;
use crate::dialect::{Dialect, PollBody};
use crate::engine::Engine;
use crate::error::DisconnectReason;
use crate::handshake::Handshake;
use crate::outbox::{Outbox, Overflow};
use crate::socket::Socket;
use crate::sync::lock;
use crate::wheel::Alarm;
use crate::{Id, Transport};

pub(crate) mod driver;
mod ending;
pub(crate) mod flusher;
pub(crate) mod link;
mod occasion;
mod polling;
mod raw;
mod receive;
#[cfg(all(feature = "io-uring", target_os = "linux"))]
mod ring;
mod slots;
#[cfg(all(feature = "io-uring", target_os = "linux"))]
mod together;
mod v3;

pub(crate) use link::Link;
use link::Wire;

/// What other threads know of a connection.
pub(crate) struct Session {
    /// The Engine.IO session id: a secret between this client and us.
    pub(crate) sid: Id,
    pub(crate) engine: Arc<Engine>,
    pub(crate) handshake: Arc<Handshake>,
    pub(crate) outbox: Outbox<Command>,
    /// Locked before the outbox, by whoever takes from it in order to write.
    wire: Mutex<Wire>,
    pub(crate) dialect: Dialect,
    transport: AtomicU8,
    /// A POST of this session is under way.
    posting: AtomicBool,
    /// Its client is gone, and it is its turn to end.
    may_leave: AtomicBool,
}

/// How often a flusher looks whether more has come for a client: others wait for it.
const LOOKS: usize = 2;

impl Session {
    pub(crate) fn new(
        engine: Arc<Engine>,
        sid: Id,
        handshake: Handshake,
        transport: Transport,
        dialect: Dialect,
    ) -> Self {
        let outbox = match transport {
            Transport::Polling => Outbox::polling(dialect, engine.config.bounds),
            Transport::WebSocket => Outbox::websocket(dialect, engine.config.bounds),
        };
        Self {
            sid,
            engine,
            handshake: Arc::new(handshake),
            outbox,
            wire: Mutex::default(),
            dialect,
            transport: AtomicU8::new(transport as u8),
            posting: AtomicBool::new(false),
            may_leave: AtomicBool::new(false),
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        if self.transport.load(Ordering::Relaxed) == Transport::WebSocket as u8 {
            Transport::WebSocket
        } else {
            Transport::Polling
        }
    }

    pub(crate) fn upgraded(&self) {
        self.transport.store(Transport::WebSocket as u8, Ordering::Relaxed);
    }

    /// Asks the task to end the connection.
    pub(crate) fn close(&self, reason: DisconnectReason) {
        // Refused only when the task is gone: then it is closed already.
        self.outbox.command(Command::Close(reason)).ok();
    }

    /// The WebSocket is the transport: others may write to it, if it is plain TCP. What the link has
    /// queued by itself (the head of the answer) leaves in the task's first turn, before any socket
    /// exists that a broadcast could reach.
    fn open_wire(&self, link: &mut Link) {
        let wire = link.take_wire();
        if wire.stream().is_some() {
            *lock(&self.wire) = wire;
            self.outbox.open_listing();
        }
    }

    /// Nobody writes any more.
    fn close_wire(&self) {
        drop(std::mem::take(&mut *lock(&self.wire)));
    }

    /// Writes what waits, on behalf of the task, and says how many bytes that was. What the stream
    /// does not take, an error, and what comes in meanwhile again and again is left to the task,
    /// which is woken.
    fn flush(&self) -> usize {
        self.flush_to(&lock(&self.wire))
    }

    fn flush_to(&self, wire: &Wire) -> usize {
        let mut bytes = 0;
        for _ in 0..LOOKS {
            let Some(mut writing) = self.outbox.take_listed() else { return bytes };
            // An error comes again, to the task.
            let written = wire.stream().map_or(Ok(0), |it| writing.try_flush(it)).unwrap_or(0);
            bytes += written;
            self.outbox.give_back(written, writing);
        }
        self.outbox.unlist();
        bytes
    }

    /// Begins a POST; `None` when another one is under way.
    pub(crate) fn begin_post(self: &Arc<Self>) -> Option<Posting> {
        let is_first = !self.posting.swap(true, Ordering::AcqRel);
        is_first.then(|| Posting(Arc::clone(self)))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the sid: it is a secret.
        f.debug_struct("Session").field("transport", &self.transport()).finish_non_exhaustive()
    }
}

impl Alarm for Session {
    fn ring(&self) {
        self.outbox.wake();
    }
}

/// A POST that is under way, until it is dropped.
pub(crate) struct Posting(Arc<Session>);

impl Drop for Posting {
    fn drop(&mut self) {
        self.0.posting.store(false, Ordering::Release);
    }
}

/// What other threads ask of a connection's task.
pub(crate) enum Command {
    /// A polling client wants packets.
    Poll(oneshot::Sender<Reply>),
    /// A polling client has sent packets, as text.
    Post(Bytes, oneshot::Sender<Reply>),
    /// A polling client of Engine.IO 3 has sent packets, as bytes.
    PostBytes(Bytes, oneshot::Sender<Reply>),
    /// Begin as if the client had asked for the namespace `/`, which Engine.IO 3 implies.
    Enter,
    /// The head of the POST that comes next, for servers that keep requests.
    Request(Arc<Handshake>),
    /// A WebSocket with our sid wants to take over.
    Upgrade(Box<Link>),
    /// A socket was put out of its namespace; its handlers want to know.
    Disconnected(Socket),
    /// The client of this socket is back on another connection: end this one. The
    /// sender is dropped when the socket's disconnect handlers have returned.
    TakenOver(Socket, oneshot::Sender<()>),
    /// End the connection.
    Close(DisconnectReason),
    /// The outbox has reached its hard bound.
    SlowConsumer,
}

impl Overflow for Command {
    type Bounds = ChosenBounds;

    fn slow_consumer() -> Self {
        Self::SlowConsumer
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poll(_) => "Poll",
            Self::Post(..) | Self::PostBytes(..) => "Post",
            Self::Enter => "Enter",
            Self::Request(_) => "Request",
            Self::Upgrade(_) => "Upgrade",
            Self::Disconnected(_) => "Disconnected",
            Self::TakenOver(..) => "TakenOver",
            Self::Close(_) => "Close",
            Self::SlowConsumer => "SlowConsumer",
        })
    }
}

/// The answer to a polling request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// 200 with this body.
    Body(PollBody),
    /// The same, not to be compressed.
    Plain(PollBody),
    /// 400 Bad request: the client broke a rule.
    Refused,
}
