//! The task of a connection: one future, one loop, one closed set of reasons to wake.
//!
//! Each turn: take what others asked for, read, run handlers, look at the clock, write. What one
//! read brought is handled as a whole, and everything that it caused leaves in one write.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use switchboard_eio as eio;

use super::ending::{Closing, End};
use super::link::Link;
use super::polling::{Polling, PostBody};
use super::raw::Raw;
use super::slots::{self, Slot};
use super::{Command, Session};
use crate::DisconnectReason;
use crate::deadline::Deadline;
use crate::engine::Closed;
use crate::packet_rate::Meter;
use crate::parser::Decoding;
use crate::socket::Socket;
use crate::sync::lock;
use crate::wheel::Timer;

/// Owns a connection, from its handshake until its last handler has returned.
pub(crate) struct Driver {
    pub(super) session: Arc<Session>,
    pub(super) transport: TransportState,
    /// A WebSocket that asks to take over from long-polling.
    pub(super) candidate: Option<Box<Link>>,
    pub(super) eio: eio::Session,
    pub(super) decoder: Decoding,
    pub(super) slots: Vec<Slot>,
    /// Of a server without Socket.IO, whose messages go here.
    pub(super) raw: Option<Box<Raw>>,
    /// Namespaces that the server has put the client out of, as long as it has not come back. The
    /// latest [`PUT_OUT_MAX`].
    #[expect(
        clippy::box_collection,
        reason = "rarely any, and an idle connection should be small"
    )]
    pub(super) put_out: Option<Box<Vec<Box<str>>>>,
    /// By when the client must be connected to some namespace.
    pub(super) connect_by: Deadline,
    /// By when the attachments of a packet must be there.
    pub(super) attachments_by: Deadline,
    /// By when a congested client must take bytes.
    pub(super) progress_by: Deadline,
    pub(super) timer: Timer,
    /// The client has hung up, and the session waits for its turn to end.
    pub(super) is_leaving: bool,
    /// Counts packets, where their rate is limited.
    meter: Option<Box<Meter>>,
}

/// What carries the packets.
pub(super) enum TransportState {
    Polling(Box<Polling>),
    WebSocket(Link),
    /// The end has begun: what is queued is still delivered.
    Closing(Box<Closing>),
    /// Nothing arrives or leaves any more; handlers run to their end until then.
    Gone(Instant),
}

impl Driver {
    /// A connection that begins with long-polling.
    pub(crate) fn polling(session: Arc<Session>, now: Instant) -> Self {
        let transport = TransportState::Polling(Box::default());
        Self::new(session, transport, eio::Transport::Polling, now)
    }

    /// A connection that begins with a WebSocket.
    pub(crate) fn websocket(session: Arc<Session>, mut link: Link, now: Instant) -> Self {
        session.open_wire(&mut link);
        let transport = TransportState::WebSocket(link);
        Self::new(session, transport, eio::Transport::WebSocket, now)
    }

