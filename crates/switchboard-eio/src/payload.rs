//! Polling payloads: how several packets share one HTTP body.
//!
//! Records stand between separators, `4hello<1e>bAQID<1e>2`. Text is borrowed from the body; binary
//! data travels as `b` and base64. The body itself is the owner's: it is bounded in bytes and checked
//! to be UTF-8 before it comes here.
//!
//! We are as tolerant as the official parser where clients may need it, and strict elsewhere: base64
//! may lack its padding and may have line breaks (MIME encoders insert them), but other characters
//! outside the standard alphabet, which the official parser skips, are an error.
//!
//! Spec: Engine.IO protocol 4, "HTTP long-polling: packet encoding".

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::packet::{BASE64_MARK, base64_len};
use crate::{Data, Kind, Packet, PeerError};

/// Stands between two records, and nowhere else.
pub const SEPARATOR: u8 = 0x1e;

/// Reads the records of one body, one at a time.
///
/// More than `packets_max` of them are an error at the first one too many; 20,000 is a good value,
/// because official clients put thousands of small messages into one body. As in the official parser,
/// an empty body has one record that is empty, which is an error.
pub fn decode(body: &str, packets_max: usize) -> Records<'_> {
    Records { rest: Some(body), packets_left: packets_max }
}

/// The records of one body. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: Option<&'a str>,
    packets_left: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, PeerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let Some(packets_left) = self.packets_left.checked_sub(1) else {
            return Some(Err(PeerError::TooManyPackets));
        };
        self.packets_left = packets_left;
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

/// One record of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A text packet, borrowed from the body.
    Text(Packet<'a>),
    /// The data of a binary message: out of its base64, or borrowed where it came as bytes.
    Binary(Cow<'a, [u8]>),
}

impl<'a> Record<'a> {
    /// Reads one record, or one WebSocket text message that may hold base64.
    ///
    /// # Errors
    ///
    /// [`PeerError::EmptyPacket`], [`PeerError::UnknownKind`] or [`PeerError::InvalidBase64`].
    pub fn decode(text: &'a str) -> Result<Self, PeerError> {
        match text.strip_prefix(char::from(BASE64_MARK)) {
            Some(base64) => decode_base64(base64).map(|bytes| Self::Binary(Cow::Owned(bytes))),
            None => Packet::decode(Data::Text(text)).map(Self::Text),
        }
    }

    /// The packet in it.
    pub fn packet(&self) -> Packet<'_> {
        match self {
            Self::Text(packet) => *packet,
            Self::Binary(bytes) => Packet { kind: Kind::Message, data: Data::Binary(bytes) },
        }
    }
}

/// Appends one record to a body, with the separator if the body is not empty.
///
/// The text of a packet must not contain [`SEPARATOR`]: the format has no way to escape it. JSON never
/// does. `output` is the body from its first byte.
pub fn encode(packet: &Packet<'_>, output: &mut Vec<u8>) {
    if !output.is_empty() {
        output.push(SEPARATOR);
    }
    packet.encode_text(output);
}

/// How many bytes the record of this packet has, the separator before it not counted.
pub fn encoded_len(packet: &Packet<'_>) -> usize {
    1 + match packet.data {
        Data::Text(text) => text.len(),
        Data::Binary(bytes) => base64_len(bytes.len()),
    }
}

pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, PeerError> {
    if let Ok(bytes) = TOLERANT.decode(text) {
        return Ok(bytes);
    }
    let is_break = |it: &u8| matches!(it, b'\r' | b'\n');
    if !text.bytes().any(|it| is_break(&it)) {
        return Err(PeerError::InvalidBase64);
    }
    let unbroken: Vec<u8> = text.bytes().filter(|it| !is_break(it)).collect();
    TOLERANT.decode(unbroken).map_err(|_| PeerError::InvalidBase64)
}

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
