//! One packet: a type digit and data.
//!
//! A text packet is the digit followed by the data, in a WebSocket text message or as one record of
//! a polling body. Binary data is always a message; it has no digit. How several packets share one
//! body is in [`payload`](crate::payload), and what was different before in [`v3`](crate::v3).
//!
//! Spec: Engine.IO protocol 4, "Packet encoding".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::PeerError;

/// One packet. It borrows its data from the message or body that it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for. Always [`Kind::Message`] when the data is binary.
    pub kind: Kind,
    /// What it carries; `Data::Text("")` when nothing.
    pub data: Data<'a>,
}

impl<'a> Packet<'a> {
    /// Reads one WebSocket message.
    ///
    /// A text message with base64 (`b...`, from the rare client that was told to send no binary) has
    /// nothing to borrow from; [`Record::decode`](crate::payload::Record::decode) reads that as well.
    ///
    /// # Errors
    ///
    /// [`PeerError::EmptyPacket`] or [`PeerError::UnknownKind`], for text only.
    pub fn decode(data: Data<'a>) -> Result<Self, PeerError> {
        let text = match data {
            Data::Binary(_) => return Ok(Self { kind: Kind::Message, data }),
            Data::Text(text) => text,
        };
        let digit = text.bytes().next().ok_or(PeerError::EmptyPacket)?;
        let kind = Kind::from_digit(digit).ok_or(PeerError::UnknownKind)?;
        Ok(Self { kind, data: Data::Text(text.get(1..).unwrap_or_default()) })
    }

    /// Appends the packet as text, `4hello`. Binary data becomes `b` and its base64; a WebSocket that
    /// may carry binary messages sends the data itself instead.
    pub fn encode_text(&self, output: &mut Vec<u8>) {
        match self.data {
            Data::Text(text) => {
                output.reserve(1 + text.len());
                output.push(self.kind.digit());
                output.extend_from_slice(text.as_bytes());
            }
            Data::Binary(bytes) => {
                output.push(BASE64_MARK);
                encode_base64(bytes, output);
            }
        }
    }
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `0`: the server tells the session id and its settings.
    Open,
    /// `1`: the session ends.
    Close,
    /// `2`: are you there? From the server (in revision 3, from the client); with `probe`, from a client
    /// that upgrades.
    Ping,
    /// `3`: I am.
    Pong,
    /// `4`: what the session is for.
    Message,
    /// `5`: from now on this transport.
    Upgrade,
    /// `6`: nothing; ends a poll.
    Noop,
}

impl Kind {
    /// The character on the wire, `b'0'` to `b'6'`.
    pub fn digit(self) -> u8 {
        match self {
            Self::Open => b'0',
            Self::Close => b'1',
            Self::Ping => b'2',
            Self::Pong => b'3',
            Self::Message => b'4',
            Self::Upgrade => b'5',
            Self::Noop => b'6',
        }
    }

    /// The kind whose character on the wire this is.
    pub fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return None,
        })
    }
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Text, without the type digit.
    Text(&'a str),
    /// Bytes, not in base64.
    Binary(&'a [u8]),
}

/// What stands before base64 in place of a type digit.
pub(crate) const BASE64_MARK: u8 = b'b';

pub(crate) fn encode_base64(bytes: &[u8], output: &mut Vec<u8>) {
    let start = output.len();
    output.resize(start + base64_len(bytes.len()), 0);
    let written = output.get_mut(start..).map(|space| STANDARD.encode_slice(bytes, space));
    debug_assert!(matches!(written, Some(Ok(len)) if start + len == output.len()));
}

/// How many characters the base64 of so many bytes has, padding included.
pub(crate) fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}
