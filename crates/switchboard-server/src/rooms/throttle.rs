//! How often somebody may do something: a bucket of allowances that refills with time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use crate::limits::Rate;

/// The allowances of one party. Holds one moment: when it would be full again.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one allowance out.
    ///
    /// # Errors
    ///
    /// [`Error::TooFast`] when there is none; it says when there will be.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Error> {
        let next = self.full_at.max(now) + rate.refill;
        let latest = now + rate.refill * rate.burst;
        if latest < next {
            return Err(Error::TooFast(next.duration_since(latest)));
        }
        self.full_at = next;
        Ok(())
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// One bucket for each of many parties.
#[derive(Debug)]
pub struct Throttle<K> {
    rate: Rate,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    known: HashMap<K, Bucket>,
    /// Shared by all newcomers while the table is full, so that a flood of parties costs no
    /// memory and still ends.
    newcomers: Bucket,
    /// Looking for parties to forget costs a walk through all: once a window is enough.
    next_walk: Instant,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Everybody has all their allowances.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let newcomers = Bucket::new(now);
        let buckets = Buckets { known: HashMap::new(), newcomers, next_walk: now };
        Self { rate, buckets: Mutex::new(buckets) }
    }

    /// Takes one allowance of this party.
    ///
    /// # Errors
    ///
    /// [`Error::TooFast`].
    pub fn take(&self, party: K, now: Instant) -> Result<(), Error> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { known, newcomers, next_walk } = &mut *buckets;
        if PARTIES_MAX <= known.len() && !known.contains_key(&party) {
            if *next_walk <= now {
                *next_walk = now + self.rate.window();
                // A full bucket says the same as none.
                known.retain(|_, bucket| !bucket.is_full(now));
            }
            if PARTIES_MAX <= known.len() {
                return newcomers.take(self.rate, now);
            }
        }
        known.entry(party).or_insert_with(|| Bucket::new(now)).take(self.rate, now)
    }
}

impl Rate {
    /// How long an empty bucket takes to be full.
    pub fn window(&self) -> Duration {
        self.refill * self.burst
    }
}

/// About 1 MB at most.
const PARTIES_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 2, refill: Duration::from_secs(1) };

    #[test]
    fn burst_then_one_per_refill() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        assert!(bucket.take(RATE, start).is_ok());
        assert!(bucket.take(RATE, start).is_ok());
        let Err(Error::TooFast(wait)) = bucket.take(RATE, start) else { panic!("not refused") };
        assert_eq!(wait, Duration::from_secs(1));
        assert!(bucket.take(RATE, start + Duration::from_millis(999)).is_err());
        assert!(bucket.take(RATE, start + wait).is_ok());
        assert!(bucket.take(RATE, start + wait).is_err());
    }

    #[test]
    fn idle_time_is_not_saved_beyond_the_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let later = start + Duration::from_secs(3600);
        let taken = (0..10).filter(|_| bucket.take(RATE, later).is_ok()).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn parties_do_not_pay_for_each_other() {
        let now = Instant::now();
        let throttle = Throttle::new(RATE, now);
        for _ in 0..2 {
            throttle.take("a", now).unwrap();
        }
        assert!(throttle.take("a", now).is_err());
        assert!(throttle.take("b", now).is_ok());
    }

    #[test]
    fn a_flood_of_parties_shares_one_bucket_once_the_table_is_full() {
        let now = Instant::now();
        let throttle = Throttle::new(RATE, now);
        let passed = (0..PARTIES_MAX * 2).filter(|it| throttle.take(*it, now).is_ok()).count();
        assert_eq!(passed, PARTIES_MAX + 2);
        let later = now + RATE.window();
        assert!(throttle.take(PARTIES_MAX * 3, later).is_ok());
        assert_eq!(throttle.buckets.lock().unwrap().known.len(), 1);
    }
}
