//! The task of a connection: it runs the handler, writes what everybody sends, and ends the
//! connection.
//!
//! The handler runs inside this task, so that everything it sends in one turn leaves in one write,
//! without anybody being woken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use switchboard_ws::CloseCode;

use super::Error;
use super::Options;
use super::handler::Outcome;
use super::hub::Hub;
use super::reading::Reading;
use super::shared::{Command, Flush, Shared};
use crate::bounds::SOFT_BYTES;
use crate::wheel::Timer;

/// What runs on a connection.
pub(super) type Handling = Pin<Box<dyn Handle + Send>>;

/// A handler's future, whatever it gives back. No future around it, which would take its place once
/// more.
pub(super) trait Handle {
    /// The code to close with, once the handler has returned.
    fn poll_code(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseCode>;
}

impl<F: Future<Output: Outcome>> Handle for F {
    fn poll_code(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseCode> {
        self.poll(cx).map(Outcome::code)
    }
}

/// Owns a connection from its handshake to its end.
pub(super) struct Driver {
    shared: Arc<Shared>,
    /// Of a server: its connections and their clock.
    hub: Option<Arc<Hub>>,
    /// Where the hub keeps this one.
    place: u32,
    handling: Option<Handling>,
    /// What to close with when nobody receives any more.
    code: CloseCode,
    /// Whoever received has gone.
    reading: Option<Box<Reading>>,
    phase: Phase,
    options: Arc<Options>,
    beating: Option<Beating>,
    /// By when a congested peer must take bytes.
    progress_by: Option<Instant>,
    timer: Timer,
    peer_is_done: bool,
    /// Nothing that counts can come any more, the end of the peer's stream included.
    peer_is_over: bool,
}

enum Phase {
    Open,
    /// A close frame is queued or sent; by then the stream must have ended.
    Closing(Instant),
    /// Our side of the stream has ended.
    Ending(Instant),
    /// The stream is gone; the handler may run until then.
    Gone(Instant),
}

struct Beating {
    /// A ping is out.
    is_asking: bool,
    next: Instant,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, options: Arc<Options>) -> Self {
        let beating = options.heartbeat.map(|heartbeat| Beating {
            is_asking: false,
            next: Instant::now() + heartbeat.interval,
        });
        Self {
            shared,
            hub: None,
            place: 0,
            handling: None,
            code: CloseCode::NORMAL,
            reading: None,
            phase: Phase::Open,
            options,
            beating,
            progress_by: None,
            timer: Timer::default(),
            peer_is_done: false,
            peer_is_over: false,
        }
    }

    /// A connection of a server, whose task runs its handler.
    pub(super) fn serving(mut self, hub: Arc<Hub>, handling: Handling) -> Self {
        self.place = hub.admit(&self.shared);
        self.hub = Some(hub);
        self.handling = Some(handling);
        self
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = Arc::clone(&self.shared);
        let commands = shared.outbox().begin(cx.waker());
        self.obey(commands);
        if shared.has_rung() || self.timer.is_exact() {
            self.timer.has_rung();
            self.tick(Instant::now());
        }
        shared.within_turn(|| {
            self.run_handler(cx);
            self.receive(cx);
            // Usually whoever receives has written everything before it waited.
            let is_open = matches!(self.phase, Phase::Open);
            if is_open && shared.is_calm() && shared.outbox().rest(false) {
                self.progress_by = None;
                return;
            }
            loop {
                let blocked = self.write(cx);
                if shared.outbox().rest(blocked) {
                    break;
                }
                let commands = shared.outbox().begin(cx.waker());
                self.obey(commands);
                self.receive(cx);
            }
        });
        if matches!(self.phase, Phase::Gone(_)) && self.handling.is_none() {
            return Poll::Ready(());
        }
        self.arm(cx);
        Poll::Pending
    }

