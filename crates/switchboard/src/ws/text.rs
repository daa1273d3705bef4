//! Text that is known to be UTF-8, without a copy of its own.
//!
//! The one place of this crate with `unsafe`: the frame machine has validated the bytes of a text
//! message, and asking again at every access would cost more than the rest of the message.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// The payload of a text message: a `str` whose bytes are shared.
///
/// Text of up to 23 bytes stands in the value itself. Longer text shares its bytes with its clones;
/// if it arrived, with the buffer of its read, up to 64 KiB: keep `text.as_str().to_owned()` instead
/// if you keep it for long.
///
/// ```
/// use switchboard::ws::Text;
///
/// let text = Text::from("hello");
/// assert_eq!(text.to_uppercase(), "HELLO");
/// ```
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    /// Short text, which needs no count of those who share it.
    Here {
        len: u8,
        bytes: [u8; HERE_BYTES_MAX],
    },
    Shared(Bytes),
}

impl Text {
    /// Text whose bytes the frame machine has found to be UTF-8.
    pub(super) fn validated(bytes: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok(), "the frame machine lets only UTF-8 by");
        Self(Repr::Shared(bytes))
    }

    /// The same, if it is short.
    #[inline]
    pub(super) fn validated_short(text: &[u8]) -> Option<Self> {
        debug_assert!(std::str::from_utf8(text).is_ok(), "the frame machine lets only UTF-8 by");
        let mut bytes = [0; HERE_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        // Not above 23.
        Some(Self(Repr::Here { len: text.len() as u8, bytes }))
    }

    /// Text that never changes, without a copy.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Shared(Bytes::from_static(text.as_bytes())))
    }

    /// The text.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "validating again at every access would cost more than all else"
    )]
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes a `str`, or bytes that `switchboard_ws::Connection` has
        // validated as UTF-8, and neither representation ever changes; `Here` is given out up to
        // the `len` with which it was made.
        unsafe { std::str::from_utf8_unchecked(self.as_bytes()) }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Here { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The text as bytes, without a copy unless it is short.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Here { .. } => Bytes::copy_from_slice(self.as_bytes()),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from_static("")
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As a `str` does it, because of `Borrow`.
        self.as_str().hash(state);
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Repr::Shared(text.into()))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::validated_short(text.as_bytes())
            .unwrap_or_else(|| Self(Repr::Shared(Bytes::copy_from_slice(text.as_bytes()))))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// What fits beside the length into the space that a shared text takes anyway.
const HERE_BYTES_MAX: usize = 23;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_text_are_alike() {
        assert_eq!(size_of::<Text>(), size_of::<Bytes>());
        for len in [0, 1, 22, 23, 24, 100] {
            let string = "ä".repeat(len / 2) + &"x".repeat(len % 2);
            let (copied, owned) = (Text::from(string.as_str()), Text::from(string.clone()));
            assert_eq!(copied, owned);
            assert_eq!(copied.as_str(), string);
            assert_eq!(copied.into_bytes(), string.as_bytes());
        }
        assert!(Text::validated_short(&[b'x'; 24]).is_none());
    }
}
