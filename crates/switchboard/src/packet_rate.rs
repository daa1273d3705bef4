//! How fast a client may talk.

use std::time::{Duration, Instant};

/// How many packets a client may send, for
/// [`ServerBuilder::packet_rate`](crate::ServerBuilder::packet_rate).
///
/// What counts is every packet of Engine.IO, heartbeats and the parts of binary events included,
/// and every ping or pong of the WebSocket.
///
/// ```
/// use switchboard::{PacketRate, Server};
///
/// // 50 a second; 500 at once by somebody who was silent for a while.
/// let io = Server::builder().packet_rate(PacketRate::new(50, 500)).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing happens before it is given to a server"]
pub struct PacketRate {
    /// The time that one packet stands for.
    each: Duration,
    /// The time that all packets of a burst stand for.
    burst: Duration,
    pub(crate) closes: bool,
}

impl PacketRate {
    /// Lets a client send `per_second` packets a second, at least one, and `burst` at once after
    /// it has sent nothing for as long as they would take.
    ///
    /// A client that sends more is slowed down: what one read has brought is handled, then the
    /// connection is not read until the rate is right again, for 30 s at most. TCP holds the
    /// client back meanwhile; with long-polling its POST is answered so much later. Nothing is
    /// lost, and the client is not taken for dead.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let each = Duration::from_secs(1) / per_second.max(1);
        Self { each, burst: each.saturating_mul(burst), closes: false }
    }

    /// Closes the connection of a client that sends more, with 1008 over WebSocket. Its sockets
    /// end with [`ForcedClose`](crate::DisconnectReason::ForcedClose).
    pub fn close(self) -> Self {
        Self { closes: true, ..self }
    }
}

/// Measures one connection: no timer, no lock, one addition a packet.
#[derive(Debug)]
pub(crate) struct Meter {
    /// When all packets so far would have come at the right rate.
    due: Instant,
    is_over: bool,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { due: now, is_over: false }
    }

    /// Counts a packet; `true` when it is one too many.
    pub(crate) fn count(&mut self, rate: &PacketRate, now: Instant) -> bool {
        let latest = now + rate.burst;
        self.due = (self.due.max(now) + rate.each).min(latest + PAUSE_MAX);
        self.is_over = latest < self.due;
        self.is_over
    }

    /// Whether there were too many.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// When the rate is right again, if it is not.
    pub(crate) fn over_until(&self, rate: &PacketRate) -> Option<Instant> {
        self.is_over.then(|| self.due.checked_sub(rate.burst).unwrap_or(self.due))
    }

    /// Looks at the clock; `true` when the rate is right again that was not.
    pub(crate) fn recovers(&mut self, rate: &PacketRate, now: Instant) -> bool {
        let recovers = self.is_over && self.due <= now + rate.burst;
        self.is_over &= !recovers;
        recovers
    }
}

/// How long reading may pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_let_through_and_what_is_more_has_to_wait() {
        let (rate, start) = (PacketRate::new(100, 3), Instant::now());
        let mut meter = Meter::new(start);
        assert_eq!([(); 5].map(|()| meter.count(&rate, start)), [false, false, false, true, true]);
        assert_eq!(meter.over_until(&rate), Some(start + 20 * MS));
        assert!(!meter.recovers(&rate, start + 19 * MS) && meter.is_over());
        assert!(meter.recovers(&rate, start + 20 * MS) && !meter.is_over());
        assert!(!meter.recovers(&rate, start + 20 * MS));
        // At the right rate it goes on for ever; after a pause there is a burst again.
        for n in 3..1_000 {
            assert!(!meter.count(&rate, start + 10 * n * MS), "{n}");
        }
        let later = start + 60_000 * MS;
        assert_eq!([(); 4].map(|()| meter.count(&rate, later)), [false, false, false, true]);
    }

    #[test]
    fn nobody_waits_for_long() {
        let (rate, start) = (PacketRate::new(0, 0), Instant::now());
        let mut meter = Meter::new(start);
        for _ in 0..1_000 {
            assert!(meter.count(&rate, start));
        }
        assert_eq!(meter.over_until(&rate), Some(start + PAUSE_MAX));
    }
}
