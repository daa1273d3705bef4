//! Compressed WebSocket messages of Socket.IO and Engine.IO (permessage-deflate, RFC 7692).
//!
//! Each message is compressed on its own and with the largest window, so that a connection owns no
//! compressor, and a broadcast is compressed once for everybody.

use std::num::NonZeroU8;

use switchboard_ws::Message;
use switchboard_ws::deflate::{self, Agreement, Config, encode_shared};

/// How one WebSocket compresses what it sends. Part of every outbox, so it is one byte: the level
/// below, and the threshold above, as the power of two that is at least as large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deflation(NonZeroU8);

impl Deflation {
    /// `None` where nothing is ever compressed.
    pub(crate) fn new(agreement: &Agreement) -> Option<Self> {
        let threshold = agreement.threshold().max(1 << POWER_MIN).checked_next_power_of_two()?;
        let power = u8::try_from(threshold.ilog2() - POWER_MIN).ok().filter(|it| *it < 16)?;
        let level = Some(agreement.level()).filter(|it| *it != 0)?;
        NonZeroU8::new(power << 4 | level).map(Self)
    }

    /// Whether a message of that length is compressed.
    pub(crate) fn wants(self, len: usize) -> bool {
        1 << (u32::from(self.0.get() >> 4) + POWER_MIN) <= len
    }

    fn level(self) -> u8 {
        self.0.get() & 0x0F
    }

    /// Appends the message as a compressed frame, if that is worth it; else says `false`.
    pub(crate) fn encode(self, message: Message<'_>, output: &mut Vec<u8>) -> bool {
        let len = match message {
            Message::Text(text) => text.len(),
            Message::Binary(data) => data.len(),
        };
        self.wants(len) && encode_shared(message, self.level(), output)
    }
}

/// What we agree on with a client that offers `extensions`. `None`: nothing is compressed.
pub(crate) fn agree<'h>(
    config: &Config,
    extensions: impl IntoIterator<Item = &'h [u8]>,
) -> Option<Agreement> {
    // A client that asks for a smaller window would need frames of its own.
    deflate::negotiate(config, extensions).filter(Agreement::takes_shared)
}

/// A threshold is at least 64 bytes, below which nothing becomes smaller, and at most 2 MiB.
const POWER_MIN: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_holds_level_and_threshold() {
        let of = |threshold, level| {
            let config = Config { threshold, level, ..Config::default() };
            Deflation::new(&agree(&config, [&b"permessage-deflate"[..]]).unwrap())
        };
        for (threshold, from) in [(0, 64), (64, 64), (65, 128), (1024, 1024), (2 << 20, 2 << 20)] {
            for level in [1, 9] {
                let deflation = of(threshold, level).unwrap();
                assert!(deflation.wants(from) && !deflation.wants(from - 1), "{threshold}");
                assert_eq!(deflation.level(), level);
            }
        }
        assert_eq!((of(1024, 0), of((2 << 20) + 1, 1), of(usize::MAX, 1)), (None, None, None));
    }
}
