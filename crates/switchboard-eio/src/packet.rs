//! Packets: one type digit, then data.
//!
//! On a WebSocket a packet is one message; binary data is a message of its own, without a digit.

use crate::PeerError;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(clippy::exhaustive_enums)]
pub enum Kind {
    /// The handshake, from the server.
    Open = b'0',
    /// The end of the session.
    Close = b'1',
    /// The server asks whether the client is there; also a probe from the client.
    Ping = b'2',
    /// The answer to a ping.
    Pong = b'3',
    /// Data of the application.
    Message = b'4',
    /// The client moves to the probed transport.
    Upgrade = b'5',
    /// Nothing; ends a poll.
    Noop = b'6',
}

impl Kind {
    fn from_digit(digit: u8) -> Result<Self, PeerError> {
        Ok(match digit {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return Err(PeerError::UnknownKind),
        })
    }
}

/// Text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Data<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// One packet. Binary data is always a [`Kind::Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: Kind,
    /// What it carries, without the type digit.
    pub data: Data<'a>,
}

impl<'a> Packet<'a> {
    /// Reads one WebSocket message, or one text record of a polling body.
    ///
    /// # Errors
    ///
    /// [`PeerError::UnknownKind`] for a text that does not begin with a type digit.
    ///
    /// # Examples
    ///
    /// ```
    /// use switchboard_eio::{Data, Kind, Packet};
    ///
    /// let packet = Packet::decode(Data::Text("4hello"))?;
    /// assert_eq!((packet.kind, packet.data), (Kind::Message, Data::Text("hello")));
    /// # Ok::<(), switchboard_eio::PeerError>(())
    /// ```
    pub fn decode(data: Data<'a>) -> Result<Self, PeerError> {
        let Data::Text(text) = data else {
            return Ok(Self { kind: Kind::Message, data });
        };
        let digit = text.as_bytes().first().ok_or(PeerError::UnknownKind)?;
        let kind = Kind::from_digit(*digit)?;
        Ok(Self { kind, data: Data::Text(text.get(1..).unwrap_or_default()) })
    }

    /// Appends a text packet, digit first. Binary data is appended as it is, as a WebSocket's
    /// binary message carries it.
    pub fn encode_text(&self, output: &mut Vec<u8>) {
        match self.data {
            Data::Text(text) => {
                output.push(self.kind as u8);
                output.extend_from_slice(text.as_bytes());
            }
            Data::Binary(bytes) => output.extend_from_slice(bytes),
        }
    }
}
