//! Long-polling: the requests of one client, and the WebSocket that may take over from them.

use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use switchboard_eio as eio;
use switchboard_eio::payload::Record;
use tokio::sync::oneshot;

use super::Reply;
use super::driver::{Driver, TransportState};
use super::ending::End;
use super::link::Link;
use crate::dialect::PollBody;

/// The body of a POST.
#[derive(Clone, Copy, Debug)]
pub(super) enum PostBody<'a> {
    Text(&'a [u8]),
    /// Only in Engine.IO 3.
    Bytes(&'a [u8]),
}

/// The requests that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Polling {
    poll: Option<oneshot::Sender<Reply>>,
    /// A POST whose events fill a socket's queue: its answer waits, which slows the client down.
    post: Option<oneshot::Sender<Reply>>,
    /// A POST was answered in this turn.
    was_posted: bool,
    /// A poll was given up with its answer on the way: packets are lost.
    has_lost: bool,
}

impl Polling {
    /// Answers a waiting poll with one last packet.
    pub(super) fn finish(&mut self, last: PollBody) {
        answer(&mut self.poll, last);
        self.release_post();
    }

    /// Whether a waiting poll should be answered in the next turn only.
    ///
    /// A POST is answered before the poll that it causes, as by the official server: clients that
    /// write and read in different threads may otherwise see the effect before the cause is done.
    pub(super) fn hold_poll(&mut self) -> bool {
        std::mem::take(&mut self.was_posted)
    }

    pub(super) fn take_poll(&mut self) -> Option<oneshot::Sender<Reply>> {
        self.poll.take()
    }

    fn release_post(&mut self) {
        answer(&mut self.post, posted());
    }
}

impl Driver {
    /// A GET wants packets.
    pub(super) fn poll_request(
        &mut self,
        reply: oneshot::Sender<Reply>,
        now: Instant,
    ) -> Result<(), End> {
        match &mut self.transport {
            TransportState::Polling(polling) => {
                if polling.poll.as_ref().is_some_and(|it| !it.is_closed()) {
                    // The older one learns that the session is over, the newer one why.
                    polling.finish(self.session.dialect.single(CLOSE));
                    reply.send(Reply::Refused).ok();
                    return Err(End::overlap());
                }
                polling.poll = Some(reply);
                self.session.outbox.set_polled(true);
                self.answer_poll(now);
                Ok(())
            }
            TransportState::Closing(closing) => {
                closing.poll_request(reply);
                Ok(())
            }
            TransportState::WebSocket(_) | TransportState::Gone(_) => {
                reply.send(Reply::Refused).ok();
                Ok(())
            }
        }
    }

    /// A POST brings packets.
    pub(super) fn post_request(
        &mut self,
        body: PostBody<'_>,
        reply: oneshot::Sender<Reply>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let TransportState::Polling(polling) = &self.transport else {
            reply.send(Reply::Refused).ok();
            return Ok(());
        };
        if polling.post.is_some() {
            // There is no room, and the POST that waits for some was given up for this one.
            reply.send(Reply::Refused).ok();
            return Err(End::broken());
        }
        let received = self.receive_body(body, now, cx);
        let is_paused = self.is_paused();
        if let TransportState::Polling(polling) = &mut self.transport {
            polling.was_posted = true;
        }
        match &mut self.transport {
            _ if received.as_ref().is_err_and(End::is_refusal) => {
                reply.send(Reply::Refused).ok();
            }
            // The client is told when its events have found room.
            TransportState::Polling(polling) if is_paused => polling.post = Some(reply),
            // Garbage is answered too: official clients learn of it by their next poll.
            _ => {
                reply.send(Reply::Body(posted())).ok();
            }
        }
        received
    }

    fn receive_body(
        &mut self,
        body: PostBody<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let body = match body {
            PostBody::Text(body) => {
                std::str::from_utf8(body).map_err(|_wrong| End::bad_packet())?
            }
            PostBody::Bytes(body) => {
                let records = eio::v3::decode_bytes(body, PACKETS_PER_BODY_MAX);
                return self.receive_records(records, now, cx);
            }
        };
        if self.session.dialect.is_v3() {
            let records = eio::v3::decode(body, PACKETS_PER_BODY_MAX);
            return self.receive_records(records, now, cx);
        }
        let separators = body.bytes().filter(|it| *it == eio::payload::SEPARATOR).count();
        if PACKETS_PER_BODY_MAX <= separators {
            // Seen before the first packet is handled, so that a body counts as a whole.
            return Err(End::too_many_packets());
        }
        for record in eio::payload::decode(body, PACKETS_PER_BODY_MAX) {
            let record = record.map_err(|_wrong| End::bad_packet())?;
            self.packet(record.packet(), now, cx)?;
        }
        Ok(())
    }

