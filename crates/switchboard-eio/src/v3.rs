//! Revision 3: how messages and polling payloads looked before, for clients that still speak it.
//!
//! Text packets are the same as today. Binary data has a type as well: the byte 4 in front of it in a
//! WebSocket message, `b4` in front of its base64. Polling bodies tell the length of every packet:
//! `6:4hello2:4€` as text, counted in UTF-16 units, and if the client can read bytes and there is
//! binary data in the body, `<00><06><ff>4hello<01><04><ff><04><01><02><03>`, counted in bytes.
//!
//! Nothing is reserved for a length before its bytes are there. Stricter than the official parser:
//! lengths are plain decimal digits, and binary data is always a message. As there, a text packet
//! without any character is skipped in a text body.
//!
//! Spec: Engine.IO protocol 3, "Encoding"; engine.io 6.6.11 where the protocol is silent.

use std::borrow::Cow;
use std::io::Write as _;

use crate::packet::BASE64_MARK;
use crate::payload::{Record, decode_base64};
use crate::{Data, Kind, Packet, PeerError};

/// Stands in front of the data of a binary WebSocket message.
pub const MESSAGE: u8 = 4;

/// Reads one WebSocket message.
///
/// # Errors
///
/// [`PeerError::EmptyPacket`], [`PeerError::UnknownKind`] or [`PeerError::InvalidBase64`].
pub fn decode_message(data: Data<'_>) -> Result<Record<'_>, PeerError> {
    match data {
        Data::Text(text) => decode_text(text),
        Data::Binary(bytes) => match bytes.split_first() {
            Some((&MESSAGE, data)) => Ok(Record::Binary(Cow::Borrowed(data))),
            Some(_) => Err(PeerError::UnknownKind),
            None => Err(PeerError::EmptyPacket),
        },
    }
}

/// Reads the packets of a body that is text, one at a time. `packets_max` as for
/// [`payload::decode`](crate::payload::decode).
pub fn decode(body: &str, packets_max: usize) -> Records<'_> {
    Records { rest: Some(body), is_first: true, packets_left: packets_max }
}

/// Reads the packets of a body that is bytes (`application/octet-stream`), one at a time.
pub fn decode_bytes(body: &[u8], packets_max: usize) -> ByteRecords<'_> {
    ByteRecords { rest: body, packets_left: packets_max }
}

/// The packets of a body that is text. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: Option<&'a str>,
    is_first: bool,
    packets_left: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, PeerError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest.take()?;
            let is_first = std::mem::take(&mut self.is_first);
            if rest.is_empty() {
                return is_first.then_some(Err(PeerError::EmptyPacket));
            }
            let Some(packets_left) = self.packets_left.checked_sub(1) else {
                return Some(Err(PeerError::TooManyPackets));
            };
            self.packets_left = packets_left;
            let Some((packet, rest)) = split_text(rest) else {
                return Some(Err(PeerError::InvalidLength));
            };
            if packet.is_empty() {
                self.rest = Some(rest);
                continue;
            }
            let record = decode_text(packet);
            if record.is_ok() {
                self.rest = Some(rest);
            }
            return Some(record);
        }
    }
}

/// The packets of a body that is bytes. Ends after the first error.
#[derive(Clone, Debug)]
pub struct ByteRecords<'a> {
    rest: &'a [u8],
    packets_left: usize,
}

impl<'a> Iterator for ByteRecords<'a> {
    type Item = Result<Record<'a>, PeerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let Some(packets_left) = self.packets_left.checked_sub(1) else {
            return Some(Err(PeerError::TooManyPackets));
        };
        self.packets_left = packets_left;
        let Some((is_binary, packet, rest)) = split_bytes(rest) else {
            return Some(Err(PeerError::InvalidLength));
        };
        let record = if is_binary {
            decode_message(Data::Binary(packet))
        } else {
            let text = std::str::from_utf8(packet).map_err(|_not_text| PeerError::InvalidUtf8);
            text.and_then(decode_text)
        };
        if record.is_ok() {
            self.rest = rest;
        }
        Some(record)
    }
}

