//! Why a WebSocket has ended, or could not be used.

use std::fmt;
use std::io;
use std::sync::Arc;

use switchboard_ws::{CloseCode, PeerError};

/// Why a WebSocket ended without being closed, or why a message could not be sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection is closed, or closing: nothing can be sent any more.
    Closed,
    /// The peer broke a rule of the protocol, or a limit. It has been told, by the close code of
    /// [`PeerError::close_code`].
    Protocol(PeerError),
    /// The byte stream failed.
    Io(Arc<io::Error>),
    /// The peer was silent for longer than the heartbeat allows.
    Silent,
    /// A message that the peer has begun came at less than 1 kB a second. It has been told, by close
    /// code 1008.
    TooSlow,
    /// The peer took too little of what was sent to it: 16 MiB waited, or more than 1 MiB waited
    /// and none of it left for 5 s.
    SlowConsumer,
    /// The peer did not answer our close frame in time.
    CloseTimeout,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the WebSocket is closed"),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Silent => f.write_str("the peer answered no ping in time"),
            Self::TooSlow => f.write_str("the peer sends a message too slowly"),
            Self::SlowConsumer => f.write_str("the peer reads too slowly for what is sent to it"),
            Self::CloseTimeout => f.write_str("the peer did not answer the close frame in time"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            Self::Io(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

/// How the peer ended the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// By a close frame.
    Frame {
        /// Why, if the peer said so.
        code: Option<CloseCode>,
        /// Why, in the peer's words; at most 123 bytes, often empty.
        reason: String,
    },
    /// Its byte stream ended without one: it crashed, was cut off, or does not care.
    Lost,
}
