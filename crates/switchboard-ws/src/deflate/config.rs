//! What we are willing to do, and what both sides have agreed on.
//!
//! Spec: RFC 7692, section 7.1.

use std::ops::RangeInclusive;

use super::engine::Shape;
use crate::Role;

/// What we are willing to do, as a server or as a client.
///
/// Values out of range count as the nearest one in range.
///
/// ```
/// use switchboard_ws::deflate::Config;
///
/// // Compress better and remember earlier messages, for few connections with much to say.
/// let config = Config { server_no_context_takeover: false, level: 6, ..Config::default() };
/// assert_eq!(config.threshold, 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The server compresses every message on its own. Default `true`: what makes idle
    /// connections cheap, at the price of a worse ratio for small messages.
    pub server_no_context_takeover: bool,
    /// The client compresses every message on its own. Default `true`, for the same reason.
    pub client_no_context_takeover: bool,
    /// Base-2 logarithm of the server's window, 8 to 15. Default 15, which is 32 KiB.
    pub server_max_window_bits: u8,
    /// Base-2 logarithm of the client's window, 8 to 15. Default 15, which is 32 KiB. A client
    /// that did not say that it knows this parameter may use 15 nevertheless.
    pub client_max_window_bits: u8,
    /// Messages below this size, in bytes, are sent as they are. Default 1024.
    pub threshold: usize,
    /// How hard to compress: 0 not at all, 1 fastest, 9 smallest. Default 1. On lists of JSON
    /// objects level 2 takes about twice the time and leaves a quarter less to send; 6 takes three
    /// to ten times, and leaves a third less.
    pub level: u8,
    /// Memory for compressing, 1 to 9: how much text shares one set of codes. Default 8. One
    /// state takes about 265 kB and 2^(`memory_level` + 8) bytes.
    pub memory_level: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: BITS_MAX,
            client_max_window_bits: BITS_MAX,
            threshold: 1024,
            level: 1,
            memory_level: 8,
        }
    }
}

impl Config {
    /// The same with every value in range.
    pub(super) fn in_range(mut self) -> Self {
        self.server_max_window_bits = self.server_max_window_bits.clamp(BITS_MIN, BITS_MAX);
        self.client_max_window_bits = self.client_max_window_bits.clamp(BITS_MIN, BITS_MAX);
        self.level = self.level.min(9);
        self.memory_level = self.memory_level.clamp(1, 9);
        self
    }

    /// The agreement in which everything is as configured and nothing needs to be said.
    pub(super) fn agreement(self) -> Agreement {
        Agreement {
            server: Side::new(self.server_no_context_takeover, self.server_max_window_bits),
            client: Side::new(self.client_no_context_takeover, self.client_max_window_bits),
            level: self.level,
            memory_level: self.memory_level,
            threshold: u32::try_from(self.threshold).unwrap_or(u32::MAX),
        }
    }
}

/// What both sides have agreed on, and how we compress within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub(super) server: Side,
    pub(super) client: Side,
    level: u8,
    memory_level: u8,
    threshold: u32,
}

/// How one side compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) no_context_takeover: bool,
    pub(super) window_bits: u8,
    /// Whether the answer names the window, even where it is the largest.
    pub(super) says_window_bits: bool,
}

impl Side {
    pub(super) fn new(no_context_takeover: bool, window_bits: u8) -> Self {
        Self { no_context_takeover, window_bits, says_window_bits: false }
    }
}

impl Agreement {
    /// The server's answer: the value of `Sec-WebSocket-Extensions` in the response.
    #[must_use]
    pub fn response(&self) -> String {
        let mut value = String::from(NAME);
        for (side, name) in [(&self.server, "server"), (&self.client, "client")] {
            if side.no_context_takeover {
                value += &format!("; {name}_no_context_takeover");
            }
        }
        for (side, name) in [(&self.server, "server"), (&self.client, "client")] {
            if side.says_window_bits {
                value += &format!("; {name}_max_window_bits={}", side.window_bits);
            }
        }
        value
    }

    /// Messages below this size, in bytes, are sent as they are.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold as usize
    }

    /// How hard we compress, 0 to 9.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Base-2 logarithm of the largest window that the server compresses with, 8 to 15.
    #[must_use]
    pub fn server_max_window_bits(&self) -> u8 {
        self.server.window_bits
    }

    /// Base-2 logarithm of the largest window that the client compresses with, 8 to 15.
    #[must_use]
    pub fn client_max_window_bits(&self) -> u8 {
        self.client.window_bits
    }

    /// Whether the server compresses every message on its own.
    #[must_use]
    pub fn server_no_context_takeover(&self) -> bool {
        self.server.no_context_takeover
    }

    /// Whether the client compresses every message on its own.
    #[must_use]
    pub fn client_no_context_takeover(&self) -> bool {
        self.client.no_context_takeover
    }

    /// Whether a client of this agreement may be sent a frame of
    /// [`encode_shared`](super::encode_shared): its window is the largest, and what we send it
    /// depends on no message before.
    #[must_use]
    pub fn takes_shared(&self) -> bool {
        self.server.no_context_takeover && self.server.window_bits == BITS_MAX
    }

    pub(super) fn ours(&self, role: &Role) -> &Side {
        match role {
            Role::Server => &self.server,
            Role::Client { .. } => &self.client,
        }
    }

    pub(super) fn theirs(&self, role: &Role) -> &Side {
        match role {
            Role::Server => &self.client,
            Role::Client { .. } => &self.server,
        }
    }

    pub(super) fn shape(&self, role: &Role) -> Shape {
        let window_bits = self.ours(role).window_bits;
        Shape { level: self.level, window_bits, memory_level: self.memory_level }
    }
}

/// Name of the extension.
pub(super) const NAME: &str = "permessage-deflate";
/// Smallest and largest window.
pub(super) const BITS: RangeInclusive<u8> = BITS_MIN..=BITS_MAX;
pub(super) const BITS_MIN: u8 = 8;
pub(super) const BITS_MAX: u8 = 15;