/// Appends one packet to a body that is text; binary data as base64.
pub fn encode(packet: &Packet<'_>, output: &mut Vec<u8>) {
    // The protocol counts characters, and the official parsers count UTF-16 units: an emoji is 2.
    let len = match packet.data {
        Data::Text(text) => 1 + text.encode_utf16().count(),
        Data::Binary(bytes) => 2 + crate::packet::base64_len(bytes.len()),
    };
    let written = write!(output, "{len}:");
    debug_assert!(written.is_ok(), "a Vec takes every write");
    encode_message_text(packet, output);
}

/// Appends one packet to a body that is bytes.
pub fn encode_bytes(packet: &Packet<'_>, output: &mut Vec<u8>) {
    let (mark, len) = match packet.data {
        Data::Text(text) => (STRING, text.len()),
        Data::Binary(bytes) => (BINARY, bytes.len()),
    };
    output.push(mark);
    output.extend((1 + len).to_string().bytes().map(|digit| digit - b'0'));
    output.push(LENGTH_END);
    match packet.data {
        Data::Text(_) => packet.encode_text(output),
        Data::Binary(bytes) => {
            output.push(MESSAGE);
            output.extend_from_slice(bytes);
        }
    }
}

/// Appends a packet as a WebSocket text message: `4hello`, or `b4` and base64 for clients that read
/// no bytes.
pub fn encode_message_text(packet: &Packet<'_>, output: &mut Vec<u8>) {
    match packet.data {
        Data::Text(_) => packet.encode_text(output),
        Data::Binary(bytes) => {
            output.extend_from_slice(&[BASE64_MARK, Kind::Message.digit()]);
            crate::packet::encode_base64(bytes, output);
        }
    }
}

fn decode_text(text: &str) -> Result<Record<'_>, PeerError> {
    let Some(typed) = text.strip_prefix(char::from(BASE64_MARK)) else {
        return Packet::decode(Data::Text(text)).map(Record::Text);
    };
    let Some(base64) = typed.strip_prefix(char::from(Kind::Message.digit())) else {
        return Err(PeerError::UnknownKind);
    };
    decode_base64(base64).map(|bytes| Record::Binary(Cow::Owned(bytes)))
}

/// Takes the first packet off `<length>:<packet>…`.
fn split_text(body: &str) -> Option<(&str, &str)> {
    let head = body.bytes().take(LENGTH_DIGITS_MAX + 1).position(|it| it == b':')?;
    let (digits, rest) = body.split_at_checked(head)?;
    let len = length(digits.bytes().map(|it| it.wrapping_sub(b'0')))?;
    let rest = rest.get(1..)?;
    rest.split_at_checked(utf8_len(rest, len)?)
}

/// How many bytes the first `units` UTF-16 units of `text` take. `None` if it has less, or if the
/// last of them is half a character.
fn utf8_len(text: &str, units: usize) -> Option<usize> {
    if text.as_bytes().get(..units)?.is_ascii() {
        return Some(units);
    }
    let (mut left, mut len) = (units, 0);
    let mut chars = text.chars();
    while left != 0 {
        let next = chars.next()?;
        left = left.checked_sub(next.len_utf16())?;
        len += next.len_utf8();
    }
    Some(len)
}

/// Takes the first packet off `<mark><digits><ff><packet>…`, and tells whether it is binary.
fn split_bytes(body: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (&mark, rest) = body.split_first()?;
    let is_binary = match mark {
        STRING => false,
        BINARY => true,
        _ => return None,
    };
    let head = rest.iter().take(LENGTH_DIGITS_MAX + 1).position(|it| *it == LENGTH_END)?;
    let (digits, rest) = rest.split_at_checked(head)?;
    let len = length(digits.iter().copied())?;
    let (packet, rest) = rest.get(1..)?.split_at_checked(len)?;
    Some((is_binary, packet, rest))
}

/// The number that these digits, 0 to 9, spell. At least one, and not so many that it could overflow.
fn length(digits: impl ExactSizeIterator<Item = u8>) -> Option<usize> {
    if digits.len() == 0 || LENGTH_DIGITS_MAX < digits.len() {
        return None;
    }
    let mut digits = digits;
    digits.try_fold(0_usize, |number, digit| (digit <= 9).then(|| number * 10 + usize::from(digit)))
}

/// Digits that a length may have. Bodies are far smaller than the number that fits.
const LENGTH_DIGITS_MAX: usize = 9;
const STRING: u8 = 0;
const BINARY: u8 = 1;
const LENGTH_END: u8 = 0xff;
