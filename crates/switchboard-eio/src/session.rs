//! One session of the server: heartbeat, upgrade and close, over packets and time.
//!
//! The owner passes in each packet with the lane that it came on, and calls [`Session::tick`] when the
//! deadline that it last returned has passed. What to send back is appended to `output`, with its lane.
//! Queues of messages, requests and the limit of packets per second are the owner's.
//!
//! Spec: Engine.IO protocol 4, "Heartbeat", "Upgrade"; engine.io 6.6.11 where the protocol is silent.

use std::time::{Duration, Instant};

use crate::{Data, Expired, Kind, Packet, PeerError, Protocol, UpgradeRefused};

/// The state of one session. Small: two deadlines and a few flags, no buffers.
#[derive(Clone, Debug)]
pub struct Session {
    transport: Transport,
    heartbeat: Heartbeat,
    /// When the heartbeat is due: the next ping, or the end of waiting for the pong.
    due: Instant,
    upgrade: Upgrade,
}

impl Session {
    /// A session of revision 4 that was opened at `now`. Its first ping is due after
    /// [`Config::ping_interval`].
    pub fn new(transport: Transport, config: &Config, now: Instant) -> Self {
        Self::with_protocol(Protocol::V4, transport, config, now)
    }

    /// A session that was opened at `now`. In revision 3 the client pings; we only listen.
    pub fn with_protocol(
        protocol: Protocol,
        transport: Transport,
        config: &Config,
        now: Instant,
    ) -> Self {
        let (heartbeat, due) = match protocol {
            Protocol::V3 => (Heartbeat::Listening, config.silence_end(now)),
            Protocol::V4 => (Heartbeat::Resting, after(now, config.ping_interval)),
        };
        Self { transport, heartbeat, due, upgrade: Upgrade::None }
    }

