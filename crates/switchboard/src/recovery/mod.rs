//! Connection state recovery: after a short cut a client gets everything back, or nothing.
//!
//! | file | what it knows |
//! |---|---|
//! | `log.rs` | the packets of a namespace, in one order for everybody; going live, being cut |
//! | `history.rs` | what one socket was meant to get |
//! | `saved.rs` | what is kept of sockets whose connection was cut |
//! | `admit.rs` | what a client that wants to come back asks for |
//! | `offset.rs` | how a packet's place in the log looks to a client |
//!
//! # Invariants
//!
//! 1. **One order.** A recoverable packet gets its place in the log and is pushed into the
//!    outboxes of its recipients under one lock, the log's. So every socket gets packets in the
//!    order of the log, and "everything behind offset n" is exactly what a client lacks that has
//!    seen n.
//! 2. **Membership has places too.** A socket begins and ends to be reachable (attach, detach,
//!    join, leave) under the same lock, and notes at which place. So the log can tell for every
//!    packet whether a socket was meant to get it, also for packets that got lost on the way
//!    before a room was left.
//! 3. **Saved or live, never both.** A cut moves a session from the socket into the log, a
//!    recovery moves it back, both under the lock. Between the replay and going live there is no
//!    gap, and no pid is used twice at the same time. Who asks for the state of a live socket has
//!    that one cut first, and then finds it saved.
//! 4. **No hole.** The log forgets its oldest packets first. A client is recovered only if
//!    everything from its place on is there: one comparison of numbers.
//! 5. **Lock order:** log, then the socket's rooms, then rooms and outboxes. No code of the
//!    application runs under the log's lock; what might (drops of its values) is carried out and
//!    dropped behind it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::DisconnectReason;
use crate::bounds::Bounds;
use crate::engine::Config;
use crate::session::Session;
use crate::wheel::Wheel;

mod admit;
mod history;
mod log;
mod offset;
mod saved;

pub(crate) use admit::{Admission, Track, admit};
pub(crate) use log::{Cut, Log, Moves, Restored};

/// Options of connection state recovery, for
/// [`ServerBuilder::recovery`](crate::ServerBuilder::recovery) and
/// [`Namespace::recovery`](crate::Namespace::recovery).
///
/// After a short cut a client gets every event that it missed, its rooms, its
/// [data](crate::Socket::data) and its [id](crate::Socket::id) back, or it begins anew with
/// [`recovered`](crate::Socket::recovered)` == false`; never a part. As in the official server
/// this covers events that are neither volatile nor want an ack.
///
/// Cost, in namespaces where it is on: each event carries some 19 bytes more (its place, as the
/// last argument); events are kept for a while, within the limits below; each connected client costs
/// some 50 bytes; and the broadcasts of one namespace run one after the other.
///
/// With a [parser](crate::parser) of your own there is no recovery, but a warning in the log.
///
/// ```
/// use std::time::Duration;
/// use switchboard::{Auth, ConnectError, Recovery, Server, Socket};
///
/// #[derive(serde::Deserialize)]
/// struct Credentials { token: String }
///
/// let recovery = Recovery::default().max_disconnection_duration(Duration::from_secs(60));
/// let io = Server::builder().recovery(recovery).build();
/// io.middleware(async |socket: Socket, Auth(it): Auth<Credentials>| {
///     // Tokens change, people do not: who comes back must be the same as before.
///     let user = it.token.split('.').next().ok_or(ConnectError::new("unauthorized"))?;
///     socket.set_identity(user);
///     Ok(())
/// });
/// io.on("connection", async |socket: Socket| {
///     if !socket.recovered() {
///         socket.join("lobby").ok();
///     }
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing happens before it is given to a server or a namespace"]
pub struct Recovery {
    pub(crate) max_disconnection: Duration,
    pub(crate) skip_middlewares: bool,
    pub(crate) packets_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) sessions_max: usize,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            skip_middlewares: false,
            packets_max: 10_000,
            bytes_max: 8 * 1024 * 1024,
            sessions_max: 10_000,
        }
    }
}

impl Recovery {
    /// How long after its cut, as the server noticed it, a client may come back. Default 120 s, as
    /// in the official server. Events are kept for this time, and for as long as the heartbeat
    /// needs to notice a cut (45 s unless you change it).
    pub fn max_disconnection_duration(self, duration: Duration) -> Self {
        Self { max_disconnection: duration, ..self }
    }

