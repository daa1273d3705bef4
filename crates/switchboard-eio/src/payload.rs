//! Polling payloads: how several packets share one HTTP body.
//!
//! Records are separated by [`SEPARATOR`]; a binary message is `b` and its base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Data, Kind, Packet, PeerError};

/// Stands between two records.
pub const SEPARATOR: u8 = 0x1e;

/// Reads the records of a body, of which there may be `packets_max`.
#[must_use]
pub fn decode(body: &str, packets_max: usize) -> Records<'_> {
    Records { rest: Some(body), left: packets_max }
}

/// The records of a body, in order. Ends with the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: Option<&'a str>,
    left: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, PeerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        if self.left == 0 {
            return Some(Err(PeerError::TooManyPackets));
        }
        self.left -= 1;
        let (record, rest) = match rest.split_once(char::from(SEPARATOR)) {
            Some((record, rest)) => (record, Some(rest)),
            None => (rest, None),
        };
        let record = Record::decode(record);
        if record.is_ok() {
            self.rest = rest;
        }
        Some(record)
    }
}

/// One packet of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Record<'a> {
    /// A text packet, borrowed from the body.
    Text(Packet<'a>),
    /// A binary message, decoded.
    Binary(Vec<u8>),
}

impl<'a> Record<'a> {
    fn decode(record: &'a str) -> Result<Self, PeerError> {
        match record.strip_prefix('b') {
            Some(base64) => {
                STANDARD.decode(base64).map(Self::Binary).map_err(|_wrong| PeerError::BadBase64)
            }
            None => Packet::decode(Data::Text(record)).map(Self::Text),
        }
    }

    /// The packet.
    #[must_use]
    pub fn packet(&self) -> Packet<'_> {
        match self {
            Self::Text(packet) => *packet,
            Self::Binary(bytes) => Packet { kind: Kind::Message, data: Data::Binary(bytes) },
        }
    }
}

/// Appends one record, and before it a separator if `output` is not empty.
pub fn encode(packet: &Packet<'_>, output: &mut Vec<u8>) {
    if !output.is_empty() {
        output.push(SEPARATOR);
    }
    match packet.data {
        Data::Text(_) => packet.encode_text(output),
        Data::Binary(bytes) => {
            output.push(b'b');
            output.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        }
    }
}

/// How many bytes a record takes, without a separator.
#[must_use]
pub fn encoded_len(packet: &Packet<'_>) -> usize {
    1 + match packet.data {
        Data::Text(text) => text.len(),
        Data::Binary(bytes) => bytes.len().div_ceil(3) * 4,
    }
}
