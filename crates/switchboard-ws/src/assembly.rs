//! A message that arrives in pieces: fragments of a message, or pieces of a frame, or both.
//!
//! Each byte is validated once, when it comes, and invalid UTF-8 is refused then and there. The
//! buffer exists only while a message is under way, and grows with the bytes that have arrived,
//! not with the length that a header claims.
//!
//! Spec: RFC 6455, sections 5.4 (fragmentation) and 8.1 (UTF-8).

use std::borrow::Cow;

use crate::{Event, PeerError};

#[cfg(test)]
mod tests;

/// The message under way, if there is one.
#[derive(Debug, Default)]
pub(crate) enum Assembly {
    /// Between messages.
    #[default]
    Idle,
    /// A text message and the first bytes of its next character.
    Text(String, Split),
    /// A binary message.
    Binary(Vec<u8>),
}

impl Assembly {
    /// Bytes of the message that have arrived.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Idle => 0,
            Self::Text(text, split) => text.len() + split.bytes().len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Adds an unmasked piece, after which at least `remaining` bytes of its frame will come.
    pub(crate) fn push(&mut self, piece: &[u8], remaining: usize) -> Result<(), PeerError> {
        match self {
            Self::Idle => Ok(()),
            Self::Text(text, split) => {
                text.reserve_exact(room(text.len(), text.capacity(), piece.len(), remaining));
                push_text(text, split, piece)
            }
            Self::Binary(bytes) => {
                bytes.reserve_exact(room(bytes.len(), bytes.capacity(), piece.len(), remaining));
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// Ends the message.
    pub(crate) fn finish<'i>(&mut self) -> Result<Option<Event<'i>>, PeerError> {
        match std::mem::take(self) {
            Self::Idle => Ok(None),
            Self::Text(text, split) if split.bytes().is_empty() => {
                Ok(Some(Event::Text(Cow::Owned(text))))
            }
            Self::Text(..) => Err(PeerError::InvalidUtf8),
            Self::Binary(bytes) => Ok(Some(Event::Binary(Cow::Owned(bytes)))),
        }
    }
}

/// A character whose bytes have not all arrived: up to three bytes that begin one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Split {
    buffer: [u8; 4],
    len: u8,
}

impl Split {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.buffer.get_mut(usize::from(self.len)) {
            *place = byte;
            self.len += 1;
        }
    }
}

fn push_text(text: &mut String, split: &mut Split, piece: &[u8]) -> Result<(), PeerError> {
    let mut piece = piece;
    // Finishes the character that the last piece began.
    while !split.bytes().is_empty() {
        let Some((byte, rest)) = piece.split_first() else { return Ok(()) };
        piece = rest;
        split.push(*byte);
        match std::str::from_utf8(split.bytes()) {
            Ok(character) => {
                text.push_str(character);
                *split = Split::default();
            }
            Err(error) if error.error_len().is_some() => return Err(PeerError::InvalidUtf8),
            Err(_) => (),
        }
    }
    let (whole, begun) = piece.split_at_checked(whole_len(piece)).unwrap_or((piece, &[]));
    text.push_str(validated(whole)?);
    for byte in begun {
        split.push(*byte);
    }
    // The first bytes of a character can be wrong already, as those of surrogates are.
    match std::str::from_utf8(split.bytes()) {
        Err(error) if error.error_len().is_some() => Err(PeerError::InvalidUtf8),
        _ => Ok(()),
    }
}

/// `piece` as text. Every byte of a message comes here once, except those of cut characters.
fn validated(piece: &[u8]) -> Result<&str, PeerError> {
    #[cfg(test)]
    tests::VALIDATED.with(|it| it.set(it.get() + piece.len()));
    simdutf8::basic::from_utf8(piece).map_err(|_| PeerError::InvalidUtf8)
}

/// How much of `piece` stands before a character that its end cuts through.
fn whole_len(piece: &[u8]) -> usize {
    for (behind, byte) in piece.iter().rev().take(3).enumerate() {
        let character_len = match byte {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            _ => 1,
        };
        let here = behind + 1;
        return if here < character_len { piece.len() - here } else { piece.len() };
    }
    piece.len()
}

/// How much to reserve for `piece`: a multiple of what has arrived, but no more than this frame can
/// fill, and nothing while there is room enough. Whoever has sent much is trusted with more, which
/// saves copies.
fn room(len: usize, capacity: usize, piece: usize, remaining: usize) -> usize {
    if piece <= capacity - len {
        return piece;
    }
    let arrived = len.saturating_add(piece);
    let growth = if arrived < TRUSTED_BYTES { arrived } else { arrived.saturating_mul(15) };
    piece.saturating_add(remaining.min(growth))
}

/// From this size on a message is believed to become 16 times as large as what has arrived.
const TRUSTED_BYTES: usize = 64 * 1000;
