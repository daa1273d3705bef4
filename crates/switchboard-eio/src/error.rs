//! What a peer can get wrong, what time can end, and why an upgrade is refused.
//!
//! There is no variant for I/O (this crate does none). A [`PeerError`] is always the peer's doing, so
//! every value has a close code; [`Expired`] is nobody's.

use std::error::Error;
use std::fmt;

/// A mistake of the peer. It ends the lane on which it happened: on [`Lane::Current`](crate::Lane)
/// the session, on [`Lane::Candidate`](crate::Lane) only the WebSocket that wanted to take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// A packet without even its type digit: an empty message, or two separators in a row.
    EmptyPacket,
    /// A packet whose first character is no packet type.
    UnknownKind,
    /// Binary data in a text body that is not base64 of the standard alphabet.
    InvalidBase64,
    /// A length in a polling body of revision 3 that is no number, or longer than the rest of the body.
    InvalidLength,
    /// Text in a binary polling body of revision 3 that is not UTF-8.
    InvalidUtf8,
    /// More packets in one polling body than we allow.
    TooManyPackets,
    /// A ping from a client, or in revision 3 a pong. Since revision 4 only servers ping.
    HeartbeatDirection,
    /// An open packet from a client.
    UnexpectedOpen,
    /// An open packet that is not the JSON object that the protocol asks for (client side).
    InvalidOpen,
    /// Something else than `2probe` and then `5` from a WebSocket that wants to take over.
    NotAnUpgrade,
}

impl PeerError {
    /// The WebSocket close code that this mistake earns: 1002 (protocol), or 1008 (policy) for a
    /// limit of ours. On polling the answer is status 400 in every case.
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooManyPackets => 1008,
            _ => 1002,
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyPacket => "a packet is empty; it must begin with its type",
            Self::UnknownKind => "a packet begins with neither a type from 0 to 6 nor `b`",
            Self::InvalidBase64 => "binary data is not valid base64",
            Self::InvalidLength => "a length is no number, or there is less than it says",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::TooManyPackets => "a payload has too many packets; send them in several requests",
            Self::HeartbeatDirection => "only servers send a ping; in protocol 3, only clients do",
            Self::UnexpectedOpen => "a client sent an open packet; only servers do",
            Self::InvalidOpen => "an open packet lacks a member or is not JSON",
            Self::NotAnUpgrade => "a new transport must send `2probe` and then `5`, nothing else",
        })
    }
}

impl Error for PeerError {}

/// What [`Session::tick`](crate::Session::tick) found to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The peer was silent for too long, or the session had ended before. Drop it.
    PingTimeout,
    /// The WebSocket did not finish its upgrade in time. Drop that one; the session goes on, and
    /// `tick` wants to be called again at once to say when it is due next.
    UpgradeTimeout,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PingTimeout => "ping timeout",
            Self::UpgradeTimeout => "upgrade timeout",
        })
    }
}

impl Error for Expired {}

/// Why a WebSocket may not try to take over a session. Close it; the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeRefused {
    /// Another one is trying at the moment.
    UnderWay,
    /// The session is on WebSocket already.
    Done,
    /// The session has ended.
    Closed,
}

impl fmt::Display for UpgradeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnderWay => "another transport is upgrading this session",
            Self::Done => "this session is on WebSocket already",
            Self::Closed => "this session has ended",
        })
    }
}

impl Error for UpgradeRefused {}
