//! The values that prove that both sides mean this very handshake.
//!
//! Spec: RFC 6455, sections 1.3, 4.1 (step 7) and 4.2.2 (step 5.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The `Sec-WebSocket-Accept` that answers this `Sec-WebSocket-Key`.
///
/// ```
/// use switchboard_ws::handshake::accept_value;
///
/// // The example of RFC 6455, section 1.3.
/// assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_value(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update(GUID);
    STANDARD.encode(sha1.finalize())
}

/// A `Sec-WebSocket-Key` for a client, from 16 random bytes.
///
/// ```
/// use switchboard_ws::handshake::key;
///
/// assert_eq!(key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
/// ```
#[must_use]
pub fn key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// Whether `key` is the base64 form of 16 bytes.
pub(super) fn is_key(key: &str) -> bool {
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22
            && digits.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'+' || it == b'/')
    })
}

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
