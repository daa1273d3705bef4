//! What a peer can get wrong, and what a caller can.
//!
//! A [`PeerError`] always ends the connection, and [`PeerError::close_code`] says how. An
//! [`EncodeError`] or [`ArgsError`] never does: the first is the application's own mistake, the
//! second a payload that is sound but not what the application asked for.

use std::fmt;

/// A rule of the Socket.IO protocol, or a limit, that the peer broke.
///
/// The decoder holds nothing any more once it has returned one of these: close the connection with
/// [`close_code`](Self::close_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The number of attachments is missing, zero or not a number.
    BadAttachmentCount,
    /// An event without a name, or whose name is neither a string nor a number.
    BadEventName,
    /// An ack without an id, or an id above 2^53 - 1.
    BadId,
    /// The payload is not JSON.
    BadJson,
    /// The message is not msgpack, or has keys that JSON has no words for.
    BadMsgPack,
    /// The namespace is missing or does not begin with `/`; only in formats that have a field for
    /// it.
    BadNamespace,
    /// The payload is missing, superfluous or of the wrong kind for this packet.
    BadPayload,
    /// Placeholders and attachments do not match one to one.
    BadPlaceholder,
    /// A binary packet is larger than [`Limits::event_bytes_max`](crate::Limits::event_bytes_max).
    EventTooBig,
    /// The namespace is longer than the configured limit.
    NamespaceTooLong,
    /// The event has a name that only Socket.IO itself uses.
    ReservedEventName,
    /// The payload nests deeper than the configured limit.
    TooDeep,
    /// More attachments are announced than the configured limit.
    TooManyAttachments,
    /// An attachment that no packet announced.
    UnexpectedBinary,
    /// A packet that this end never gets: CONNECT_ERROR from a client.
    UnexpectedPacket,
    /// Text while attachments are missing, or where the format has none.
    UnexpectedText,
    /// The first character is no packet type.
    UnknownPacket,
}

impl PeerError {
    /// The WebSocket close code that answers this error (RFC 6455, section 7.4.1).
    ///
    /// ```
    /// use switchboard_sio::PeerError;
    ///
    /// assert_eq!(PeerError::TooManyAttachments.close_code(), 1008);
    /// ```
    pub fn close_code(self) -> u16 {
        match self {
            Self::BadAttachmentCount
            | Self::BadEventName
            | Self::BadId
            | Self::BadNamespace
            | Self::BadPayload
            | Self::BadPlaceholder
            | Self::ReservedEventName
            | Self::UnexpectedBinary
            | Self::UnexpectedPacket
            | Self::UnexpectedText
            | Self::UnknownPacket => 1002,
            Self::BadJson | Self::BadMsgPack => 1007,
            Self::NamespaceTooLong | Self::TooDeep | Self::TooManyAttachments => 1008,
            Self::EventTooBig => 1009,
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadAttachmentCount => "number of attachments is missing, zero or not a number",
            Self::BadEventName => "event name is neither a string nor a number",
            Self::BadId => "ack id is missing or above 2^53 - 1",
            Self::BadJson => "payload is not JSON",
            Self::BadMsgPack => "message is not msgpack",
            Self::BadNamespace => "namespace is missing or does not begin with a slash",
            Self::BadPayload => "payload is missing or of the wrong kind for this packet",
            Self::BadPlaceholder => "placeholders and attachments do not match one to one",
            Self::EventTooBig => "event with its attachments is larger than the configured limit",
            Self::NamespaceTooLong => "namespace is longer than the configured limit",
            Self::ReservedEventName => "event has a name that only Socket.IO itself uses",
            Self::TooDeep => "payload too deep",
            Self::TooManyAttachments => "more attachments than the configured limit",
            Self::UnexpectedBinary => "binary message that no packet announced",
            Self::UnexpectedPacket => "packet that only servers send",
            Self::UnexpectedText => "text message where a binary one had to come",
            Self::UnknownPacket => "unknown packet type",
        })
    }
}

impl std::error::Error for PeerError {}

/// Why an event or ack could not be encoded. Nothing was appended to the output.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The ack id is above 2^53 - 1, which JavaScript cannot count.
    IdTooLarge,
    /// An argument could not be serialised.
    Json(serde_json::Error),
    /// The application's own parser refused the packet.
    Parser(Box<dyn std::error::Error + Send + Sync>),
    /// Placeholders and attachments do not match one to one, mostly because an argument has an
    /// object with a `_placeholder` key beside real attachments. The receiver could not tell them
    /// apart, and would close its connection.
    PlaceholderMismatch,
    /// The event has a name that only Socket.IO itself uses; receivers close their connection.
    ReservedEventName,
    /// The arguments nest deeper than 128 levels, and the format is one that has to look. JSON
    /// without attachments is sent as it is.
    TooDeep,
    /// More than [`ATTACHMENTS_MAX`](crate::ATTACHMENTS_MAX) attachments, or as msgpack
    /// [`BINARY_MAX`](crate::msgpack::BINARY_MAX); receivers close their connection.
    TooManyAttachments,
}

impl EncodeError {
    pub(crate) fn not_json() -> Self {
        Self::Json(serde::de::Error::custom("raw arguments are not JSON"))
    }

    /// What a payload that we wrote ourselves can have wrong: the arguments.
    pub(crate) fn of_own(error: PeerError) -> Self {
        match error {
            PeerError::BadPlaceholder => Self::PlaceholderMismatch,
            PeerError::ReservedEventName => Self::ReservedEventName,
            PeerError::TooDeep => Self::TooDeep,
            _ => Self::not_json(),
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdTooLarge => "ack id is above 2^53 - 1; count from 0",
            Self::Json(error) => return write!(f, "could not serialise an argument: {error}"),
            Self::Parser(error) => return write!(f, "the parser refused the packet: {error}"),
            Self::PlaceholderMismatch => {
                "placeholders and attachments do not match; does an argument have a key \
                 `_placeholder`? use another name"
            }
            Self::ReservedEventName => {
                "event name is reserved for Socket.IO itself; use another name"
            }
            Self::TooDeep => "an argument nests deeper than 128 levels",
            Self::TooManyAttachments => {
                "too many binary values in one event (JSON: 10); send them in several events"
            }
        })
    }
}

impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::Parser(error) => Some(&**error),
            _ => None,
        }
    }
}

/// Why arguments could not be read as the type that was asked for.
#[derive(Debug)]
pub struct ArgsError(pub(crate) serde_json::Error);

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not read the arguments: {}", self.0)
    }
}

impl std::error::Error for ArgsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
