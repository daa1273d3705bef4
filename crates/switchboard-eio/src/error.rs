//! What a peer can get wrong, and what the clock can end.

use std::fmt;

/// A rule of the protocol that the peer broke. Its transport must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The first character is no packet type, or there is none.
    UnknownKind,
    /// A packet that only the other side may send: a client's ping, pong without reason, or open.
    WrongDirection,
    /// Base64 in a polling body that does not decode.
    BadBase64,
    /// More packets in one body than allowed.
    TooManyPackets,
    /// An upgrade did not follow `2probe`, `5`.
    BadProbe,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownKind => "packet has no known type",
            Self::WrongDirection => "packet of a type that only the other side may send",
            Self::BadBase64 => "binary packet is not base64",
            Self::TooManyPackets => "body holds more packets than allowed",
            Self::BadProbe => "upgrade did not begin with a probe",
        })
    }
}

impl std::error::Error for PeerError {}

/// What a session did not get in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expired {
    /// The client did not answer a ping: the session is over.
    PingTimeout,
    /// The WebSocket did not take over: close it, the session goes on.
    UpgradeTimeout,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PingTimeout => "client did not answer a ping in time",
            Self::UpgradeTimeout => "upgrade was not finished in time",
        })
    }
}

impl std::error::Error for Expired {}

/// An upgrade is under way already, or was made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct UpgradeRefused;

impl fmt::Display for UpgradeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("session has upgraded, or is about to")
    }
}

impl std::error::Error for UpgradeRefused {}