    fn new(
        session: Arc<Session>,
        transport: TransportState,
        kind: eio::Transport,
        now: Instant,
    ) -> Self {
        let config = &session.engine.config;
        Self {
            transport,
            candidate: None,
            eio: eio::Session::with_protocol(session.dialect.protocol, kind, &config.eio, now),
            decoder: Decoding::new(&config.encoding),
            slots: Vec::new(),
            raw: Raw::of(&session),
            put_out: None,
            connect_by: match config.raw {
                Some(_) => Deadline::NONE,
                None => Deadline::after(config.connect_timeout, now),
            },
            attachments_by: Deadline::NONE,
            progress_by: Deadline::NONE,
            timer: Timer::default(),
            is_leaving: false,
            meter: config.packet_rate.map(|_| Box::new(Meter::new(now))),
            session,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        self.obey_all(now, cx);
        if self.is_slow_again(now) || self.raw.as_mut().is_some_and(|it| it.resumes()) {
            self.eio.resume_reading(&self.session.engine.config.eio, now);
        }
        if let Err(end) = self.receive(now, cx) {
            self.end(end, now);
        }
        let was_paused = self.is_paused();
        self.poll_slots(now, cx);
        if was_paused && !self.is_paused() {
            // There is room again. Nobody else would make us read.
            self.eio.resume_reading(&self.session.engine.config.eio, now);
            cx.waker().wake_by_ref();
        }
        let mut is_calm = self.is_calm(now);
        if !is_calm {
            self.tick(now);
        }
        loop {
            let blocked = self.flush(now, cx);
            if self.session.outbox.rest(blocked) {
                break;
            }
            self.obey_all(now, cx);
            self.poll_slots(now, cx);
        }
        is_calm &= self.is_calm(now);
        if matches!(self.transport, TransportState::Gone(_)) && !self.runs_handlers() {
            return Poll::Ready(());
        }
        self.raw.iter_mut().for_each(|it| it.rest());
        if !is_calm {
            self.arm(now, cx);
        }
        Poll::Pending
    }

    /// Whether nothing is due but a heartbeat, for which the wheel will ring. That is how most turns
    /// are, so that they ask this instead of looking at each deadline twice.
    fn is_calm(&self, now: Instant) -> bool {
        let is_reading = match &self.transport {
            TransportState::WebSocket(link) => link.ws.deadline().is_none(),
            _ => false,
        };
        let others = [self.connect_by, self.attachments_by, self.progress_by];
        is_reading
            && others == [Deadline::NONE; 3]
            && self.meter.is_none()
            && self.eio.due().is_some_and(|due| now < due && self.timer.will_ring_for(due, now))
    }

    fn obey_all(&mut self, now: Instant, cx: &mut Context<'_>) {
        let commands = self.session.outbox.begin(cx.waker());
        if commands.is_empty() {
            return;
        }
        for command in commands {
            self.obey(command, now, cx);
        }
    }

    fn obey(&mut self, command: Command, now: Instant, cx: &mut Context<'_>) {
        let obeyed = match command {
            Command::Poll(reply) => self.poll_request(reply, now),
            Command::Post(body, reply) => self.post_request(PostBody::Text(&body), reply, now, cx),
            Command::PostBytes(body, reply) => {
                self.post_request(PostBody::Bytes(&body), reply, now, cx)
            }
            Command::Enter => self.enter(cx),
            Command::Request(request) => {
                if let Some(raw) = &mut self.raw {
                    raw.set_request(request);
                }
                Ok(())
            }
            Command::Upgrade(link) => {
                self.upgrade_request(link, now);
                Ok(())
            }
            Command::Disconnected(socket) => {
                self.put_out(&socket);
                Ok(())
            }
            Command::TakenOver(socket, heir) => {
                let end = End::taken_over();
                if let Some(slot) = self.slots.iter_mut().find(|it| it.socket.is(&socket)) {
                    slot.end_for(heir, end.farewell());
                }
                Err(end)
            }
            Command::Close(reason) => {
                if reason == DisconnectReason::ForcedServerClose {
                    // Told so, official clients do not come back by themselves.
                    self.slots.iter_mut().for_each(Slot::put_out);
                }
                Err(End::by_us(reason))
            }
            Command::SlowConsumer => Err(End::slow_consumer()),
        };
        if let Err(end) = obeyed {
            self.end(end, now);
        }
    }

    fn put_out(&mut self, socket: &Socket) {
        let slot = self.slots.iter_mut().find(|it| it.socket.is(socket));
        // The client may have left by itself meanwhile, and even come back with another socket.
        let Some(slot) = slot.filter(|it| it.is_live()) else { return };
        slot.put_out();
        let put_out = self.put_out.get_or_insert_default();
        if put_out.iter().any(|it| **it == *socket.namespace()) {
            return;
        }
        if PUT_OUT_MAX <= put_out.len() {
            put_out.remove(0);
        }
        put_out.push(socket.namespace().into());
    }

    /// Runs the handlers, and forgets sockets that are done.
    fn poll_slots(&mut self, now: Instant, cx: &mut Context<'_>) {
        if let Some(raw) = &mut self.raw {
            if let Some(end) = raw.poll(&self.session, cx) {
                self.end(end, now);
            }
            return;
        }
        let (mut panicked, mut any_live, mut any_finished) = (false, false, false);
        for slot in &mut self.slots {
            if slot.poll(cx).is_err() {
                slot.abandon();
                panicked = true;
            }
            any_live |= slot.is_live();
            any_finished |= slot.is_finished();
        }
        if panicked {
            // All of them have an end then, and some may be finished by it.
            self.end(End::panicked(), now);
            any_live = false;
            any_finished = true;
        }
        if any_live {
            self.connect_by = Deadline::NONE;
        }
        if any_finished {
            self.slots.retain(|it| !it.is_finished());
            self.slots.shrink_to_fit();
        }
    }

    /// Does what the clock demands.
    fn tick(&mut self, now: Instant) {
        match &mut self.transport {
            TransportState::Closing(closing) => {
                if closing.is_over(now) {
                    self.gone(now);
                }
                return;
            }
            TransportState::Gone(until) => {
                if *until <= now {
                    self.slots.iter_mut().for_each(Slot::abandon);
                    self.slots.clear();
                    self.raw.iter_mut().for_each(|it| it.abandon());
                }
                return;
            }
            TransportState::Polling(_) | TransportState::WebSocket(_) => (),
        }
        let end = if self.connect_by.is_due(now) {
            Some(End::connect_timeout())
        } else if self.attachments_by.is_due(now) {
            Some(End::attachments_timeout())
        } else if self.progress_by.is_due(now) {
            Some(End::slow_consumer())
        } else {
            self.heartbeat(now).err()
        };
        if let Some(end) = end {
            self.end(end, now);
        }
    }

    /// Pings, and notices silence.
    fn heartbeat(&mut self, now: Instant) -> Result<(), End> {
        let session = Arc::clone(&self.session);
        let config = &session.engine.config.eio;
        if self.is_paused() {
            // We do not read, so silence is our own doing.
            self.eio.resume_reading(config, now);
        }
        let mut sends = Vec::new();
        let ticked = self.eio.tick(config, now, &mut sends);
        self.send_controls(&sends, now);
        match ticked {
            Ok(_next) => Ok(()),
            Err(eio::Expired::UpgradeTimeout) => {
                self.drop_candidate(now);
                Ok(())
            }
            Err(_ping_timeout) => Err(End::ping_timeout()),
        }
    }

    /// Writes; `true` when the transport cannot take more for now.
    fn flush(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        let flushed = match &mut self.transport {
            TransportState::WebSocket(link) => {
                let mut wire = lock(&self.session.wire);
                self.session.outbox.take_chunks(link.writing());
                link.poll_flush(&mut wire, cx)
            }
            TransportState::Polling(polling) => {
                if polling.hold_poll() {
                    cx.waker().wake_by_ref();
                    return true;
                }
                self.answer_poll(now);
                if let Err(end) = self.watch_requests(cx) {
                    self.end(end, now);
                    return true;
                }
                let blocked = self.session.outbox.has_packets();
                self.watch_progress(blocked, blocked.then_some(0), now);
                return blocked;
            }
            TransportState::Closing(closing) => {
                if closing.poll(&self.session, now, cx).is_ready() {
                    self.gone(now);
                }
                return true;
            }
            TransportState::Gone(_) => return true,
        };
        match flushed {
            Err(_broken) => {
                self.end(End::broken(), now);
                true
            }
            Ok(flushed) => {
                if flushed.bytes != 0 {
                    self.session.outbox.written(flushed.bytes);
                }
                self.watch_progress(!flushed.all, Some(flushed.bytes), now);
                !flushed.all
            }
        }
    }

    /// A client that is congested and takes nothing is given up after [`STALL`].
    pub(super) fn watch_progress(&mut self, blocked: bool, written: Option<usize>, now: Instant) {
        let congested = blocked && self.session.outbox.is_congested();
        if !congested {
            self.progress_by = Deadline::NONE;
        } else if self.progress_by.is_none() || written != Some(0) {
            self.progress_by = Deadline::after(STALL, now);
        }
    }

    /// Makes sure that the task is woken when something is due.
    fn arm(&mut self, now: Instant, cx: &mut Context<'_>) {
        let Some(deadline) = self.next_deadline(now) else { return };
        let wheel = &self.session.engine.wheel;
        self.timer.arm(Some(wheel), &self.session, (deadline, now), cx);
    }

    fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        match &self.transport {
            TransportState::Closing(closing) => Some(closing.until()),
            TransportState::Gone(until) => Some(*until),
            TransportState::Polling(_) | TransportState::WebSocket(_) => {
                let mut sends = Vec::new();
                let config = &self.session.engine.config.eio;
                // Usually this only asks, because `tick` has done what was due. If not, what is
                // sent now wakes the task again; and so does silence that has lasted too long.
                let heartbeat = self.eio.tick(config, now, &mut sends);
                self.send_controls(&sends, now);
                let heartbeat = Some(heartbeat.unwrap_or(now));
                let others = [self.connect_by, self.attachments_by, self.progress_by];
                heartbeat
                    .into_iter()
                    .chain(others.into_iter().filter_map(Deadline::instant))
                    .chain(self.message_by())
                    .chain(self.fast_until())
                    .min()
            }
        }
    }

