//! Sessions: heartbeat, probe, upgrade and close, as the server sees them.
//!
//! One session lives on one transport at a time. A WebSocket that asks to take over is the
//! candidate: it probes, and its mistakes cost itself, not the session.

use std::time::{Duration, Instant};

use crate::{Data, Expired, Kind, Packet, PeerError, UpgradeRefused};

/// Times of a session.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Config {
    /// How often the client is pinged. Default 25 s.
    pub ping_interval: Duration,
    /// How long the client has for its pong. Default 20 s.
    pub ping_timeout: Duration,
    /// How long a candidate has to take over. Default 10 s.
    pub upgrade_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
        }
    }
}

/// What carries a session's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// A WebSocket.
    WebSocket,
}

/// Which of a session's connections a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Lane {
    /// The transport that carries the session.
    Current,
    /// The WebSocket that asks to take over.
    Candidate,
}

/// A packet that the session wants sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Send {
    /// Where to.
    pub lane: Lane,
    /// Which.
    pub packet: Control,
}

/// The packets that a session sends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Control {
    /// `2`
    Ping,
    /// `3probe`
    ProbePong,
    /// `6`, for a poll that waits, if one does.
    Noop,
    /// `1`
    Close,
}

impl Control {
    /// The packet.
    #[must_use]
    pub fn packet(self) -> Packet<'static> {
        let (kind, text) = match self {
            Self::Ping => (Kind::Ping, ""),
            Self::ProbePong => (Kind::Pong, PROBE),
            Self::Noop => (Kind::Noop, ""),
            Self::Close => (Kind::Close, ""),
        };
        Packet { kind, data: Data::Text(text) }
    }
}

/// Something that the owner of a session should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Data of the application.
    Message(Data<'a>),
    /// The candidate carries the session from now on.
    Upgraded,
    /// The client has closed.
    Close,
    /// The client has answered a ping.
    Pong,
}

/// The state of one session.
#[derive(Clone, Debug)]
pub struct Session {
    transport: Transport,
    heartbeat: Heartbeat,
    upgrade: Upgrade,
}

