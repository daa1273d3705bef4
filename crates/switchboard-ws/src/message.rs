//! Messages on their way out, and the frames that carry them.
//!
//! A message always leaves as one frame: we have all of it, so nothing is won by cutting.
//!
//! Spec: RFC 6455, sections 5.2 (layout) and 5.6 (data frames).

use crate::{FrameHeader, Opcode, mask};

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
    let payload_len = payload.len() as u64;
    FrameHeader { fin: true, rsv1: false, opcode, mask: key, payload_len }.encode(output);
    let start = output.len();
    output.extend_from_slice(payload);
    if let (Some(key), Some(written)) = (key, output.get_mut(start..)) {
        mask::apply(key, written);
    }
}
