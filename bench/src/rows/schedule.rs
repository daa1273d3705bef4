//! Sending at a constant rate, whatever the server does.
//!
//! Latency counts from the time at which a request was meant to be sent, not from when it was: a server that stalls delays
//! the requests behind it as well, and their waiting counts (no coordinated omission).

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

/// Times at equal distances.
pub(super) struct Schedule {
    begun: Instant,
    nanos_between: f64,
    sent: u64,
    /// Requests before this one are not recorded.
    recorded_from: u64,
    /// Nanoseconds from when a request was meant to be sent to the read of its answer.
    pub(super) latency: Histogram<u64>,
    /// Nanoseconds by which the generator was late.
    pub(super) lateness: Histogram<u64>,
}

/// When a request was meant to be sent: nanoseconds from the beginning of the schedule.
#[derive(Clone, Copy)]
pub(super) struct Intended {
    number: u64,
    nanos: u64,
}

impl Schedule {
    pub(super) fn new(per_second: f64) -> Result<Self> {
        Ok(Self {
            begun: Instant::now(),
            nanos_between: 1e9 / per_second,
            sent: 0,
            recorded_from: 0,
            latency: Histogram::new(3)?,
            lateness: Histogram::new(3)?,
        })
    }

    /// Records what is sent from here on.
    pub(super) fn record(&mut self) {
        self.recorded_from = self.sent;
        self.latency.reset();
        self.lateness.reset();
    }

    /// How many have been recorded as sent.
    pub(super) fn recorded(&self) -> u64 {
        self.sent - self.recorded_from
    }

    /// The next request, if it is time for it.
    pub(super) fn due(&mut self) -> Result<Option<Intended>> {
        let nanos = (self.sent as f64 * self.nanos_between) as u64;
        let late = self.begun.elapsed().checked_sub(Duration::from_nanos(nanos));
        let Some(late) = late else { return Ok(None) };
        self.lateness.record(u64::try_from(late.as_nanos())?)?;
        let number = self.sent;
        self.sent += 1;
        Ok(Some(Intended { number, nanos }))
    }

    /// The answer came; returns whether it counts.
    pub(super) fn answered(&mut self, intended: Intended) -> Result<bool> {
        let is_recorded = intended.number >= self.recorded_from;
        if is_recorded {
            let took = self.begun.elapsed().saturating_sub(Duration::from_nanos(intended.nanos));
            self.latency.record(u64::try_from(took.as_nanos())?)?;
        }
        Ok(is_recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_that_is_sent_late_has_waited_since_it_was_due() {
        let mut schedule = Schedule::new(1e9).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(50) {}
        let first = schedule.due().unwrap().unwrap();
        assert!(schedule.answered(first).unwrap());
        assert!(schedule.latency.max() >= 50_000, "{}", schedule.latency.max());
        assert!(schedule.lateness.max() >= 50_000);
    }

    #[test]
    fn nothing_is_due_before_its_time_and_nothing_counts_before_recording() {
        let mut schedule = Schedule::new(1e-3).unwrap();
        let first = schedule.due().unwrap().unwrap();
        assert!(schedule.due().unwrap().is_none());
        schedule.record();
        assert!(!schedule.answered(first).unwrap());
        assert_eq!((schedule.latency.len(), schedule.recorded()), (0, 0));
    }
}
