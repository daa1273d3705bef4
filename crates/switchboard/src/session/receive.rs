//! From bytes to packets: what a read brought, through the three machines.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use switchboard_eio as eio;
use switchboard_sio as sio;
use switchboard_ws as ws;
use tracing::debug;

use super::driver::{Driver, TransportState};
use super::ending::End;
use super::link::Scratch;
use super::slots::Slot;
use crate::DisconnectReason;
use crate::deadline::Deadline;
use crate::namespaces::{Admission, Namespaces, UNKNOWN};
use crate::parser::Fault;
use crate::socket::Socket;

impl Driver {
    /// Reads what has arrived, from the WebSocket and from the one that wants to take over.
    pub(super) fn receive(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), End> {
        self.receive_candidate(now, cx)?;
        for _ in 0..READS_PER_TURN {
            if self.is_paused() {
                // Not reading makes TCP slow the sender down.
                return Ok(());
            }
            let TransportState::WebSocket(link) = &mut self.transport else { return Ok(()) };
            let mut scratch = Scratch::borrow();
            let read = match link.poll_read(cx, scratch.bytes()) {
                Poll::Pending => return self.mind_pace(now),
                Poll::Ready(Ok(0)) => return self.peer_is_gone(),
                Poll::Ready(Err(_broken)) => return Err(End::broken()),
                Poll::Ready(Ok(read)) => read,
            };
            let mut input = scratch.bytes().get_mut(..read).unwrap_or_default();
            self.frames(&mut input, now, cx)?;
        }
        // More may be there; others have their turn first, those too of whom the runtime does not
        // know yet that they can be read. It looks before it comes back to whoever yields, but not
        // each time before it comes back to whoever wakes itself.
        let _pending = pin!(tokio::task::yield_now()).poll(cx);
        self.mind_pace(now)
    }

    /// The client has hung up. One of a crowd that does so waits for its turn to end.
    fn peer_is_gone(&mut self) -> Result<(), End> {
        let may_leave = if self.is_leaving {
            self.session.may_leave.load(Ordering::Acquire)
        } else {
            self.session.engine.flusher.lets_leave(&self.session)
        };
        self.is_leaving = true;
        if may_leave { Err(End::peer_gone()) } else { Ok(()) }
    }

    /// A message that has begun must come on. Asked only when everything was read that is there:
    /// while we do not read, nothing can arrive.
    fn mind_pace(&mut self, now: Instant) -> Result<(), End> {
        let TransportState::WebSocket(link) = &mut self.transport else { return Ok(()) };
        let mut last_words = Vec::new();
        // The error is about a close frame, which ends this state.
        let _due = link.ws.tick(now, &mut last_words);
        if last_words.is_empty() {
            return Ok(());
        }
        debug!("a message that came too slowly is given up");
        self.session.outbox.push_frames_with(|frames| frames.append(&mut last_words));
        Err(End::bad_frame())
    }

    fn frames(
        &mut self,
        input: &mut &mut [u8],
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let mut replies = Vec::new();
        loop {
            if input.is_empty() {
                return Ok(());
            }
            let TransportState::WebSocket(link) = &mut self.transport else { return Ok(()) };
            let event = link.ws.receive(input, now, &mut replies);
            if !replies.is_empty() {
                self.session.outbox.push_frames_with(|frames| frames.append(&mut replies));
            }
            match event {
                Ok(None) => return Ok(()),
                Ok(Some(ws::Event::Text(text))) => match self.as_message(&text) {
                    Some(data) => self.usual_message(data, now, cx)?,
                    None => self.message(eio::Data::Text(&text), now, cx)?,
                },
                Ok(Some(ws::Event::Binary(bytes))) => {
                    self.message(eio::Data::Binary(&bytes), now, cx)?;
                }
                Ok(Some(ws::Event::Closed { .. })) => return Err(End::peer_closed()),
                Ok(Some(_ping_or_pong)) => self.count_packet(now)?,
                Err(_wrong) => return Err(End::bad_frame()),
            }
        }
    }

