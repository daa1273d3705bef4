//! Messages on their way out, and the frames that carry them.
//!
//! A message always leaves as one frame: we have all of it, so nothing is won by cutting.
//!
//! Spec: RFC 6455, sections 5.2 (layout) and 5.6 (data frames).

use crate::close::{self, CONTROL_BYTES_MAX};
use crate::header::FIN;
use crate::{CloseCode, FrameHeader, Opcode, mask};

/// A message that the application sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// What the frame says about its payload, and the payload.
    pub(crate) fn parts(self) -> (Opcode, &'a [u8]) {
        match self {
            Self::Text(text) => (Opcode::Text, text.as_bytes()),
            Self::Binary(bytes) => (Opcode::Binary, bytes),
        }
    }
}

/// Appends one whole, unmasked frame, as servers send it.
///
/// Such a frame is the same for every client: encode a broadcast once and share the bytes.
///
/// ```
/// let mut output = Vec::new();
/// switchboard_ws::encode(switchboard_ws::Message::Text("Hi"), &mut output);
/// assert_eq!(output, b"\x81\x02Hi");
/// ```
#[inline]
pub fn encode(message: Message<'_>, output: &mut Vec<u8>) {
    let (opcode, payload) = message.parts();
    write_frame(opcode, None, payload, output);
}

/// Appends one whole frame masked with `key`, as clients send it.
///
/// The key must be unpredictable, so that a page cannot choose the bytes that proxies see
/// (RFC 6455, section 10.3).
///
/// ```
/// let mut output = Vec::new();
/// switchboard_ws::encode_masked(switchboard_ws::Message::Text("Hi"), [1, 2, 3, 4], &mut output);
/// assert_eq!(output, b"\x81\x82\x01\x02\x03\x04Ik");
/// ```
#[inline]
pub fn encode_masked(message: Message<'_>, key: [u8; 4], output: &mut Vec<u8>) {
    let (opcode, payload) = message.parts();
    write_frame(opcode, Some(key), payload, output);
}

/// Appends one ping, masked if there is a `key`. Of `payload` at most 125 bytes are sent.
///
/// For senders that share a connection with the task which owns its
/// [`Connection`](crate::Connection); everybody else uses
/// [`Connection::ping`](crate::Connection::ping).
pub fn encode_ping(payload: &[u8], key: Option<[u8; 4]>, output: &mut Vec<u8>) {
    write_frame(Opcode::Ping, key, fitting(payload), output);
}

/// Appends one pong, masked if there is a `key`. Of `payload` at most 125 bytes are sent.
pub fn encode_pong(payload: &[u8], key: Option<[u8; 4]>, output: &mut Vec<u8>) {
    write_frame(Opcode::Pong, key, fitting(payload), output);
}

fn fitting(payload: &[u8]) -> &[u8] {
    payload.get(..CONTROL_BYTES_MAX).unwrap_or(payload)
}

/// Appends one close frame, masked if there is a `key`. Of `reason` at most 123 bytes are sent,
/// cut between characters; without a code there is no place for one.
///
/// Nothing may follow it (RFC 6455, section 5.5.1). For senders that share a connection, as
/// [`encode_ping`] is.
pub fn encode_close(
    code: Option<CloseCode>,
    reason: &str,
    key: Option<[u8; 4]>,
    output: &mut Vec<u8>,
) {
    let mut payload = [0; CONTROL_BYTES_MAX];
    let (start, rest) = payload.split_at_mut(2);
    let mut payload_len = 0;
    if let Some(code) = code {
        let reason = close::fitting(reason).as_bytes();
        start.copy_from_slice(&code.value().to_be_bytes());
        rest.iter_mut().zip(reason).for_each(|(place, byte)| *place = *byte);
        payload_len = 2 + reason.len();
    }
    write_frame(Opcode::Close, key, payload.get(..payload_len).unwrap_or_default(), output);
}

/// Appends one whole frame.
#[inline]
pub(crate) fn write_frame(
    opcode: Opcode,
    key: Option<[u8; 4]>,
    payload: &[u8],
    output: &mut Vec<u8>,
) {
    // One growth at most, whatever the parts are.
    output.reserve(FrameHeader::BYTES_MAX + payload.len());
    if key.is_none()
        && let len @ ..=125 = payload.len()
    {
        // The most usual header, without a look at the others.
        output.extend_from_slice(&[FIN | opcode as u8, len as u8]);
        output.extend_from_slice(payload);
        return;
    }
    let payload_len = payload.len() as u64;
    FrameHeader { fin: true, rsv1: false, opcode, mask: key, payload_len }.encode(output);
    let start = output.len();
    output.extend_from_slice(payload);
    if let (Some(key), Some(written)) = (key, output.get_mut(start..)) {
        mask::apply(key, written);
    }
}
