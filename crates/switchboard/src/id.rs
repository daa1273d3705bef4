//! Identifiers: 20 base64url characters from the operating system's random source.
//!
//! The Engine.IO session id is a secret of its connection and the `socket.id` is public, so the
//! two never share bits. Twenty characters is the length that other tools rely on.

use std::cell::RefCell;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A public socket id, as clients see it in `socket.id`: 20 base64url characters, 120 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; LEN]);

impl Id {
    /// A fresh id.
    pub(crate) fn random() -> Self {
        let random = POOL.with_borrow_mut(Pool::take);
        let mut text = [0; LEN];
        #[expect(clippy::expect_used, reason = "15 bytes are exactly 20 base64 characters")]
        URL_SAFE_NO_PAD.encode_slice(random, &mut text).expect("15 bytes fill 20 characters");
        Self(text)
    }

    /// The id that `text` spells, if it has the form of one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; LEN] = text.as_bytes().try_into().ok()?;
        let is_base64url = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
        bytes.iter().all(is_base64url).then_some(Self(bytes))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only base64url characters ever get in, so this is always valid.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Random bytes of a thread, fetched for several ids at once: a system call for each would be a
/// part of every handshake that one can measure. Each byte is used once, and forgotten then. A process
/// that is forked, or a machine that is copied, while it serves would hand out the same ids twice:
/// neither may go on serving.
struct Pool {
    bytes: [[u8; RANDOM]; POOL_IDS],
    left: usize,
}

impl Pool {
    fn take(&mut self) -> [u8; RANDOM] {
        if self.left == 0 {
            // Without a random source no id would be safe to hand out; the process must not go on.
            #[expect(clippy::expect_used, reason = "an OS without random numbers cannot serve")]
            getrandom::fill(self.bytes.as_flattened_mut())
                .expect("the operating system gives random numbers");
            self.left = POOL_IDS;
        }
        self.left -= 1;
        self.bytes.get_mut(self.left).map(std::mem::take).unwrap_or_default()
    }
}

thread_local! {
    static POOL: RefCell<Pool> =
        const { RefCell::new(Pool { bytes: [[0; RANDOM]; POOL_IDS], left: 0 }) };
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

const LEN: usize = 20;
/// Random bytes in an id.
const RANDOM: usize = 15;
/// Ids for which random bytes are fetched at once: 255 bytes, which the kernel never gives in part.
const POOL_IDS: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_base64url_characters_and_never_repeat() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let id = Id::random();
            assert_eq!(Id::parse(id.as_str()), Some(id));
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "__proto__", "AAAAAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
