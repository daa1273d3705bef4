//! Errors of the library: what the caller, or the other side of an ack, did not get.

use std::fmt;

/// Why an emit failed. The value could not be encoded; a closed connection is no error.
pub use switchboard_sio::EncodeError;

/// Why arguments are not of the type that was asked for.
pub use switchboard_sio::ArgsError;

/// Why no acknowledgement came.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// The client did not answer in time.
    Timeout,
    /// The socket was disconnected before the client answered.
    Disconnected,
    /// More acks wait on this socket than the limit allows (10,000).
    TooManyPending,
    /// The answers to a broadcast have 64 MiB together: those that wait to be taken from
    /// [`BroadcastAnswers`](crate::BroadcastAnswers), or all of an awaited
    /// [`BroadcastAck`](crate::BroadcastAck). There was no room for this one; take them one by one,
    /// or ask for less.
    TooManyBytes,
    /// The event was volatile, and was dropped because the client could not take it at once.
    NotSent,
    /// The event could not be encoded.
    Encode(EncodeError),
    /// The answer is not of the expected type.
    Decode(ArgsError),
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the client did not acknowledge in time"),
            Self::Disconnected => f.write_str("the socket was disconnected before it acknowledged"),
            Self::TooManyPending => f.write_str("too many acks are pending on this socket"),
            Self::TooManyBytes => f.write_str("too many bytes of answers to this broadcast"),
            Self::NotSent => f.write_str("the volatile event was dropped"),
            Self::Encode(error) => write!(f, "could not encode the event: {error}"),
            Self::Decode(error) => write!(f, "the acknowledgement is of another type: {error}"),
        }
    }
}

impl std::error::Error for AckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Decode(error) => Some(error),
            _ => None,
        }
    }
}

/// Why the servers of a cluster did not all answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterError {
    /// Some servers did not answer in time.
    #[non_exhaustive]
    Timeout {
        /// How many did not.
        servers_missing: usize,
    },
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { servers_missing } => {
                write!(f, "{servers_missing} servers of the cluster did not answer in time")
            }
        }
    }
}

impl std::error::Error for ClusterError {}

/// Why a socket could not join a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// The socket is in as many rooms as the server allows.
    #[non_exhaustive]
    TooManyRooms {
        /// The limit: [`rooms_per_socket_max`](crate::ServerBuilder::rooms_per_socket_max).
        rooms_max: usize,
    },
    /// The room's name is longer than the server allows.
    #[non_exhaustive]
    NameTooLong {
        /// The limit: [`room_name_bytes_max`](crate::ServerBuilder::room_name_bytes_max).
        bytes_max: usize,
    },
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRooms { rooms_max } => {
                write!(f, "the socket is in {rooms_max} rooms already, which is the limit")
            }
            Self::NameTooLong { bytes_max } => {
                write!(f, "the name of the room has more than {bytes_max} bytes")
            }
        }
    }
}

impl std::error::Error for JoinError {}

/// A middleware's refusal: what the client gets in its `connect_error` event.
///
/// ```
/// use switchboard::ConnectError;
///
/// let refusal = ConnectError::new("unauthorized").data(&serde_json::json!({ "status": 401 }));
/// assert_eq!(refusal.message(), "unauthorized");
/// ```
#[derive(Clone, Debug)]
pub struct ConnectError {
    message: String,
    data: Option<Box<serde_json::value::RawValue>>,
}

impl ConnectError {
    /// A refusal with the text that becomes `error.message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds details, which become `error.data`. A value that is not JSON is left out.
    #[must_use]
    pub fn data<T: serde::Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = serde_json::value::to_raw_value(data).ok();
        self
    }

    /// The text that becomes `error.message`.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details that become `error.data`, as JSON.
    pub fn raw_data(&self) -> Option<&serde_json::value::RawValue> {
        self.data.as_deref()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}

/// The refusal of an event by a packet middleware
/// ([`Namespace::event_middleware`](crate::Namespace::event_middleware),
/// [`Socket::middleware`](crate::Socket::middleware)). An extractor for `error` handlers.
///
/// The client learns of it if it asked for an ack: `{"error": message}`, and beside it the fields
/// of the data if that is an object, else the data as `"data"`.
///
/// ```
/// use switchboard::EventError;
///
/// let refusal = EventError::new("too fast").data(&serde_json::json!({ "retry_after": 2 }));
/// assert_eq!(
///     serde_json::to_string(&refusal)?,
///     r#"{"error":"too fast","retry_after":2}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventError {
    message: String,
    data: serde_json::Value,
}

impl EventError {
    /// A refusal with the text that the client finds as `error`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: serde_json::Value::Null }
    }

    /// Adds details. A value that is not JSON is left out.
    #[must_use]
    pub fn data<T: serde::Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = serde_json::to_value(data).unwrap_or_default();
        self
    }

    /// The text that the client finds as `error`.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details; `null` if there are none.
    pub fn details(&self) -> &serde_json::Value {
        &self.data
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EventError {}

impl serde::Serialize for EventError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("error", &self.message)?;
        match &self.data {
            serde_json::Value::Null => (),
            serde_json::Value::Object(fields) => {
                for (name, value) in fields.iter().filter(|it| it.0 != "error") {
                    map.serialize_entry(name, value)?;
                }
            }
            other => map.serialize_entry("data", other)?,
        }
        map.end()
    }
}

/// Why a socket was disconnected, in the words of the official server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client left the namespace: `client namespace disconnect`.
    ClientNamespace,
    /// The server put the socket out: `server namespace disconnect`.
    ServerNamespace,
    /// The server closed the whole connection: `forced server close`.
    ForcedServerClose,
    /// The connection was given up, as for a slow consumer or a handler that panicked:
    /// `forced close`.
    ForcedClose,
    /// The client sent something that is no valid packet: `parse error`.
    ParseError,
    /// The client was silent for too long: `ping timeout`.
    PingTimeout,
    /// The server goes down: `server shutting down`.
    ServerShuttingDown,
    /// The client closed the transport, or its connection ended: `transport close`.
    TransportClose,
    /// The connection broke: `transport error`.
    TransportError,
}

impl DisconnectReason {
    /// The official name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientNamespace => "client namespace disconnect",
            Self::ServerNamespace => "server namespace disconnect",
            Self::ForcedServerClose => "forced server close",
            Self::ForcedClose => "forced close",
            Self::ParseError => "parse error",
            Self::PingTimeout => "ping timeout",
            Self::ServerShuttingDown => "server shutting down",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for DisconnectReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