    fn obey(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::SlowConsumer => self.fail(Error::SlowConsumer),
                Command::PeerDone { is_over } => {
                    self.peer_is_done = true;
                    self.peer_is_over |= is_over;
                }
                Command::Failed => self.gone(),
                Command::Return(reading) => self.reading = Some(reading),
            }
        }
        if self.handling.is_none() && self.reading.is_some() {
            // Nobody is left to receive. Does nothing if the end has begun.
            self.shared.close(Some(self.code), "");
        }
    }

    fn run_handler(&mut self, cx: &mut Context<'_>) {
        let Some(handling) = &mut self.handling else { return };
        self.shared.handler_runs();
        let polled = catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll_code(cx)));
        self.code = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(code)) => code,
            // The panic hook has reported it. It ends this connection, and no other.
            Err(_panic) => CloseCode::INTERNAL,
        };
        // This may drop the receiver, which then comes back as a command.
        let handling = self.handling.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(handling)));
        if dropped.is_err() {
            self.code = CloseCode::INTERNAL;
        }
    }

    /// Receives in the place of a receiver that is gone: pings get their answer, and the peer's
    /// close frame is noticed.
    fn receive(&mut self, cx: &mut Context<'_>) {
        let Some(reading) = &mut self.reading else { return };
        while !reading.is_over() {
            match reading.poll_event(&self.shared, cx) {
                Poll::Pending | Poll::Ready(Err(_)) => return,
                Poll::Ready(Ok(_unwanted)) => (),
            }
        }
    }

    /// Writes, and ends the stream when it is time. `true` when the stream takes no more for now.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.phase {
            Phase::Open | Phase::Closing(_) => {
                let flush = match self.shared.flush(cx) {
                    Ok(flush) => flush,
                    Err(error) => {
                        self.fail(error);
                        return true;
                    }
                };
                self.watch_progress(flush);
                if flush.is_closed {
                    if matches!(self.phase, Phase::Open) {
                        self.phase =
                            Phase::Closing(Instant::now() + self.options.limits.close_timeout);
                    }
                    if !flush.blocked && flush.waiting_bytes == 0 && self.peer_is_done {
                        return self.end_stream(cx);
                    }
                }
                flush.blocked
            }
            Phase::Ending(_) => self.end_stream(cx),
            Phase::Gone(_) => true,
        }
    }

    /// Our close frame is written and the peer says no more: ends our side of the stream, and
    /// waits for the peer to end its own, so that it can read our last words in peace.
    fn end_stream(&mut self, cx: &mut Context<'_>) -> bool {
        if let Phase::Closing(until) = self.phase {
            self.phase = Phase::Ending(until);
        }
        let is_over = match self.shared.poll_shutdown(cx) {
            Poll::Pending => false,
            Poll::Ready(Err(_broken)) => true,
            Poll::Ready(Ok(())) => {
                let reading = self.reading.as_mut();
                let has_ended = reading.is_some_and(|it| it.poll_discard(cx).is_ready());
                self.peer_is_over || has_ended
            }
        };
        if is_over {
            self.gone();
        }
        true
    }

    /// A peer that is congested and takes nothing is given up after [`STALL`].
    fn watch_progress(&mut self, flush: Flush) {
        // Also what the receiver has written before it waited.
        let has_written = self.shared.has_written();
        let is_congested = flush.blocked && SOFT_BYTES < flush.waiting_bytes;
        if !is_congested {
            self.progress_by = None;
        } else if self.progress_by.is_none() || has_written {
            self.progress_by = Some(Instant::now() + STALL);
        }
    }

    /// Does what the clock demands.
    fn tick(&mut self, now: Instant) {
        let is_due = |deadline: Instant| deadline <= now;
        if self.shared.message_due().is_some_and(is_due) {
            self.shared.message_is_due();
        }
        match &self.phase {
            Phase::Open | Phase::Closing(_) if self.progress_by.is_some_and(is_due) => {
                self.fail(Error::SlowConsumer);
            }
            Phase::Open => self.beat(now),
            Phase::Closing(until) if is_due(*until) => self.fail(Error::CloseTimeout),
            Phase::Ending(until) if is_due(*until) => self.gone(),
            Phase::Gone(until) if is_due(*until) => self.handling = None,
            Phase::Closing(_) | Phase::Ending(_) | Phase::Gone(_) => (),
        }
    }

    /// Asks a silent peer whether it lives, and notices when it does not answer.
    fn beat(&mut self, now: Instant) {
        let Some(heartbeat) = self.options.heartbeat else { return };
        let Some(beating) = self.beating.as_mut().filter(|it| it.next <= now) else { return };
        if self.shared.lives() {
            beating.is_asking = false;
            beating.next = now + heartbeat.interval;
        } else if beating.is_asking {
            self.fail(Error::Silent);
        } else {
            beating.is_asking = true;
            beating.next = now + heartbeat.timeout;
            // Refused once the end has begun, which has a deadline of its own.
            self.shared.ping(b"").ok();
        }
    }

    fn fail(&mut self, error: Error) {
        if !matches!(self.phase, Phase::Gone(_)) {
            self.shared.fail(error);
            self.gone();
        }
    }

    /// The stream is over; only the handler may go on for a while.
    fn gone(&mut self) {
        if !matches!(self.phase, Phase::Gone(_)) {
            self.shared.end();
            self.reading = None;
            self.progress_by = None;
            self.phase = Phase::Gone(Instant::now() + HANDLER_WAIT);
        }
    }

    /// Makes sure that the task is woken when something is due.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let deadline = match &self.phase {
            Phase::Open => {
                let beat = self.beating.as_ref().map(|it| it.next);
                let message_due = self.shared.message_due();
                [beat, self.progress_by, message_due].into_iter().flatten().min()
            }
            Phase::Closing(until) => Some(self.progress_by.map_or(*until, |it| it.min(*until))),
            Phase::Ending(until) | Phase::Gone(until) => Some(*until),
        };
        let Some(deadline) = deadline.filter(|it| !self.timer.is_set_for(*it)) else { return };
        let wheel = self.hub.as_ref().map(|it| &*it.wheel);
        self.timer.arm(wheel, &self.shared, (deadline, Instant::now()), cx);
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.turn(cx)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Also when the runtime drops the task early: nobody may wait for a dead connection.
        self.shared.end();
        drop(self.shared.outbox().retire());
        if let Some(hub) = &self.hub {
            hub.dismiss(self.place);
        }
    }
}

/// How long a congested peer may take nothing.
const STALL: Duration = Duration::from_secs(5);
/// For a handler that still runs when its connection is gone.
const HANDLER_WAIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle connection costs these, which grow unnoticed: every byte counts 18,000 times. With a
    /// driver above 152 bytes tokio's task needs another 128.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Driver>() <= 144, "{}", size_of::<Driver>());
        assert!(size_of::<Shared>() <= 208, "{}", size_of::<Shared>());
        assert!(size_of::<Reading>() <= 192, "{}", size_of::<Reading>());
    }
}
