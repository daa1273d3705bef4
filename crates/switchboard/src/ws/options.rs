//! What a plain WebSocket accepts and offers, on either side.

use std::time::Duration;

use switchboard_ws::Limits;
use switchboard_ws::deflate::Config as Deflate;

use crate::http::origin::Origins;
use crate::wheel::LONGEST;

/// Limits, timeouts and extensions of WebSockets, for servers and clients alike.
///
/// | option | default | meaning |
/// |---|---|---|
/// | [`message_bytes_max`](Self::message_bytes_max) | 1,000,000 bytes | larger messages close with 1009 |
/// | [`fragments_max`](Self::fragments_max) | 1,024 | frames that one message may be cut into |
/// | [`close_timeout`](Self::close_timeout) | 5 s | from our close frame to the end of the stream |
/// | [`heartbeat`](Self::heartbeat) | 25 s, 20 s | a ping after silence, and the wait for any answer |
/// | [`deflate`](Self::deflate) | off | permessage-deflate, and its parameters |
/// | [`protocols`](Self::protocols) | none | subprotocols, in order of preference |
/// | [`allow_origin`](Self::allow_origin) | own pages only | pages of other origins that may connect (server) |
///
/// ```
/// use std::time::Duration;
/// use switchboard::ws::Options;
///
/// let options = Options::new()
///     .message_bytes_max(64 * 1024)
///     .heartbeat(Some((Duration::from_secs(10), Duration::from_secs(5))))
///     .protocols(["chat.v2", "chat.v1"]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) limits: Limits,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) deflate: Option<Deflate>,
    pub(super) protocols: Vec<String>,
    pub(super) origins: Origins,
}

/// When to ask whether the peer lives, and how long to wait for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Largest message in bytes, fragments added up and decompressed.
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.limits.message_bytes_max = bytes;
        self
    }

    /// Most frames that one message may be cut into; more close with 1008.
    pub fn fragments_max(mut self, fragments: u32) -> Self {
        self.limits.fragments_max = fragments;
        self
    }

    /// How long the end may take: writing our close frame, the peer's answer and the end of the
    /// stream together.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.limits.close_timeout = timeout.min(LONGEST);
        self
    }

    /// When the peer has sent nothing for the first duration it is sent a ping, and when it then
    /// sends nothing for the second one, the connection ends with
    /// [`Error::Silent`](super::Error::Silent). `None` leaves silent peers alone; TCP notices most
    /// dead ones within hours.
    ///
    /// While a handler does not read, its peer counts as alive. Deadlines of a second and more
    /// share one wheel and may be up to a second late.
    pub fn heartbeat(mut self, interval_and_timeout: Option<(Duration, Duration)>) -> Self {
        self.heartbeat = interval_and_timeout.map(|(interval, timeout)| Heartbeat {
            interval: interval.min(LONGEST),
            timeout: timeout.min(LONGEST),
        });
        self
    }

    /// Compresses messages if the peer agrees (permessage-deflate, RFC 7692). Off by default: it
    /// costs far more time than everything else about a message, and where an attacker can mix text
    /// of its own with secrets in one message, the size of the result tells about the secrets.
    ///
    /// By default contexts are not taken over, so that an idle connection costs next to nothing,
    /// and a [`Prepared`](super::Prepared) message is compressed once for everybody.
    pub fn deflate(mut self, config: impl Into<Option<Deflate>>) -> Self {
        self.deflate = config.into();
        self
    }

    /// The subprotocols that we speak, best first. A server answers with the first of them that
    /// the client offers, and without one if it offers none of them; a client offers them all.
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Lets pages of another origin connect, such as `https://example.org`. For servers; without
    /// it only pages of the server's own origin may, and clients that are no browsers.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.allow(origin.into());
        self
    }

    /// Lets pages of every origin connect. For servers that trust no cookie.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = Origins::any();
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        let heartbeat =
            Heartbeat { interval: Duration::from_secs(25), timeout: Duration::from_secs(20) };
        Self {
            limits: Limits::default(),
            heartbeat: Some(heartbeat),
            deflate: None,
            protocols: Vec::new(),
            origins: Origins::default(),
        }
    }
}
