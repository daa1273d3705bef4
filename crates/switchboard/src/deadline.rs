//! A deadline in four bytes, for what every connection has and hardly any needs.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// When something is due, if at all: a sixteenth of a second late at most, never early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(u32);

impl Deadline {
    /// Never.
    pub(crate) const NONE: Self = Self(0);

    /// Due `wait` after `now`. What is due in more than eight years is never due.
    pub(crate) fn after(wait: Duration, now: Instant) -> Self {
        let since_epoch = now.saturating_duration_since(*EPOCH).saturating_add(wait);
        let ticks = since_epoch.as_nanos().div_ceil(TICK.as_nanos());
        // 0 means never.
        Self(u32::try_from(ticks + 1).unwrap_or(0))
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn is_due(self, now: Instant) -> bool {
        self.instant().is_some_and(|it| it <= now)
    }

    /// The point in time, unless that is never.
    pub(crate) fn instant(self) -> Option<Instant> {
        let ticks = self.0.checked_sub(1)?;
        EPOCH.checked_add(TICK * ticks)
    }
}

/// Deadlines are counted from here.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early_and_hardly_late() {
        LazyLock::force(&EPOCH);
        let now = Instant::now() + Duration::from_millis(3);
        for wait in [0, 1, 62, 63, 5000, 86_400_000] {
            let exact = now + Duration::from_millis(wait);
            let deadline = Deadline::after(Duration::from_millis(wait), now);
            assert!(deadline.instant().is_some_and(|it| exact <= it && it < exact + TICK));
            assert!(deadline.is_due(exact + TICK));
            assert!(!deadline.is_due(exact - Duration::from_nanos(1)));
        }
    }

    #[test]
    fn never_is_never_due() {
        let now = Instant::now();
        for deadline in [Deadline::NONE, Deadline::after(Duration::MAX, now)] {
            assert!(deadline.is_none());
            assert!(!deadline.is_due(now + Duration::from_secs(3_000_000_000)));
        }
    }
}
