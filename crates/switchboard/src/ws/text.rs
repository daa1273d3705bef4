//! Text that is known to be UTF-8, without a copy of its own.
//!
//! The one place of this crate with `unsafe`: the frame machine has validated the bytes of a text
//! message, and asking again at every access would cost more than the rest of the message.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// The payload of a text message: a `str` whose bytes are shared.
///
/// A clone shares the bytes. Text that arrived shares the buffer of its read, up to 64 KiB; keep
/// `text.as_str().to_owned()` instead if you keep a short text for long.
///
/// ```
/// use switchboard::ws::Text;
///
/// let text = Text::from("hello");
/// assert_eq!(text.to_uppercase(), "HELLO");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Bytes);

impl Text {
    /// Text whose bytes the frame machine has found to be UTF-8.
    pub(super) fn validated(bytes: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok(), "the frame machine lets only UTF-8 by");
        Self(bytes)
    }

    /// Text that never changes, without a copy.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[expect(
        unsafe_code,
        reason = "validating again at every access would cost more than all else"
    )]
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes a `str`, or bytes that `switchboard_ws::Connection` has
        // validated as UTF-8, and `Bytes` never changes.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }

    /// The text as bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
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
        &self.0
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
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
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
