//! Offsets: a packet's place in the log, as clients carry it.
//!
//! Official clients take the last argument of any event for its offset if that is a string, also
//! of events that have none (volatile ones). A place is therefore signed: no text of the
//! application can be mistaken for one, and nobody can invent a place.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Makes and reads the offsets of one log.
#[derive(Debug, Default)]
pub(crate) struct Offsets(RandomState);

/// An offset: 16 base64url characters.
#[derive(Clone, Copy)]
pub(crate) struct Offset([u8; LEN]);

impl Offsets {
    pub(crate) fn write(&self, place: u64) -> Offset {
        let signature = self.0.hash_one(place).to_be_bytes();
        let mut bytes = [0; BYTES];
        let (head, tail) = bytes.split_at_mut(PLACE_BYTES);
        head.copy_from_slice(place.to_be_bytes().last_chunk::<PLACE_BYTES>().unwrap_or(&[0; _]));
        tail.copy_from_slice(signature.last_chunk::<PLACE_BYTES>().unwrap_or(&[0; _]));
        let mut text = [0; LEN];
        #[expect(clippy::expect_used, reason = "12 bytes are exactly 16 base64 characters")]
        URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).expect("12 bytes fill 16 characters");
        Offset(text)
    }

    /// The place that `text` names, if it is one of ours.
    pub(crate) fn read(&self, text: &str) -> Option<u64> {
        let given: [u8; LEN] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; BYTES];
        URL_SAFE_NO_PAD.decode_slice(given, &mut bytes).ok()?;
        let mut place = [0; 8];
        place.last_chunk_mut::<PLACE_BYTES>()?.copy_from_slice(bytes.first_chunk::<PLACE_BYTES>()?);
        let place = u64::from_be_bytes(place);
        (self.write(place).0 == given).then_some(place)
    }
}

impl Offset {
    pub(crate) fn as_str(&self) -> &str {
        // Only base64url characters ever get in, so this is always valid.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 48 bits: at a million events a second they last nine years.
const PLACE_BYTES: usize = 6;
const BYTES: usize = 2 * PLACE_BYTES;
const LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_names_its_place_and_no_other_log_believes_it() {
        let (ours, other) = (Offsets::default(), Offsets::default());
        for place in [0, 1, 255, 256, 1 << 40, (1 << 48) - 1] {
            let offset = ours.write(place);
            assert_eq!(ours.read(offset.as_str()), Some(place));
            assert_eq!(other.read(offset.as_str()), None);
        }
    }

    #[test]
    fn texts_of_the_application_are_no_offsets() {
        let offsets = Offsets::default();
        let long = "x".repeat(1_000);
        for text in ["", "1", "hello", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAE=AAAA", "ééééüüüü", &long]
        {
            assert_eq!(offsets.read(text), None, "{text}");
        }
    }
}
