//! The timer wheel: when a connection's task must look at the clock.
//!
//! Heartbeats are many and coarse, so they share slots of one second instead of owning a timer
//! each. A connection stands in the wheel at most once; when it is woken too early, because its
//! deadline has moved, it enters again. Deadlines nearer than a second use a timer of their own.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::sync::lock;

/// Deadlines nearer than this want an exact timer.
const SLOT: Duration = Duration::from_secs(1);

/// A connection that looks at the clock when it is told to.
pub(crate) trait Alarm: Send + Sync + 'static {
    /// Wakes the connection's task.
    fn ring(&self);
}

/// Connections by the second in which they want to be woken.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    start: Instant,
    turns: AtomicBool,
    shards: [Mutex<BTreeMap<u64, Vec<Weak<T>>>>; SHARDS],
    /// Few, and of any kind: rung in every slot.
    every_turn: Mutex<Vec<Weak<dyn Alarm>>>,
}

impl<T: Alarm> Wheel<T> {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            turns: AtomicBool::new(false),
            shards: Default::default(),
            every_turn: Mutex::default(),
        }
    }

    /// Makes sure that somebody turns the wheel. Needs a tokio runtime.
    pub(crate) fn start(self: &Arc<Self>) {
        if !self.turns.load(Ordering::Relaxed) && !self.turns.swap(true, Ordering::AcqRel) {
            tokio::spawn(run(Turning(Arc::downgrade(self))));
        }
    }

    /// Rings `alarm` in the first slot that begins at or after `deadline`. Says when that is.
    pub(crate) fn schedule(&self, deadline: Instant, alarm: &Arc<T>) -> Instant {
        let since_start = deadline.saturating_duration_since(self.start);
        let slot = since_start.as_secs() + u64::from(since_start.subsec_nanos() != 0);
        // Neighbours in memory go to different shards.
        let shard = (Arc::as_ptr(alarm).addr() / size_of::<T>().max(1)) % SHARDS;
        if let Some(shard) = self.shards.get(shard) {
            lock(shard).entry(slot).or_default().push(Arc::downgrade(alarm));
        }
        self.start + Duration::from_secs(slot)
    }

    /// Rings `alarm` in every slot, until it is gone.
    pub(crate) fn ring_every_turn(&self, alarm: Weak<dyn Alarm>) {
        lock(&self.every_turn).push(alarm);
    }

    /// Rings everybody whose slot has begun.
    fn turn(&self, now: Instant) {
        let slot = now.saturating_duration_since(self.start).as_secs();
        for shard in &self.shards {
            let due = {
                let mut slots = lock(shard);
                let later = slots.split_off(&(slot + 1));
                std::mem::replace(&mut *slots, later)
            };
            for alarm in due.into_values().flatten().filter_map(|it| it.upgrade()) {
                alarm.ring();
            }
        }
        let always: Vec<_> = {
            let mut alarms = lock(&self.every_turn);
            alarms.retain(|it| it.strong_count() != 0);
            alarms.iter().filter_map(Weak::upgrade).collect()
        };
        always.iter().for_each(|it| it.ring());
    }
}

/// The longest time that may be asked for: a century. "Forever" as `Duration::MAX` would be no
/// point in time any more.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// When a connection's task will be woken by the clock.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    /// The slot of the wheel in which the connection stands.
    scheduled: Option<Instant>,
    exact: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Makes sure that the task is woken at `deadline` or, if there is a wheel and that is not
    /// near, soon after it.
    pub(crate) fn arm<T: Alarm>(
        &mut self,
        wheel: Option<&Wheel<T>>,
        alarm: &Arc<T>,
        (deadline, now): (Instant, Instant),
        cx: &mut Context<'_>,
    ) {
        let Some(wheel) = wheel.filter(|_| now + SLOT <= deadline) else {
            let deadline = tokio::time::Instant::from_std(deadline);
            let sleep =
                self.exact.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if sleep.deadline() != deadline {
                sleep.as_mut().reset(deadline);
            }
            if sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            return;
        };
        self.exact = None;
        if !self.is_early_enough(deadline, now) {
            self.scheduled = Some(wheel.schedule(deadline, alarm));
        }
    }

    /// Whether the task has a timer of its own, which does not [ring](Alarm::ring).
    pub(crate) fn is_exact(&self) -> bool {
        self.exact.is_some()
    }

    /// The wheel has rung, so that the connection stands in it no more.
    pub(crate) fn has_rung(&mut self) {
        self.scheduled = None;
    }

    /// Whether the wheel, which has not rung yet, will do so in time for `deadline`.
    pub(crate) fn is_set_for(&self, deadline: Instant) -> bool {
        self.exact.is_none() && self.scheduled.is_some_and(|it| it <= deadline + SLOT)
    }

    /// Whether the task will be woken for `deadline`, and there is nothing else to be done for that.
    #[inline]
    pub(crate) fn will_ring_for(&self, deadline: Instant, now: Instant) -> bool {
        self.exact.is_none() && self.is_early_enough(deadline, now)
    }

    /// Whether the wheel will wake the task for `deadline`.
    fn is_early_enough(&self, deadline: Instant, now: Instant) -> bool {
        self.scheduled.is_some_and(|it| now < it && it <= deadline + SLOT)
    }
}

/// Turns a wheel until the wheel is gone.
async fn run<T: Alarm>(turning: Turning<T>) {
    let mut interval = tokio::time::interval(SLOT);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(wheel) = turning.0.upgrade() else { return };
        wheel.turn(Instant::now());
    }
}

/// A wheel that somebody turns. When the runtime drops that task, another one may take over.
struct Turning<T>(Weak<Wheel<T>>);

impl<T> Drop for Turning<T> {
    fn drop(&mut self) {
        if let Some(wheel) = self.0.upgrade() {
            wheel.turns.store(false, Ordering::Release);
        }
    }
}

const SHARDS: usize = 8;
