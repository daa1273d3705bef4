//! What the clients of a fleet have got: broadcasts, each by everybody, once and in order.

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use nix::time::ClockId;

/// Bytes of a broadcast's text.
const TEXT_BYTES: usize = 128;
const HEAD: &str = "42[\"message\",\"";
const NUMBER_DIGITS: usize = 8;
const NANOS_DIGITS: usize = 20;

/// Counts of all clients together.
pub(crate) struct Tally {
    /// Clients that are ready.
    pub(crate) ready: usize,
    /// Heartbeats that were answered.
    pub(crate) heartbeats: u64,
    /// The broadcast that is under way, or the last one; the first has number 1.
    pub(crate) number: u32,
    /// Clients that have it.
    pub(crate) delivered: usize,
    /// From its publication to its arrival over WebSocket, in microseconds.
    pub(crate) sockets: Histogram<u64>,
    /// The same over long-polling.
    pub(crate) polls: Histogram<u64>,
    /// When the bytes arrived that are looked at now.
    pub(crate) now_nanos: u64,
    text: Vec<u8>,
    published_nanos: u64,
}

impl Tally {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            ready: 0,
            heartbeats: 0,
            number: 0,
            delivered: 0,
            sockets: Histogram::new(2)?,
            polls: Histogram::new(2)?,
            now_nanos: 0,
            text: Vec::new(),
            published_nanos: 0,
        })
    }

    /// A client whose last broadcast was `heard` has got `text`.
    ///
    /// # Errors
    /// It is no broadcast, not the one that is under way, or has come twice.
    pub(super) fn deliver(&mut self, heard: &mut u32, text: &[u8], by_poll: bool) -> Result<()> {
        if text != self.text {
            self.begin(text)?;
        }
        let next = *heard + 1;
        ensure!(next == self.number, "broadcast {} after {heard}", self.number);
        *heard = next;
        self.delivered += 1;
        let micros = self.now_nanos.saturating_sub(self.published_nanos) / 1_000;
        let latencies = if by_poll { &mut self.polls } else { &mut self.sockets };
        latencies.record(micros)?;
        Ok(())
    }

    /// The first one to get a new broadcast.
    fn begin(&mut self, text: &[u8]) -> Result<()> {
        let shown = || format!("no broadcast: {:?}", String::from_utf8_lossy(text));
        let digits = |from: usize, count: usize| {
            let digits = text.get(from..from + count)?;
            std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
        };
        let number = digits(HEAD.len(), NUMBER_DIGITS).with_context(shown)?;
        let published = digits(HEAD.len() + NUMBER_DIGITS, NANOS_DIGITS).with_context(shown)?;
        let number = u32::try_from(number)?;
        ensure!(number == self.number + 1, "broadcast {number} came after {}", self.number);
        let expected = format!("{HEAD}{}\"]", message(number, published));
        ensure!(text == expected.as_bytes(), shown());
        ensure!(
            self.number == 0 || self.delivered == self.ready,
            "broadcast {number} came before all had the one before it"
        );
        self.text = expected.into_bytes();
        self.number = number;
        self.published_nanos = published;
        self.delivered = 0;
        self.sockets.reset();
        self.polls.reset();
        Ok(())
    }
}

/// The text of broadcast `number`, published at `nanos`: 128 bytes.
pub(crate) fn message(number: u32, nanos: u64) -> String {
    let filler = "x".repeat(TEXT_BYTES - NUMBER_DIGITS - NANOS_DIGITS);
    format!("{number:08}{nanos:020}{filler}")
}

/// A clock that all processes of the machine share.
pub(crate) fn monotonic_nanos() -> Result<u64> {
    let now = ClockId::CLOCK_MONOTONIC.now()?;
    let (seconds, nanos) = (u64::try_from(now.tv_sec())?, u64::try_from(now.tv_nsec())?);
    Ok(seconds * 1_000_000_000 + nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u32) -> Vec<u8> {
        format!("{HEAD}{}\"]", message(number, 5_000)).into_bytes()
    }

    #[test]
    fn everybody_gets_each_broadcast_once_and_in_order() {
        let mut tally = Tally::new().unwrap();
        (tally.ready, tally.now_nanos) = (2, 9_000);
        let mut heard = [0, 0];
        tally.deliver(&mut heard[0], &text(1), false).unwrap();
        assert!(tally.deliver(&mut heard[0], &text(1), false).is_err(), "twice");
        assert!(
            tally.deliver(&mut heard[0], &text(2), false).is_err(),
            "the other one lacks the first"
        );
        tally.deliver(&mut heard[1], &text(1), false).unwrap();
        assert_eq!((tally.delivered, tally.sockets.max()), (2, 4));
        tally.deliver(&mut heard[1], &text(2), false).unwrap();
        assert_eq!(heard, [1, 2]);
    }

    #[test]
    fn changed_broadcast_is_noticed() {
        let mut tally = Tally::new().unwrap();
        let mut changed = text(1);
        changed[100] = b'y';
        assert!(tally.deliver(&mut 0, &changed, false).is_err());
        assert!(tally.deliver(&mut 0, b"42[\"other\"]", false).is_err());
    }
}
