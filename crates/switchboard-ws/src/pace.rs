//! How many control frames a peer may send.
//!
//! Every ping makes us write a pong, and nothing else limits that: whoever sends pings and never
//! reads would fill our output. The owner sees at most [`PER_SECOND_MAX`] of them a second.

use std::time::{Duration, Instant};

use crate::PeerError;

/// Counts the control frames of the second that runs.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Option<Instant>,
    count: u32,
}

impl Pace {
    /// Counts one frame that arrived at `now`.
    pub(crate) fn count(&mut self, now: Instant) -> Result<(), PeerError> {
        let is_same_second =
            self.since.is_some_and(|since| now.saturating_duration_since(since) < SECOND);
        if !is_same_second {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        if self.count <= PER_SECOND_MAX { Ok(()) } else { Err(PeerError::TooManyControlFrames) }
    }

    /// Lets one more frame pass, because we asked for it.
    pub(crate) fn expect_one(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}

/// Control frames that a peer may send within a second.
const PER_SECOND_MAX: u32 = 100;
const SECOND: Duration = Duration::from_secs(1);