    /// A body of Engine.IO 3, which is read to its end before the first packet is handled, so that
    /// it counts as a whole.
    fn receive_records<'a>(
        &mut self,
        records: impl Iterator<Item = Result<Record<'a>, eio::PeerError>>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let records: Vec<_> = records.collect();
        if records.last() == Some(&Err(eio::PeerError::TooManyPackets)) {
            return Err(End::too_many_packets());
        }
        for record in records {
            let record = record.map_err(|_wrong| End::bad_packet())?;
            self.packet(record.packet(), now, cx)?;
        }
        Ok(())
    }

    /// Answers the waiting poll if there is anything to say, and the waiting POST if there is room.
    pub(super) fn answer_poll(&mut self, now: Instant) {
        let is_paused = self.is_paused();
        let TransportState::Polling(polling) = &mut self.transport else { return };
        if !is_paused {
            polling.release_post();
        }
        let is_waiting = polling.poll.as_ref().is_some_and(|it| !it.is_closed());
        if !is_waiting || !self.session.outbox.has_packets() {
            return;
        }
        let outbox = &self.session.outbox;
        let wants_compression = outbox.wants_compression();
        let packets = outbox.take_packets(self.session.engine.config.max_payload);
        let body = self.session.dialect.body(&packets);
        let reply = if wants_compression { Reply::Body(body) } else { Reply::Plain(body) };
        if let Some(poll) = polling.poll.take() {
            polling.has_lost |= poll.send(reply).is_err();
        }
        self.watch_progress(true, None, now);
    }

    /// Frees a waiting poll, so that the client can go on with its upgrade.
    pub(super) fn answer_noop(&mut self, now: Instant) {
        self.answer_poll(now);
        if let TransportState::Polling(polling) = &mut self.transport {
            answer(&mut polling.poll, self.session.dialect.single(NOOP));
            self.session.outbox.set_polled(false);
        }
    }

    /// Notices that the client has given up a request that waits.
    pub(super) fn watch_requests(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let TransportState::Polling(polling) = &mut self.transport else { return Ok(()) };
        let mut is_given_up = std::mem::take(&mut polling.has_lost);
        for waiting in [&mut polling.poll, &mut polling.post] {
            if waiting.as_mut().is_some_and(|it| it.poll_closed(cx).is_ready()) {
                *waiting = None;
                is_given_up = true;
            }
        }
        if is_given_up { Err(End::broken()) } else { Ok(()) }
    }

    /// A WebSocket with our sid wants to take over.
    pub(super) fn upgrade_request(&mut self, mut link: Box<Link>, now: Instant) {
        let session = Arc::clone(&self.session);
        let is_open = matches!(self.transport, TransportState::Polling(_));
        if is_open && self.eio.start_upgrade(&session.engine.config.eio, now).is_ok() {
            self.candidate = Some(link);
            return;
        }
        // One upgrade at a time, and only once: the newcomer is closed, the session goes on.
        let mut frames = Vec::new();
        link.ws.close(None, "", now, &mut frames);
        link.queue(&frames);
        tokio::spawn(async move {
            // Best effort: one write, then the stream is dropped.
            std::future::poll_fn(|cx| std::task::Poll::Ready(link.poll_flush_alone(cx).is_ok()))
                .await;
        });
    }

    /// The upgrade did not come about in time, or the newcomer broke a rule.
    pub(super) fn drop_candidate(&mut self, now: Instant) {
        if let Some(mut link) = self.candidate.take() {
            let mut frames = Vec::new();
            link.ws.close(None, "", now, &mut frames);
            link.queue(&frames);
            tokio::spawn(async move {
                std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(link.poll_flush_alone(cx).is_ok())
                })
                .await;
            });
        }
        self.eio.candidate_lost();
    }

    /// The WebSocket is the transport from now on.
    pub(super) fn take_over(&mut self, now: Instant) {
        let Some(mut link) = self.candidate.take() else { return };
        self.answer_noop(now);
        if let TransportState::Polling(polling) = &self.transport
            && polling.has_lost
        {
            return self.end(End::broken(), now);
        }
        self.session.upgraded();
        self.session.outbox.upgrade(link.is_base64, link.deflate);
        self.session.open_wire(&mut link);
        let old = std::mem::replace(&mut self.transport, TransportState::WebSocket(*link));
        if let TransportState::Polling(mut polling) = old {
            polling.finish(self.session.dialect.single(NOOP));
        }
    }
}

fn answer(waiting: &mut Option<oneshot::Sender<Reply>>, body: PollBody) {
    if let Some(waiting) = waiting.take() {
        // A client that hung up meanwhile is noticed by `watch_requests` or by silence.
        waiting.send(Reply::Body(body)).ok();
    }
}

/// The answer to a POST.
fn posted() -> PollBody {
    PollBody::Text(b"ok".to_vec())
}

/// Official clients put thousands of small emits into one body.
const PACKETS_PER_BODY_MAX: usize = 20_000;
pub(super) const CLOSE: &[u8] = b"1";
pub(super) const NOOP: &[u8] = b"6";