    /// By when more of a message must come that has begun, if we read.
    fn message_by(&self) -> Option<Instant> {
        match &self.transport {
            TransportState::WebSocket(link) if !self.is_paused() => link.ws.deadline(),
            _ => None,
        }
    }

    /// Whether a socket has so much to do that reading should wait.
    pub(super) fn is_paused(&self) -> bool {
        slots::are_full(&self.slots)
            || self.raw.as_ref().is_some_and(|it| it.is_full())
            || self.meter.as_ref().is_some_and(|it| it.is_over())
    }

    /// A packet has come.
    pub(super) fn count_packet(&mut self, now: Instant) -> Result<(), End> {
        let (Some(meter), Some(rate)) = (&mut self.meter, &self.session.engine.config.packet_rate)
        else {
            return Ok(());
        };
        let is_over = meter.count(rate, now);
        if is_over && rate.closes { Err(End::too_fast()) } else { Ok(()) }
    }

    /// Whether a pause of reading is over that the client has earned by its haste.
    fn is_slow_again(&mut self, now: Instant) -> bool {
        match (&mut self.meter, &self.session.engine.config.packet_rate) {
            (Some(meter), Some(rate)) => meter.recovers(rate, now),
            _ => false,
        }
    }

    fn fast_until(&self) -> Option<Instant> {
        self.meter.as_ref()?.over_until(self.session.engine.config.packet_rate.as_ref()?)
    }

    /// Whether a handler of this connection has not returned.
    fn runs_handlers(&self) -> bool {
        !self.slots.is_empty() || self.raw.as_ref().is_some_and(|it| !it.is_finished())
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
        // Also when the runtime drops the task early: nobody may find a dead session.
        self.session.engine.sessions.remove(&self.session);
        for slot in &mut self.slots {
            slot.end(DisconnectReason::TransportClose.into());
            slot.abandon();
        }
        if let Some(raw) = &mut self.raw {
            raw.end(Closed::new(DisconnectReason::TransportClose, None));
            raw.abandon();
        }
        drop(self.session.outbox.retire());
        self.session.close_wire();
        self.session.engine.dismiss();
    }
}

/// How long a congested client may take nothing.
const STALL: Duration = Duration::from_secs(5);
/// Namespaces of which we remember that the client was put out. What comes for an older one did not
/// cross our packet on its way.
const PUT_OUT_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle client costs this future, which grows unnoticed: every byte counts 18,000 times. With
    /// a driver above 408 bytes tokio's task needs another 128.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Driver>() <= 408, "{}", size_of::<Driver>());
    }
}
