//! The timer wheel: when a connection's task must look at the clock.
//!
//! Heartbeats are many and coarse, so they share slots of one second instead of owning a timer
//! each. A connection stands in the wheel at most once; when it is woken too early, because its
//! deadline has moved, it enters again. Deadlines nearer than a second use a timer of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::session::Session;
use crate::sync::lock;

/// Deadlines nearer than this want an exact timer.
pub(crate) const SLOT: Duration = Duration::from_secs(1);

/// Connections by the second in which they want to be woken.
#[derive(Debug)]
pub(crate) struct Wheel {
    start: Instant,
    shards: [Mutex<BTreeMap<u64, Vec<Weak<Session>>>>; SHARDS],
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), shards: Default::default() }
    }

    /// Wakes `session` in the first slot that begins at or after `deadline`. Says when that is.
    pub(crate) fn schedule(&self, deadline: Instant, session: &Arc<Session>) -> Instant {
        let since_start = deadline.saturating_duration_since(self.start);
        let slot = since_start.as_secs() + u64::from(since_start.subsec_nanos() != 0);
        // Neighbours in memory go to different shards.
        let shard = (Arc::as_ptr(session).addr() / size_of::<Session>()) % SHARDS;
        if let Some(shard) = self.shards.get(shard) {
            lock(shard).entry(slot).or_default().push(Arc::downgrade(session));
        }
        self.start + Duration::from_secs(slot)
    }

    /// Wakes everybody whose slot has begun.
    fn turn(&self, now: Instant) {
        let slot = now.saturating_duration_since(self.start).as_secs();
        for shard in &self.shards {
            let due = {
                let mut slots = lock(shard);
                let later = slots.split_off(&(slot + 1));
                std::mem::replace(&mut *slots, later)
            };
            for session in due.into_values().flatten().filter_map(|it| it.upgrade()) {
                session.outbox.wake();
            }
        }
    }
}

/// Turns the wheel of a server until the server is gone.
pub(crate) async fn run(wheel: Weak<Wheel>) {
    let mut interval = tokio::time::interval(SLOT);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(wheel) = wheel.upgrade() else { return };
        wheel.turn(Instant::now());
    }
}

const SHARDS: usize = 8;