    /// The transport that [`Lane::Current`] is.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Takes one packet from the client, appending answers to `output`.
    ///
    /// After [`Event::Upgraded`] the lane names have moved: what was the candidate is the current one,
    /// and a poll that still waits is for the owner to end. After [`Event::Close`], an error on the
    /// current lane or [`Session::close`] the session is over, and further packets are ignored.
    ///
    /// # Errors
    ///
    /// A [`PeerError`] ends `lane`: the session if it is the current one; if it is the candidate then
    /// only that, and the session stays on polling and may upgrade later.
    #[expect(
        clippy::too_many_arguments,
        reason = "a packet needs its lane, times and a place for answers"
    )]
    pub fn receive<'a>(
        &mut self,
        lane: Lane,
        packet: Packet<'a>,
        config: &Config,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Option<Event<'a>>, PeerError> {
        if self.is_over() {
            return Ok(None);
        }
        match lane {
            Lane::Current => self.receive_current(packet, config, now, output),
            Lane::Candidate => self.receive_candidate(packet, config, now, output),
        }
    }

    /// Tells that a message has come on [`Lane::Current`]: what [`receive`](Self::receive) does with
    /// most packets, for owners who have seen that it is one. `false` once the session is over: then
    /// it is ignored.
    ///
    /// ```
    /// use std::time::Instant;
    /// use switchboard_eio::{Config, Session, Transport};
    ///
    /// let (config, now) = (Config::default(), Instant::now());
    /// let mut session = Session::new(Transport::WebSocket, &config, now);
    /// assert!(session.note_message(&config, now));
    /// session.close(&mut Vec::new());
    /// assert!(!session.note_message(&config, now));
    /// ```
    #[inline]
    pub fn note_message(&mut self, config: &Config, now: Instant) -> bool {
        self.note_life(config, now);
        !self.is_over()
    }

    /// When [`tick`](Self::tick) has something to do, if nothing changes until then. `None` during an
    /// upgrade and once the session is over: ask `tick`.
    #[inline]
    pub fn due(&self) -> Option<Instant> {
        (self.upgrade == Upgrade::None && !self.is_over()).then_some(self.due)
    }

    /// Lets a WebSocket that came with the id of this session try to take over, within
    /// [`Config::upgrade_timeout`]. It is [`Lane::Candidate`] from now on.
    ///
    /// # Errors
    ///
    /// [`UpgradeRefused`]: close that WebSocket; nothing has changed for the session.
    pub fn start_upgrade(&mut self, config: &Config, now: Instant) -> Result<(), UpgradeRefused> {
        if self.is_over() {
            return Err(UpgradeRefused::Closed);
        }
        if self.transport == Transport::WebSocket {
            return Err(UpgradeRefused::Done);
        }
        if self.upgrade != Upgrade::None {
            return Err(UpgradeRefused::UnderWay);
        }
        self.upgrade = Upgrade::Started { end: after(now, config.upgrade_timeout) };
        Ok(())
    }

    /// Tells that the candidate died before it took over. The session stays on polling.
    pub fn candidate_lost(&mut self) {
        self.upgrade = Upgrade::None;
    }

    /// Ends the session from our side. On polling the client is told by a close packet; on WebSocket
    /// the close frame says it. A candidate is for the owner to close. Again is no harm.
    pub fn close(&mut self, output: &mut Vec<Send>) {
        if !self.is_over() && self.transport == Transport::Polling {
            output.push(Send { lane: Lane::Current, packet: Control::Close });
        }
        self.end();
    }

    /// Tells that we, and not the peer, were silent: reading had paused, for backpressure.
    ///
    /// Call it when reading goes on, and during the pause whenever `tick` is due, before `tick`. A pong
    /// that we wait for gets a whole [`Config::ping_timeout`] from now. One that is overdue is asked for
    /// again by the next `tick`, because clients, too, give up when they hear no ping for long. A client
    /// that pings by itself (revision 3) has the whole time for it again.
    pub fn resume_reading(&mut self, config: &Config, now: Instant) {
        match self.heartbeat {
            Heartbeat::Waiting { .. } if self.due <= now => {
                self.heartbeat = Heartbeat::Resting;
                self.due = now;
            }
            Heartbeat::Waiting { .. } => self.due = after(now, config.ping_timeout),
            Heartbeat::Listening => self.due = config.silence_end(now),
            Heartbeat::Resting | Heartbeat::Over => (),
        }
    }

    /// Does what is due at `now`, and says when to call again. To call it early is no harm.
    ///
    /// What is in `output` is to be sent also when the answer is [`Expired::UpgradeTimeout`].
    ///
    /// # Errors
    ///
    /// [`Expired::PingTimeout`]: the session is over (and was, if that is known already).
    /// [`Expired::UpgradeTimeout`]: close the candidate and call again; the session goes on.
    pub fn tick(
        &mut self,
        config: &Config,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Instant, Expired> {
        if self.is_over() {
            return Err(Expired::PingTimeout);
        }
        if self.due <= now {
            if let Heartbeat::Waiting { .. } | Heartbeat::Listening = self.heartbeat {
                self.end();
                return Err(Expired::PingTimeout);
            }
            output.push(Send { lane: Lane::Current, packet: Control::Ping });
            self.heartbeat = Heartbeat::Waiting { extended: false };
            self.due = after(now, config.ping_timeout);
        }
        if self.upgrade.end().is_some_and(|end| end <= now) {
            self.upgrade = Upgrade::None;
            return Err(Expired::UpgradeTimeout);
        }
        if let Upgrade::Probed { noop, .. } = &mut self.upgrade
            && *noop <= now
        {
            output.push(Send { lane: Lane::Current, packet: Control::Noop });
            *noop = after(now, NOOP_INTERVAL);
        }
        Ok(match self.upgrade {
            Upgrade::None => self.due,
            Upgrade::Started { end } => self.due.min(end),
            Upgrade::Probed { end, noop } => self.due.min(end).min(noop),
        })
    }

    fn receive_current<'a>(
        &mut self,
        packet: Packet<'a>,
        config: &Config,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Option<Event<'a>>, PeerError> {
        if packet.kind != Kind::Pong {
            self.note_life(config, now);
        }
        match packet.kind {
            Kind::Message => Ok(Some(Event::Message(packet.data))),
            Kind::Ping if self.heartbeat == Heartbeat::Listening => {
                self.due = config.silence_end(now);
                Ok(Some(Event::Ping(packet.data)))
            }
            Kind::Pong if self.heartbeat != Heartbeat::Listening => {
                self.heartbeat = Heartbeat::Resting;
                self.due = after(now, config.ping_interval);
                Ok(Some(Event::Pong))
            }
            Kind::Close => {
                // Ends the poll that waits; on WebSocket the close frame does.
                if self.transport == Transport::Polling {
                    output.push(Send { lane: Lane::Current, packet: Control::Noop });
                }
                self.end();
                Ok(Some(Event::Close))
            }
            Kind::Upgrade | Kind::Noop => Ok(None),
            Kind::Ping | Kind::Pong => {
                self.end();
                Err(PeerError::HeartbeatDirection)
            }
            Kind::Open => {
                self.end();
                Err(PeerError::UnexpectedOpen)
            }
        }
    }

    fn receive_candidate<'a>(
        &mut self,
        packet: Packet<'a>,
        config: &Config,
        now: Instant,
        output: &mut Vec<Send>,
    ) -> Result<Option<Event<'a>>, PeerError> {
        match (self.upgrade, packet.kind) {
            (Upgrade::Started { end }, Kind::Ping) if packet.data == Data::Text(PROBE) => {
                output.push(Send { lane: Lane::Candidate, packet: Control::ProbePong });
                output.push(Send { lane: Lane::Current, packet: Control::Noop });
                self.upgrade = Upgrade::Probed { end, noop: after(now, NOOP_INTERVAL) };
                Ok(None)
            }
            (Upgrade::Probed { .. }, Kind::Upgrade) => {
                self.upgrade = Upgrade::None;
                self.transport = Transport::WebSocket;
                // A ping that is under way may have to travel once more, on the new transport.
                if let Heartbeat::Waiting { .. } = self.heartbeat {
                    self.heartbeat = Heartbeat::Waiting { extended: false };
                    self.due = after(now, config.ping_timeout);
                }
                Ok(Some(Event::Upgraded))
            }
            _ => {
                self.upgrade = Upgrade::None;
                Err(PeerError::NotAnUpgrade)
            }
        }
    }

    /// As engine.io since 6.6.11: a pong may be stuck behind a long message, so the first other
    /// packet shows life. Only the first, or a client that never answers would stay for ever.
    #[inline]
    fn note_life(&mut self, config: &Config, now: Instant) {
        if self.heartbeat == (Heartbeat::Waiting { extended: false }) {
            self.heartbeat = Heartbeat::Waiting { extended: true };
            self.due = after(now, config.ping_timeout);
        }
    }

    fn is_over(&self) -> bool {
        self.heartbeat == Heartbeat::Over
    }

    fn end(&mut self) {
        self.heartbeat = Heartbeat::Over;
        self.upgrade = Upgrade::None;
    }
}

