//! Frame headers: the 2 to 14 bytes in front of every frame.
//!
//! [`FrameHeader::decode`] reads one from the front of a buffer, [`FrameHeader::encode`] appends
//! one. Neither touches the payload: rules that span frames live in `connection`.
//!
//! Spec: RFC 6455, sections 5.2 (layout) and 5.5 (control frames).

use crate::PeerError;

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The first reserved bit: permessage-deflate (RFC 7692) marks compressed messages with it.
    /// No header with one of the other two is ever decoded.
    pub rsv1: bool,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The masking key, present on every frame that a client sends.
    pub mask: Option<[u8; 4]>,
    /// How many bytes of payload follow the header; below 2^63.
    pub payload_len: u64,
}

impl FrameHeader {
    /// The longest header.
    pub const BYTES_MAX: usize = 14;

    /// Reads one header from the front of `input` and says how many bytes it took.
    ///
    /// `None` means that `input` ends before the header does: call again with more bytes.
    ///
    /// # Errors
    ///
    /// [`PeerError::ReservedBit`], [`PeerError::UnknownOpcode`], [`PeerError::BadControlFrame`]
    /// or [`PeerError::BadLength`], as soon as the bytes that show it are there. All are final.
    ///
    /// # Examples
    ///
    /// ```
    /// use switchboard_ws::{FrameHeader, Opcode};
    ///
    /// let (header, used) = FrameHeader::decode(&[0x81, 0x05, b'H'])?.unwrap();
    /// assert_eq!((header.opcode, header.payload_len, used), (Opcode::Text, 5, 2));
    /// assert_eq!(FrameHeader::decode(&[0x81]), Ok(None));
    /// # Ok::<(), switchboard_ws::PeerError>(())
    /// ```
    pub fn decode(input: &[u8]) -> Result<Option<(Self, usize)>, PeerError> {
        let Some((&[first, second], rest)) = input.split_first_chunk() else {
            return Ok(None);
        };
        if first & (RSV2 | RSV3) != 0 {
            return Err(PeerError::ReservedBit);
        }
        let opcode = Opcode::from_bits(first & OPCODE)?;
        let fin = first & FIN != 0;
        if opcode.is_control() && (!fin || 125 < second & LEN) {
            return Err(PeerError::BadControlFrame);
        }

        let (payload_len, rest) = match second & LEN {
            126 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let is_shortest = match second & LEN {
            126 => 125 < payload_len,
            127 => u64::from(u16::MAX) < payload_len,
            _ => true,
        };
        if !is_shortest || i64::try_from(payload_len).is_err() {
            return Err(PeerError::BadLength);
        }
        let (mask, rest) = match (second & MASKED != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        let header = Self { fin, rsv1: first & RSV1 != 0, opcode, mask, payload_len };
        Ok(Some((header, input.len() - rest.len())))
    }

    /// Appends the header to `output`, with the length in its shortest form.
    #[inline]
    pub fn encode(&self, output: &mut Vec<u8>) {
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        let first = fin | rsv1 | self.opcode as u8;
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        if let (len @ ..=125, None) = (self.payload_len, self.mask) {
            // The most usual header, without a look at the others.
            return output.extend_from_slice(&[first, len as u8]);
        }
        match (u8::try_from(self.payload_len), u16::try_from(self.payload_len)) {
            (Ok(len @ ..=125), _) => output.extend_from_slice(&[first, masked | len]),
            (_, Ok(len)) => {
                let [high, low] = len.to_be_bytes();
                output.extend_from_slice(&[first, masked | 126, high, low]);
            }
            _ => {
                output.extend_from_slice(&[first, masked | 127]);
                output.extend_from_slice(&self.payload_len.to_be_bytes());
            }
        }
        if let Some(key) = &self.mask {
            output.extend_from_slice(key);
        }
    }
}

/// What a frame carries (RFC 6455, section 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// More of the message before.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The end of the connection.
    Close = 0x8,
    /// A question that [`Opcode::Pong`] answers.
    Ping = 0x9,
    /// The answer to [`Opcode::Ping`].
    Pong = 0xA,
}

impl Opcode {
    /// Whether the frame may stand between the frames of another message (section 5.5).
    #[must_use]
    pub fn is_control(self) -> bool {
        0x8 <= self as u8
    }

    fn from_bits(bits: u8) -> Result<Self, PeerError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(PeerError::UnknownOpcode),
        })
    }
}

pub(crate) const FIN: u8 = 0b1000_0000;
const RSV1: u8 = 0b0100_0000;
const RSV2: u8 = 0b0010_0000;
const RSV3: u8 = 0b0001_0000;
const OPCODE: u8 = 0b0000_1111;
pub(crate) const MASKED: u8 = 0b1000_0000;
pub(crate) const LEN: u8 = 0b0111_1111;