    /// The data of a text for Socket.IO, which most of what arrives is: nobody else has to look at
    /// the packet around it.
    fn as_message<'t>(&self, text: &'t str) -> Option<&'t str> {
        let is_usual = !self.session.dialect.is_v3() && self.raw.is_none();
        text.strip_prefix('4').filter(|_| is_usual)
    }

    fn usual_message(&mut self, text: &str, now: Instant, cx: &mut Context<'_>) -> Result<(), End> {
        self.count_packet(now)?;
        if !self.eio.note_message(&self.session.engine.config.eio, now) {
            return Ok(());
        }
        self.socket_io(eio::Data::Text(text), now, cx)
    }

    /// One Engine.IO packet that came alone, as on a WebSocket.
    fn message(
        &mut self,
        data: eio::Data<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let record = self.session.dialect.decode_message(data);
        let record = record.map_err(|_wrong| End::bad_packet())?;
        self.packet(record.packet(), now, cx)
    }

    /// One Engine.IO packet on the current transport.
    pub(super) fn packet(
        &mut self,
        packet: eio::Packet<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        self.count_packet(now)?;
        let mut sends = Vec::new();
        let config = &self.session.engine.config.eio;
        let event = self.eio.receive(eio::Lane::Current, packet, config, now, &mut sends);
        if !sends.is_empty() {
            self.send_controls(&sends, now);
        }
        match event.map_err(|_wrong| End::wrong_direction())? {
            Some(eio::Event::Message(data)) => match &self.raw {
                Some(raw) => {
                    raw.receive(data, cx);
                    Ok(())
                }
                None => self.socket_io(data, now, cx),
            },
            Some(eio::Event::Ping(data)) => {
                self.answer_ping(data);
                Ok(())
            }
            Some(eio::Event::Close) => Err(End::peer_closed()),
            _ => Ok(()),
        }
    }

    fn socket_io(
        &mut self,
        data: eio::Data<'_>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let input = match data {
            eio::Data::Text(text) => sio::Input::Text(text),
            eio::Data::Binary(bytes) => sio::Input::Binary(bytes),
        };
        let limits = self.sio_limits();
        let packet = self.decoder.receive(input, &limits).map_err(|it| match it {
            Fault::Peer(error) => End::bad_event(&error),
            Fault::Panicked => End::panicked(),
        })?;
        if !self.decoder.is_waiting() {
            self.attachments_by = Deadline::NONE;
        } else if self.attachments_by.is_none() {
            self.attachments_by = Deadline::after(ATTACHMENTS_WAIT, now);
        }
        match packet {
            Some(packet) if self.session.dialect.is_v3() => {
                let packet = self.translate(packet).map_err(|it| End::bad_event(&it))?;
                self.dispatch(packet, cx)
            }
            Some(packet) => self.dispatch(packet, cx),
            None => Ok(()),
        }
    }

    fn dispatch(&mut self, packet: sio::Packet<'_>, cx: &mut Context<'_>) -> Result<(), End> {
        let at = self.slots.iter().position(|it| it.is_current(&packet.namespace));
        if let sio::Body::Connect { payload } = packet.body {
            return match at {
                Some(_twice) => Err(End::misplaced()),
                None => self.connect(&packet.namespace, payload.as_deref(), cx),
            };
        }
        let slot = at.and_then(|at| self.slots.get_mut(at)).filter(|it| !it.is_checking());
        let Some(slot) = slot else {
            // A packet that crossed our own disconnect on the way is no mistake of the client.
            let mut put_out = self.put_out.iter().flat_map(|it| it.iter());
            let crossed = at.is_none() && put_out.any(|it| **it == *packet.namespace);
            return if crossed { Ok(()) } else { Err(End::misplaced()) };
        };
        match packet.body {
            sio::Body::Event { id, payload } => {
                if slot.event(id, payload, cx).is_err() {
                    slot.abandon();
                    return Err(End::panicked());
                }
            }
            sio::Body::Ack { id, payload } => slot.socket.receive_ack(id, payload),
            sio::Body::Disconnect => slot.end(DisconnectReason::ClientNamespace.into()),
            _ => return Err(End::misplaced()),
        }
        Ok(())
    }

    pub(super) fn connect(
        &mut self,
        namespace: &str,
        auth: Option<&str>,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        if NAMESPACES_MAX <= self.slots.len() {
            return Err(End::too_many_namespaces());
        }
        let auth = auth.unwrap_or("{}");
        let (engine, session) = (&self.session.engine, Arc::clone(&self.session));
        let mut slot = match Namespaces::admit(engine, namespace, auth) {
            Admission::Open(inner, stay) => {
                let (socket, auth) = Socket::admit(inner, session, auth);
                Slot::connect(socket, &auth).staying(stay)
            }
            Admission::Ask(asking) => {
                let unlisted = Arc::new(engine.namespaces.unlisted(namespace));
                Slot::ask(Socket::new(unlisted, session, auth, None, None), auth, asking)
            }
            Admission::Unknown => {
                let encoding = &engine.config.encoding;
                let packet = encoding.connect_error(namespace, UNKNOWN, None);
                self.session.outbox.push_packet(&packet);
                return Ok(());
            }
        };
        if let Some(put_out) = &mut self.put_out {
            put_out.retain(|it| **it != *namespace);
        }
        let polled = slot.poll(cx);
        if slot.is_live() {
            self.connect_by = Deadline::NONE;
        }
        if polled.is_err() {
            slot.abandon();
        }
        if self.slots.is_empty() {
            // Nearly always there is only one, and a vector begins with room for four.
            self.slots.reserve_exact(1);
        }
        self.slots.push(slot);
        polled.map_err(|_panic| End::panicked())
    }

    /// Reads the WebSocket that wants to take over. Its mistakes cost itself, not the session.
    fn receive_candidate(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), End> {
        while let Some(link) = &mut self.candidate {
            let mut scratch = Scratch::borrow();
            let read = match link.poll_read(cx, scratch.bytes()) {
                Poll::Pending => return self.flush_candidate(cx),
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.candidate_lost();
                    return Ok(());
                }
                Poll::Ready(Ok(read)) => read,
            };
            let mut input = scratch.bytes().get_mut(..read).unwrap_or_default();
            while !input.is_empty() {
                let Some(link) = &mut self.candidate else {
                    // It has taken over in the middle of this read.
                    return self.frames(&mut input, now, cx);
                };
                let mut replies = Vec::new();
                let event = link.ws.receive(&mut input, now, &mut replies);
                link.queue(&replies);
                match event {
                    Ok(None) => break,
                    Ok(Some(ws::Event::Text(text))) => self.candidate_packet(&text, now, cx),
                    Ok(Some(ws::Event::Ping(_) | ws::Event::Pong(_))) => (),
                    Ok(Some(_)) | Err(_) => self.drop_candidate(now),
                }
            }
        }
        Ok(())
    }

    fn candidate_packet(&mut self, text: &str, now: Instant, cx: &Context<'_>) {
        let session = Arc::clone(&self.session);
        let config = &session.engine.config.eio;
        let mut sends = Vec::new();
        let event = eio::Packet::decode(eio::Data::Text(text)).and_then(|packet| {
            self.eio.receive(eio::Lane::Candidate, packet, config, now, &mut sends)
        });
        self.send_controls(&sends, now);
        match event {
            Ok(Some(eio::Event::Upgraded)) => {
                self.take_over(now);
                if let Some(raw) = &mut self.raw {
                    raw.upgraded(cx);
                }
            }
            Ok(_) => (),
            Err(_wrong) => self.drop_candidate(now),
        }
    }

    /// Sends what the Engine.IO machine asks for.
    pub(super) fn send_controls(&mut self, sends: &[eio::Send], now: Instant) {
        for send in sends {
            let mut text = Vec::new();
            send.packet.packet().encode_text(&mut text);
            match send.lane {
                eio::Lane::Current if text == NOOP => self.answer_noop(now),
                eio::Lane::Current => self.session.outbox.push(&text, &[]),
                eio::Lane::Candidate => {
                    if let Some(link) = &mut self.candidate {
                        let mut frame = Vec::new();
                        crate::dialect::encode_text_frame(&text, &mut frame);
                        link.queue(&frame);
                    }
                }
            }
        }
    }

    /// A client of Engine.IO 3 wants to hear from us.
    fn answer_ping(&self, data: eio::Data<'_>) {
        let mut pong = Vec::new();
        eio::Packet { kind: eio::Kind::Pong, data }.encode_text(&mut pong);
        self.session.outbox.push(&pong, &[]);
    }

    fn flush_candidate(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if let Some(link) = &mut self.candidate
            && link.poll_flush_alone(cx).is_err()
        {
            self.candidate_lost();
        }
        Ok(())
    }

    fn candidate_lost(&mut self) {
        self.candidate = None;
        self.eio.candidate_lost();
    }
}

/// Reads of 64 KiB in one turn, before others get theirs.
const READS_PER_TURN: usize = 4;
/// Namespaces that one connection may be in at the same time.
const NAMESPACES_MAX: usize = 100;
/// How long a packet may wait for its attachments.
const ATTACHMENTS_WAIT: Duration = Duration::from_secs(10);
const NOOP: &[u8] = b"6";
