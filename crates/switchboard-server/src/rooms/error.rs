//! What can go wrong when somebody asks for something, and what we answer.
//!
//! [`Error::problem`] is the only place where an error becomes a status and words for a person;
//! REST sends them as `application/problem+json`, sockets as the `error` of an ack.
//!
//! Spec: RFC 9457.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::values::{Invalid, RoomSlug};

/// Why something was not done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A value was not one we take.
    Invalid(Invalid),
    /// No token, or one that nobody has.
    Unauthorized,
    /// It is somebody else's message.
    NotAuthor,
    /// There is no such room.
    RoomUnknown(RoomSlug),
    /// There is no such message in that room.
    MessageUnknown(i64),
    /// A room of that id is there already.
    RoomExists(RoomSlug),
    /// The server holds as many rooms as it may.
    RoomsFull,
    /// The connection is in as many rooms as it may be.
    TooManyRooms,
    /// The message was deleted and cannot be changed any more.
    MessageDeleted,
    /// The client id was used before, in another room.
    ClientIdReused,
    /// The resource is no longer what the client believes (`If-Match`).
    Changed,
    /// Too many in too short a time; again after this long.
    TooFast(Duration),
    /// The store has more to write than it can for now.
    Busy,
    /// The store failed; whoever sees this logs it.
    Storage(rusqlite::Error),
    /// The store is closed, or dropped the request because its transaction failed.
    StorageLost,
    /// The operating system gave no random bytes.
    NoRandomness(getrandom::Error),
}

impl Error {
    /// The answer to this error.
    pub fn problem(&self) -> Problem {
        let (status, detail) = match self {
            Self::Invalid(Invalid { field, reason }) => (400, format!("`{field}` {reason}")),
            Self::Unauthorized => (401, "a valid token is needed; POST /api/v1/guests".into()),
            Self::NotAuthor => (403, "this message is somebody else's".into()),
            Self::RoomUnknown(room) => (404, format!("there is no room `{room}`")),
            Self::MessageUnknown(id) => (404, format!("there is no message {id} in this room")),
            Self::RoomExists(room) => (409, format!("there is a room `{room}` already")),
            Self::RoomsFull => (409, "this server holds no more rooms".into()),
            Self::TooManyRooms => (409, "leave another room before entering this one".into()),
            Self::MessageDeleted => (409, "this message was deleted".into()),
            Self::ClientIdReused => (409, "this `client_id` was used in another room".into()),
            Self::Changed => (412, "it was changed meanwhile; read it again".into()),
            Self::TooFast(after) => {
                (429, format!("too many at once; again in {} s", whole_seconds(*after)))
            }
            Self::Busy => (503, "too much to write at the moment; try again".into()),
            // What exactly failed is for the log, not for strangers.
            Self::Storage(_) | Self::StorageLost | Self::NoRandomness(_) => {
                (500, "the server could not do this; its log says why".into())
            }
        };
        Problem { status, title: title(status), detail }
    }

    /// After how many seconds trying again makes sense, if it does.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooFast(after) => Some(whole_seconds(*after)),
            Self::Busy => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "the store failed: {error}"),
            Self::StorageLost => f.write_str("the store dropped the request"),
            Self::NoRandomness(error) => write!(f, "no random bytes: {error}"),
            _ => f.write_str(&self.problem().detail),
        }
    }
}

impl std::error::Error for Error {}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<getrandom::Error> for Error {
    fn from(error: getrandom::Error) -> Self {
        Self::NoRandomness(error)
    }
}

/// A status, what it is called, and what it means here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The name of the status.
    pub title: &'static str,
    /// What happened, for a person to read.
    pub detail: String,
}

impl Problem {
    /// A problem of this status, with these words.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, title: title(status), detail: detail.into() }
    }
}

fn title(status: u16) -> &'static str {
    let known = http::StatusCode::from_u16(status).ok();
    known.and_then(|it| it.canonical_reason()).unwrap_or("Error")
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() != 0)
}