/// The times of a session. `Default` has those of the official server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// From a pong to the next ping. Default 25 s. In revision 3, how often the client pings.
    pub ping_interval: Duration,
    /// How long a silent client stays after a ping. Default 20 s. In revision 3, how long after its
    /// next ping was due.
    pub ping_timeout: Duration,
    /// How long a WebSocket may take from its opening to the end of the upgrade. Default 10 s.
    pub upgrade_timeout: Duration,
}

impl Config {
    /// When a client that pings by itself, and did so now, has been silent for too long.
    fn silence_end(&self, now: Instant) -> Instant {
        after(now, self.ping_interval.saturating_add(self.ping_timeout))
    }
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

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP requests: a GET that waits, and POSTs.
    Polling,
    /// One WebSocket.
    WebSocket,
}

/// On which of its transports a packet of the session travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The transport that carries the session.
    Current,
    /// The WebSocket that asks to take over.
    Candidate,
}

/// A packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    /// Where to. A [`Control::Noop`] only ever ends a poll: drop it when none waits.
    pub lane: Lane,
    /// What.
    pub packet: Control,
}

/// The packets that a session sends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// `2`: the heartbeat.
    Ping,
    /// `3probe`: the candidate works.
    ProbePong,
    /// `6`: ends a poll that waits.
    Noop,
    /// `1`: the session ends.
    Close,
}

impl Control {
    /// The packet, to be encoded.
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

/// Something the owner should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message.
    Message(Data<'a>),
    /// The candidate carries the session from now on: it is [`Lane::Current`].
    Upgraded,
    /// The client ended the session.
    Close,
    /// The client is there.
    Pong,
    /// Revision 3: the client asks whether we are there. Send a pong with the same data.
    Ping(Data<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heartbeat {
    /// Until the next ping.
    Resting,
    /// For the pong; `extended` once another packet has shown life meanwhile.
    Waiting { extended: bool },
    /// Revision 3: to the client, which pings by itself.
    Listening,
    /// The session has ended.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    /// The WebSocket is there and has said nothing.
    Started {
        end: Instant,
    },
    /// It has sent its probe; polls are ended with a noop at `noop`, so that the client, which waits
    /// for its last poll, can go on.
    Probed {
        end: Instant,
        noop: Instant,
    },
}

impl Upgrade {
    fn end(self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Started { end } | Self::Probed { end, .. } => Some(end),
        }
    }
}

/// A time that is later by `duration`, or very late when there is no such time.
fn after(now: Instant, duration: Duration) -> Instant {
    now.checked_add(duration).or_else(|| now.checked_add(FOREVER)).unwrap_or(now)
}

const PROBE: &str = "probe";
const NOOP_INTERVAL: Duration = Duration::from_millis(100);
/// Stands for durations that the clock cannot count, such as `Duration::MAX` for "never": a year.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
