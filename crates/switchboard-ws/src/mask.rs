//! Masking: payload XOR a key of four bytes, over and over.
//!
//! Eight bytes at a time in plain Rust, a shape that the compiler turns into vector code. Whoever
//! masks a payload in pieces turns the key between them with [`turned`].
//!
//! Spec: RFC 6455, section 5.3.

/// Masks or unmasks `payload` in place; the first byte meets the first byte of `key`.
#[inline]
pub(crate) fn apply(key: [u8; 4], payload: &mut [u8]) {
    let half = u32::from_ne_bytes(key);
    let [a, b, c, d] = key;
    let whole = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ whole).to_ne_bytes();
    }
    let (halves, rest) = rest.as_chunks_mut();
    for word in halves {
        *word = (u32::from_ne_bytes(*word) ^ half).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// The key for the bytes that follow a piece of `piece_len` bytes.
pub(crate) fn turned(mut key: [u8; 4], piece_len: usize) -> [u8; 4] {
    key.rotate_left(piece_len % 4);
    key
}