    /// Whether a client that comes back passes by the [middleware](crate::Namespace::middleware).
    /// Default `false`, where the official server has `true`: the middleware decides again, and
    /// what it states as the [identity](crate::Socket::set_identity) must be the same as before.
    /// With `true` the secret that the client got when it connected is enough.
    pub fn skip_middlewares(self, skip: bool) -> Self {
        Self { skip_middlewares: skip, ..self }
    }

    /// How many events a namespace keeps. Default 10,000; each costs some 250 bytes besides its
    /// own. A client that missed the oldest begins anew once it is dropped.
    pub fn packets_max(self, packets: usize) -> Self {
        Self { packets_max: packets, ..self }
    }

    /// How many bytes of memory a namespace uses for events that it keeps. Default 8 MiB. An event
    /// counts twice, as text and as WebSocket frame, because both may have been made; recipients
    /// share both. The names of the rooms that it was for count too.
    pub fn bytes_max(self, bytes: usize) -> Self {
        Self { bytes_max: bytes, ..self }
    }

    /// Of how many clients a namespace remembers the state after their cut. Default 10,000; the
    /// longest gone is forgotten first. Each costs some 300 bytes, 40 for each of its rooms, and
    /// its [data](crate::Socket::set_data).
    pub fn sessions_max(self, sessions: usize) -> Self {
        Self { sessions_max: sessions, ..self }
    }
}

/// Whether a client may come back whose socket ended for this reason: not if somebody wanted the
/// end, nor if the client sent nonsense.
pub(crate) fn is_recoverable(reason: DisconnectReason) -> bool {
    match reason {
        DisconnectReason::TransportError
        | DisconnectReason::TransportClose
        | DisconnectReason::ForcedClose
        | DisconnectReason::PingTimeout
        | DisconnectReason::ServerShuttingDown
        | DisconnectReason::ForcedServerClose => true,
        DisconnectReason::ClientNamespace
        | DisconnectReason::ServerNamespace
        | DisconnectReason::ParseError => false,
    }
}

/// Whether a namespace recovers connections: decided when it is first used.
pub(crate) struct Switch {
    default: Option<Recovery>,
    /// The parser allows it.
    is_possible: bool,
    /// How long a cut may stay unnoticed.
    silence: Duration,
    /// How much may wait for a client.
    hard_bytes: usize,
    wheel: Arc<Wheel<Session>>,
    log: OnceLock<Option<Arc<Log>>>,
}

impl Switch {
    pub(crate) fn new(config: &Config, wheel: &Arc<Wheel<Session>>) -> Self {
        Self {
            default: config.recovery.clone(),
            is_possible: config.encoding.can_recover(),
            silence: config.eio.ping_interval.saturating_add(config.eio.ping_timeout),
            hard_bytes: config.bounds.hard(),
            wheel: Arc::clone(wheel),
            log: OnceLock::new(),
        }
    }

    /// Decides; `false` when that has happened before.
    pub(crate) fn decide(&self, options: Option<Recovery>) -> bool {
        let mut is_first = false;
        self.log.get_or_init(|| {
            is_first = true;
            self.log_for(options)
        });
        is_first
    }

    /// The log, if connections are recovered here.
    pub(crate) fn log(&self) -> Option<&Arc<Log>> {
        self.log.get_or_init(|| self.log_for(self.default.clone())).as_ref()
    }

    fn log_for(&self, options: Option<Recovery>) -> Option<Arc<Log>> {
        let options = options?;
        if !self.is_possible {
            tracing::warn!("connections are not recovered: the parser is one of the application");
            return None;
        }
        let log = Arc::new(Log::new(options, self.silence, self.hard_bytes));
        let alarm: Arc<dyn crate::wheel::Alarm> = Arc::clone(&log) as _;
        self.wheel.ring_every_turn(Arc::downgrade(&alarm));
        Some(log)
    }
}

/// For another namespace, which decides for itself.
impl Clone for Switch {
    fn clone(&self) -> Self {
        Self {
            default: self.default.clone(),
            wheel: Arc::clone(&self.wheel),
            log: OnceLock::new(),
            ..*self
        }
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("default", &self.default).finish_non_exhaustive()
    }
}
