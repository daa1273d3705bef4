//! What a connection accepts from its peer, and for how long it waits.

use std::time::Duration;

/// What a connection accepts from its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest message, fragments added up. Default 1,000,000 bytes, as in the official server.
    /// It is checked when a header arrives, so a large claim costs no memory.
    pub message_bytes_max: usize,
    /// Most frames that one message may be cut into. Default 1,024, so that a message of the
    /// largest size may still come in pieces of 1 kB. More of them earn nothing but work.
    pub fragments_max: u32,
    /// How long the end may take once a close frame has been written. Default 5 s.
    pub close_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1_000_000,
            fragments_max: 1024,
            close_timeout: Duration::from_secs(5),
        }
    }
}
