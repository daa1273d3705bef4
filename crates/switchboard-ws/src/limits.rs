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

/// The same in half of the space, for each connection has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compact {
    pub(crate) message_bytes_max: usize,
    pub(crate) fragments_max: u32,
    /// 49 days at most, which is as good as for ever.
    close_timeout_ms: u32,
}

impl Compact {
    pub(crate) fn close_timeout(self) -> Duration {
        Duration::from_millis(self.close_timeout_ms.into())
    }
}

impl From<Limits> for Compact {
    fn from(limits: Limits) -> Self {
        let close_timeout_ms = limits.close_timeout.as_millis();
        Self {
            message_bytes_max: limits.message_bytes_max,
            fragments_max: limits.fragments_max,
            close_timeout_ms: u32::try_from(close_timeout_ms).unwrap_or(u32::MAX),
        }
    }
}