#[derive(Clone, Copy, Debug)]
enum Heartbeat {
    PingAt(Instant),
    PongBy {
        deadline: Instant,
        /// The deadline has moved once, because something else came first.
        extended: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum Upgrade {
    None,
    Connected { by: Instant },
    Probed { by: Instant, noop_at: Instant },
}

impl Session {
    /// A session that was opened at `now`.
    #[must_use]
    pub fn new(transport: Transport, config: &Config, now: Instant) -> Self {
        let heartbeat = Heartbeat::PingAt(now + config.ping_interval);
        Self { transport, heartbeat, upgrade: Upgrade::None }
    }

    /// What carries the session.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Takes a packet that came on `lane`, and appends to `output` what is to be sent for it.
    ///
    /// # Errors
    ///
    /// A [`PeerError`]: the connection of that lane must be closed. On the current lane this ends
    /// the session, on the candidate's it does not (call [`candidate_lost`](Self::candidate_lost)).
    #[expect(
        clippy::too_many_arguments,
        reason = "a floor is handed everything, and nothing here groups"
    )]
    pub fn receive<'a>(
        &mut self,
        lane: Lane,
        packet: Packet<'a>,
        config: &Config,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Option<Event<'a>>, PeerError> {
        match lane {
            Lane::Current => self.receive_current(packet, config, now),
            Lane::Candidate => self.receive_candidate(packet, now, output),
        }
    }

    /// A WebSocket came with this session's id.
    ///
    /// # Errors
    ///
    /// [`UpgradeRefused`]: close the newcomer; the session goes on.
    pub fn start_upgrade(&mut self, config: &Config, now: Instant) -> Result<(), UpgradeRefused> {
        let is_first = matches!(self.upgrade, Upgrade::None);
        if self.transport != Transport::Polling || !is_first {
            return Err(UpgradeRefused);
        }
        self.upgrade = Upgrade::Connected { by: now + config.upgrade_timeout };
        Ok(())
    }

    /// The candidate is gone. Another one may come.
    pub fn candidate_lost(&mut self) {
        self.upgrade = Upgrade::None;
    }

    /// The owner did not read for a while: silence until `now` was its own doing.
    pub fn resume_reading(&mut self, config: &Config, now: Instant) {
        if let Heartbeat::PongBy { deadline, .. } = &mut self.heartbeat {
            *deadline = (*deadline).max(now + config.ping_timeout);
        }
    }

    /// Does what is due at `now`, and says when to call again.
    ///
    /// # Errors
    ///
    /// [`Expired`] says what did not come in time.
    pub fn tick(
        &mut self,
        config: &Config,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Instant, Expired> {
        let beat = match self.heartbeat {
            Heartbeat::PingAt(at) if at <= now => {
                output.push(Send { lane: Lane::Current, packet: Control::Ping });
                let deadline = now + config.ping_timeout;
                self.heartbeat = Heartbeat::PongBy { deadline, extended: false };
                deadline
            }
            Heartbeat::PongBy { deadline, .. } if deadline <= now => {
                return Err(Expired::PingTimeout);
            }
            Heartbeat::PingAt(at) => at,
            Heartbeat::PongBy { deadline, .. } => deadline,
        };
        match &mut self.upgrade {
            Upgrade::Connected { by } | Upgrade::Probed { by, .. } if *by <= now => {
                Err(Expired::UpgradeTimeout)
            }
            Upgrade::None => Ok(beat),
            Upgrade::Connected { by } => Ok(beat.min(*by)),
            Upgrade::Probed { by, noop_at } => {
                if *noop_at <= now {
                    output.push(Send { lane: Lane::Current, packet: Control::Noop });
                    *noop_at = now + NOOP_INTERVAL;
                }
                Ok(beat.min(*by).min(*noop_at))
            }
        }
    }

    fn receive_current<'a>(
        &mut self,
        packet: Packet<'a>,
        config: &Config,
        now: Instant,
    ) -> Result<Option<Event<'a>>, PeerError> {
        if packet.kind == Kind::Pong {
            // A pong that nobody asked for moves nothing: it must not cost a timer.
            if let Heartbeat::PongBy { .. } = self.heartbeat {
                self.heartbeat = Heartbeat::PingAt(now + config.ping_interval);
            }
            return Ok(Some(Event::Pong));
        }
        if let Heartbeat::PongBy { deadline, extended: extended @ false } = &mut self.heartbeat {
            // Engine.IO 6.6.11: a client that is busy sending is alive; this counts once.
            *deadline = now + config.ping_timeout;
            *extended = true;
        }
        match packet.kind {
            Kind::Message => Ok(Some(Event::Message(packet.data))),
            Kind::Close => Ok(Some(Event::Close)),
            Kind::Upgrade | Kind::Noop => Ok(None),
            Kind::Ping | Kind::Open | Kind::Pong => Err(PeerError::WrongDirection),
        }
    }

    fn receive_candidate<'a>(
        &mut self,
        packet: Packet<'a>,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Option<Event<'a>>, PeerError> {
        let is_probe = packet.kind == Kind::Ping && packet.data == Data::Text(PROBE);
        match self.upgrade {
            Upgrade::Connected { by } if is_probe => {
                output.push(Send { lane: Lane::Candidate, packet: Control::ProbePong });
                output.push(Send { lane: Lane::Current, packet: Control::Noop });
                self.upgrade = Upgrade::Probed { by, noop_at: now + NOOP_INTERVAL };
                Ok(None)
            }
            Upgrade::Probed { .. } if packet.kind == Kind::Upgrade => {
                self.transport = Transport::WebSocket;
                self.upgrade = Upgrade::None;
                Ok(Some(Event::Upgraded))
            }
            _ => Err(PeerError::BadProbe),
        }
    }
}

const PROBE: &str = "probe";
/// While a probed candidate waits, a pending poll must not keep the client from moving.
const NOOP_INTERVAL: Duration = Duration::from_millis(100);
