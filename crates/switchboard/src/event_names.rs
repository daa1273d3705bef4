//! Hashing the names of events, which is done for every event of every client.
//!
//! Keys are the names that the application has registered; what clients send is only looked up. The
//! seed is one of the process, in case that an application registers what clients have named.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// Makes hashers that cost a multiplication for eight bytes, where SipHash costs two rounds and six
/// more at the end.
#[derive(Clone, Debug)]
pub(crate) struct NameHashing {
    seed: u64,
}

impl Default for NameHashing {
    fn default() -> Self {
        Self { seed: *SEED }
    }
}

impl BuildHasher for NameHashing {
    type Hasher = NameHasher;

    #[inline]
    fn build_hasher(&self) -> NameHasher {
        NameHasher { state: self.seed }
    }
}

pub(crate) struct NameHasher {
    state: u64,
}

impl NameHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(FACTOR);
        self.state = (product as u64) ^ (product >> 64) as u64;
    }
}

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
        // With the length, so that a zero at the end counts too.
        self.mix(last ^ (bytes.len() as u64) << 56);
    }

    #[inline]
    fn write_u8(&mut self, _end: u8) {
        // What `str` writes behind itself. There is only ever one of them, with its length above.
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.state
    }
}

static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// An odd number with as many ones as zeros: the golden ratio in 64 bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_are_nearly_the_same_have_different_hashes() {
        let hashing = NameHashing::default();
        let numbered = (0..10_000).map(|it| format!("event-{it}"));
        let long = (0..100).map(|it| "x".repeat(it));
        let zeros = (0..20).map(|it| "\0".repeat(it + 1) + "z");
        let names: HashSet<String> = numbered.chain(long).chain(zeros).collect();
        let hashes: HashSet<u64> = names.iter().map(|it| hashing.hash_one(it.as_str())).collect();
        assert_eq!(hashes.len(), names.len());
        // hashbrown takes the place from the lowest bits and a tag from the highest.
        for part in [|it: &u64| it & 0xffff, |it: &u64| it >> 48] {
            let parts: HashSet<u64> = hashes.iter().map(part).collect();
            assert!(names.len() * 8 / 10 < parts.len(), "{}", parts.len());
        }
    }
}
