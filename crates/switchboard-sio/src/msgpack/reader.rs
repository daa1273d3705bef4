//! Bytes to tokens: the head of a value, and its bytes if it has any.
//!
//! No count is passed on before the message is long enough for it, so whoever reads tokens needs no
//! limit of his own against a small message that claims to be a large one.

use crate::PeerError;

/// What one msgpack head says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    /// `d4 00 ..`. A byte in an `ArrayBuffer` has its length written: `c7 01 00 ..`.
    Undefined,
    /// `d7 00 ..`, milliseconds since 1970. Eight bytes in an `ArrayBuffer`: `c7 08 00 ..`.
    Date(i64),
    Bool(bool),
    Unsigned(u64),
    /// Below zero, or written with a sign.
    Signed(i64),
    Float(f64),
    Str(&'a str),
    Bin(&'a [u8]),
    Ext(i8, &'a [u8]),
    /// As many values follow.
    Array(usize),
    /// As many pairs of values follow.
    Map(usize),
}

/// A position in a message.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What was not read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn token(&mut self) -> Result<Token<'a>, PeerError> {
        let first = self.unsigned(1)? as u8;
        Ok(match first {
            0x00..=0x7f => Token::Unsigned(first.into()),
            0x80..=0x8f => self.map(usize::from(first & 0x0f))?,
            0x90..=0x9f => self.array(usize::from(first & 0x0f))?,
            0xa0..=0xbf => self.str(usize::from(first & 0x1f))?,
            0xc0 => Token::Nil,
            // Never used, says the specification.
            0xc1 => return Err(PeerError::BadMsgPack),
            0xc2 | 0xc3 => Token::Bool(first == 0xc3),
            0xc4..=0xc6 => {
                let len = self.size(1 << (first - 0xc4))?;
                Token::Bin(self.bytes(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.size(1 << (first - 0xc7))?;
                let kind = self.unsigned(1)? as i8;
                Token::Ext(kind, self.bytes(len)?)
            }
            0xca => Token::Float(f32::from_bits(self.unsigned(4)? as u32).into()),
            0xcb => Token::Float(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xcf => Token::Unsigned(self.unsigned(1 << (first - 0xcc))?),
            0xd0..=0xd3 => self.signed(1 << (first - 0xd0))?,
            0xd4..=0xd8 => self.fixed_ext(1 << (first - 0xd4))?,
            0xd9..=0xdb => {
                let len = self.size(1 << (first - 0xd9))?;
                self.str(len)?
            }
            0xdc | 0xdd => {
                let count = self.size(if first == 0xdc { 2 } else { 4 })?;
                self.array(count)?
            }
            0xde | 0xdf => {
                let count = self.size(if first == 0xde { 2 } else { 4 })?;
                self.map(count)?
            }
            0xe0..=0xff => Token::Signed((first as i8).into()),
        })
    }

    /// Moves over one value, whatever is in it. How deep it is costs nothing.
    pub(super) fn skip(&mut self) -> Result<(), PeerError> {
        // Each is followed by a byte at least, so this stays below the length of the message.
        let mut values = 1_usize;
        while 0 < values {
            values -= 1;
            match self.token()? {
                Token::Array(count) => values = values.saturating_add(count),
                Token::Map(count) => values = values.saturating_add(count.saturating_mul(2)),
                _ => (),
            }
        }
        Ok(())
    }

    fn array(&self, count: usize) -> Result<Token<'a>, PeerError> {
        if self.rest.len() < count {
            return Err(PeerError::BadMsgPack);
        }
        Ok(Token::Array(count))
    }

    fn map(&self, count: usize) -> Result<Token<'a>, PeerError> {
        if self.rest.len() / 2 < count {
            return Err(PeerError::BadMsgPack);
        }
        Ok(Token::Map(count))
    }

    fn str(&mut self, len: usize) -> Result<Token<'a>, PeerError> {
        let bytes = self.bytes(len)?;
        std::str::from_utf8(bytes).map(Token::Str).map_err(|_wrong| PeerError::BadMsgPack)
    }

    fn fixed_ext(&mut self, len: usize) -> Result<Token<'a>, PeerError> {
        let kind = self.unsigned(1)? as i8;
        Ok(match (kind, self.bytes(len)?) {
            (0, [_]) => Token::Undefined,
            (0, &[a, b, c, d, e, f, g, h]) => {
                Token::Date(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
            (kind, bytes) => Token::Ext(kind, bytes),
        })
    }

    fn signed(&mut self, width: usize) -> Result<Token<'a>, PeerError> {
        let unused = 64 - 8 * width as u32;
        let number = self.unsigned(width)? << unused;
        Ok(Token::Signed((number as i64) >> unused))
    }

    fn size(&mut self, width: usize) -> Result<usize, PeerError> {
        usize::try_from(self.unsigned(width)?).map_err(|_too_large| PeerError::BadMsgPack)
    }

    fn unsigned(&mut self, width: usize) -> Result<u64, PeerError> {
        let bytes = self.bytes(width)?;
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], PeerError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(PeerError::BadMsgPack)?;
        self.rest = rest;
        Ok(bytes)
    }
}
