//! What a peer can get wrong, and the close code that each mistake earns.
//!
//! There is no variant for I/O (this crate does none) and none for misuse by the caller (the
//! types rule it out). Every [`PeerError`] is the peer's doing, so every one has a close code.
//!
//! Spec: RFC 6455, section 7.4.1.

use std::fmt;

use crate::CloseCode;

/// A rule of RFC 6455, or a limit, that the peer broke.
///
/// The connection is over once one of these is returned: write out the close frame that
/// [`receive`](crate::Connection::receive) has already put into `output`, then drop the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerError {
    /// A close frame had one byte of payload, or a code that may not be sent (section 7.4).
    BadClose,
    /// A compressed message was no deflate stream, referred to bytes before its beginning, was cut
    /// short, or consisted of more than 256 streams (RFC 7692, section 7.2.2). Code 1007, as other
    /// data that contradict their type.
    BadCompression,
    /// A control frame was split, or longer than 125 bytes (section 5.5).
    BadControlFrame,
    /// A length was not in its shortest form, or had its highest bit set (section 5.2).
    BadLength,
    /// A text message or a close reason was not UTF-8 (section 8.1).
    InvalidUtf8,
    /// The message, inflated if it is compressed, is larger than
    /// [`Limits::message_bytes_max`](crate::Limits).
    MessageTooBig,
    /// A reserved bit was set that no extension gave a meaning (section 5.2).
    ReservedBit,
    /// More than 100 pings and unasked pongs came within one second.
    TooManyControlFrames,
    /// The message has more frames than [`Limits::fragments_max`](crate::Limits).
    TooManyFragments,
    /// A continuation came while no message was under way (section 5.4).
    UnexpectedContinuation,
    /// A new message began inside a fragmented one (section 5.4).
    UnfinishedMessage,
    /// The opcode has no meaning (section 5.2).
    UnknownOpcode,
    /// A client's frame came unmasked, or a server's frame masked (section 5.1).
    WrongMasking,
}

impl PeerError {
    /// The code of the close frame that answers this error.
    ///
    /// ```
    /// use switchboard_ws::{CloseCode, PeerError};
    ///
    /// assert_eq!(PeerError::InvalidUtf8.close_code(), CloseCode::INVALID_DATA);
    /// ```
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::BadClose
            | Self::BadControlFrame
            | Self::BadLength
            | Self::ReservedBit
            | Self::UnexpectedContinuation
            | Self::UnfinishedMessage
            | Self::UnknownOpcode
            | Self::WrongMasking => CloseCode::PROTOCOL,
            Self::BadCompression | Self::InvalidUtf8 => CloseCode::INVALID_DATA,
            Self::MessageTooBig => CloseCode::TOO_BIG,
            Self::TooManyControlFrames | Self::TooManyFragments => CloseCode::POLICY,
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadClose => "close frame had half a code, or one that may not be sent",
            Self::BadCompression => "compressed message was not valid deflate data",
            Self::BadControlFrame => "control frame was split or longer than 125 bytes",
            Self::BadLength => "frame length was not in its shortest form, or above 2^63",
            Self::InvalidUtf8 => "text message or close reason was not UTF-8",
            Self::MessageTooBig => "message is larger than the configured limit",
            Self::ReservedBit => "frame has a reserved bit that was not negotiated",
            Self::TooManyControlFrames => "more than 100 control frames came within a second",
            Self::TooManyFragments => "message has more frames than the configured limit",
            Self::UnexpectedContinuation => "continuation frame continues no message",
            Self::UnfinishedMessage => "new message began before the last one ended",
            Self::UnknownOpcode => "frame has an unknown opcode",
            Self::WrongMasking => "frame was masked by a server or unmasked by a client",
        })
    }
}

impl std::error::Error for PeerError {}

/// The closing handshake did not end within [`Limits::close_timeout`](crate::Limits): drop the
/// transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseTimeout;

impl fmt::Display for CloseTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the closing handshake did not end in time")
    }
}

impl std::error::Error for CloseTimeout {}
