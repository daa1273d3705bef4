//! How a connection ends: why, what the client is told, and what is still delivered.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use switchboard_sio as sio;
use switchboard_ws as ws;
use tokio::sync::oneshot;
use tracing::debug;

use super::driver::{Driver, TransportState};
use super::link::{Link, Scratch};
use super::polling::{self, CLOSE, NOOP};
use super::{Reply, Session};
use crate::DisconnectReason;
use crate::chunks::Chunks;
use crate::dialect::PollBody;
use crate::engine::Closed;
use crate::extract::Farewell;
use crate::sync::lock;

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    reason: DisconnectReason,
    /// For the close frame; `None` where the peer is gone, or the frame is queued already.
    code: Option<ws::CloseCode>,
    /// Whether the stream still works, so that what is queued can be delivered.
    deliver: bool,
    /// Whether a polling client must still learn that the session is over.
    announce: bool,
    /// What a `disconnect` handler is told beside the reason.
    description: Option<&'static str>,
}

impl End {
    fn told(reason: DisconnectReason, code: ws::CloseCode) -> Self {
        Self { reason, code: Some(code), deliver: true, announce: true, description: None }
    }

    fn silent(reason: DisconnectReason) -> Self {
        Self { reason, code: None, deliver: false, announce: false, description: None }
    }

    /// Says more than the reason does.
    fn because(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    /// The application or the server wants it.
    pub(super) fn by_us(reason: DisconnectReason) -> Self {
        match reason {
            DisconnectReason::ServerShuttingDown => Self::told(reason, ws::CloseCode::RESTART),
            // A request that broke a rule: the answer to it has told the client already.
            DisconnectReason::TransportError => Self::broken(),
            _ => Self::told(reason, ws::CloseCode::NORMAL),
        }
    }

    /// The client said goodbye.
    pub(super) fn peer_closed() -> Self {
        let told = Self::told(DisconnectReason::TransportClose, ws::CloseCode::NORMAL);
        Self { announce: false, ..told }
    }

    /// The stream ended without a goodbye.
    pub(super) fn peer_gone() -> Self {
        Self::silent(DisconnectReason::TransportClose)
    }

    /// The client is back on another connection, so nobody is behind this one any more.
    pub(super) fn taken_over() -> Self {
        Self::peer_gone().because("the client is back on another connection")
    }

    /// The stream broke, or the client gave up its poll.
    pub(super) fn broken() -> Self {
        Self::silent(DisconnectReason::TransportError)
    }

    /// The frame machine has queued its close frame already.
    pub(super) fn bad_frame() -> Self {
        let silent = Self::silent(DisconnectReason::TransportError);
        Self { deliver: true, ..silent }.because("a WebSocket frame broke the rules")
    }

    /// What came is no Engine.IO packet. A polling session is over at once, as in the official
    /// server, whose next answer is `Session ID unknown`.
    pub(super) fn bad_packet() -> Self {
        let told = Self::told(DisconnectReason::ParseError, ws::CloseCode::PROTOCOL);
        Self { announce: false, ..told }.because("no Engine.IO packet")
    }

    /// An Engine.IO packet that only servers send.
    pub(super) fn wrong_direction() -> Self {
        Self { reason: DisconnectReason::TransportError, ..Self::bad_packet() }
            .because("an Engine.IO packet that only servers send")
    }

    /// Whether the request that caused it is answered with an error. Others are answered as usual,
    /// as by the official server.
    pub(super) fn is_refusal(&self) -> bool {
        self.reason == DisconnectReason::ParseError && self.code == Some(ws::CloseCode::POLICY)
    }

    pub(super) fn too_many_packets() -> Self {
        let told = Self::told(DisconnectReason::ParseError, ws::CloseCode::POLICY);
        Self { announce: false, ..told }.because("too many packets in one request")
    }

    pub(super) fn bad_event(error: &sio::PeerError) -> Self {
        debug!(%error, "a client sent no valid Socket.IO packet");
        let code = ws::CloseCode::new(error.close_code()).unwrap_or(ws::CloseCode::PROTOCOL);
        Self::told(DisconnectReason::ForcedClose, code).because("no Socket.IO packet")
    }

    /// A packet for a namespace that the client is not connected to, or a second CONNECT.
    pub(super) fn misplaced() -> Self {
        Self::told(DisconnectReason::ForcedClose, ws::CloseCode::PROTOCOL)
            .because("a packet for a namespace that it has not joined, or joined already")
    }

    pub(super) fn too_many_namespaces() -> Self {
        Self::told(DisconnectReason::ForcedClose, ws::CloseCode::POLICY)
            .because("too many namespaces")
    }

    pub(super) fn overlap() -> Self {
        Self::silent(DisconnectReason::TransportError).because("two requests of one kind at once")
    }

    pub(super) fn ping_timeout() -> Self {
        Self { deliver: false, ..Self::told(DisconnectReason::PingTimeout, ws::CloseCode::POLICY) }
    }

    /// A polling client that does not wait for packets now will not come for its last ones either:
    /// its session is over at once.
    pub(super) fn connect_timeout() -> Self {
        let told = Self::told(DisconnectReason::ForcedClose, ws::CloseCode::POLICY);
        Self { announce: false, ..told }.because("no namespace joined in time")
    }

    pub(super) fn attachments_timeout() -> Self {
        Self::told(DisconnectReason::ForcedClose, ws::CloseCode::POLICY)
            .because("attachments did not come in time")
    }

    /// A client that sends more packets than its rate allows.
    pub(super) fn too_fast() -> Self {
        Self::told(DisconnectReason::ForcedClose, ws::CloseCode::POLICY)
            .because("too many packets a second")
    }

    pub(super) fn slow_consumer() -> Self {
        debug!("a slow consumer is closed");
        Self { deliver: false, ..Self::told(DisconnectReason::ForcedClose, ws::CloseCode::POLICY) }
            .because("slow consumer")
    }

    pub(super) fn panicked() -> Self {
        Self::told(DisconnectReason::ForcedClose, ws::CloseCode::INTERNAL)
            .because("a handler panicked")
    }

    /// The handler of a connection without Socket.IO has returned.
    pub(super) fn handled(code: ws::CloseCode) -> Self {
        Self::told(DisconnectReason::ForcedClose, code)
    }

    /// What handlers are told.
    pub(super) fn farewell(&self) -> Farewell {
        Farewell { reason: self.reason, description: self.description }
    }

    /// What the reason leaves open, for logs.
    fn description(&self) -> Option<&'static str> {
        use DisconnectReason as Reason;
        let code = self.code.unwrap_or(ws::CloseCode::NORMAL);
        Some(match (self.reason, code) {
            (Reason::ForcedClose, ws::CloseCode::INTERNAL) => "the handler panicked or failed",
            (Reason::ForcedClose, ws::CloseCode::POLICY) => {
                "the client took too little, or sent too much"
            }
            (Reason::ParseError, ws::CloseCode::POLICY) => "too many packets in one request",
            (Reason::ParseError, _) => "what came is no Engine.IO packet",
            (Reason::TransportError, ws::CloseCode::PROTOCOL) => "a packet that only servers send",
            (Reason::TransportError, _) if self.deliver => "a frame broke a rule or a limit",
            (Reason::TransportError, _) => "the connection broke, or a request broke a rule",
            _ => return None,
        })
    }
}

/// A connection that delivers what it still has.
pub(super) struct Closing {
    way: Way,
    until: Instant,
    /// Our half of the stream has ended.
    is_shut: bool,
}

enum Way {
    WebSocket(Link),
    /// What the next polls get, one body each.
    Polling(VecDeque<PollBody>),
}

impl Closing {
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until <= now || matches!(&self.way, Way::Polling(bodies) if bodies.is_empty())
    }

    /// Gives the last packets to a poll that came in time.
    pub(super) fn poll_request(&mut self, reply: oneshot::Sender<Reply>) {
        let reply_with = match &mut self.way {
            Way::Polling(bodies) => bodies.pop_front().map_or(Reply::Refused, Reply::Body),
            Way::WebSocket(_) => Reply::Refused,
        };
        reply.send(reply_with).ok();
    }

    /// Writes the rest, waits for the peer's close frame, and ends the stream.
    pub(super) fn poll(
        &mut self,
        session: &Session,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Way::WebSocket(link) = &mut self.way else { return Poll::Pending };
        let mut wire = lock(&session.wire);
        let Ok(flushed) = link.poll_flush(&mut wire, cx) else { return Poll::Ready(()) };
        session.outbox.written(flushed.bytes);
        if !flushed.all {
            return Poll::Pending;
        }
        loop {
            if link.ws.is_closed() && !self.is_shut {
                match link.poll_shutdown(&mut wire, cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(_broken)) => return Poll::Ready(()),
                    Poll::Ready(Ok(())) => self.is_shut = true,
                }
            }
            // Read to its end: closing a stream with unread bytes resets it, and the peer would
            // lose the close frame.
            let mut scratch = Scratch::borrow();
            let read = match link.poll_read(cx, scratch.bytes()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(read)) => read,
            };
            let mut input = scratch.bytes().get_mut(..read).unwrap_or_default();
            let mut ignored = Vec::new();
            // Whatever comes now is of no interest, only the peer's close frame is.
            while let Ok(Some(_)) = link.ws.receive(&mut input, now, &mut ignored) {}
        }
    }
}

impl Driver {
    /// Ends the connection: its sockets leave at once, what is queued is still delivered.
    pub(super) fn end(&mut self, end: End, now: Instant) {
        if let TransportState::Closing(closing) = &mut self.transport {
            let is_polling = matches!(closing.way, Way::Polling(_));
            if is_polling && end.reason == DisconnectReason::ServerShuttingDown {
                closing.until = closing.until.min(now + poll_wait(end.reason));
            }
            return;
        }
        if let TransportState::Gone(_) = self.transport {
            return;
        }
        for slot in &mut self.slots {
            slot.end(end.farewell());
        }
        if let Some(raw) = &self.raw {
            raw.end(Closed::new(end.reason, end.description()));
        }
        // The disconnect handlers begin in the next turn, if this one has looked at them already.
        self.session.outbox.wake();
        self.session.outbox.seal();
        self.candidate = None;
        let gone = TransportState::Gone(now + HANDLERS_WAIT);
        let way = match std::mem::replace(&mut self.transport, gone) {
            TransportState::WebSocket(link) => {
                let way = self.close_link(link, end, now);
                way.map(|way| (way, now + CLOSE_WAIT))
            }
            TransportState::Polling(mut polling) => {
                let way = self.close_polling(&mut polling, end);
                way.map(|way| (way, now + poll_wait(end.reason)))
            }
            TransportState::Closing(_) | TransportState::Gone(_) => None,
        };
        match way {
            Some((way, until)) => {
                self.transport =
                    TransportState::Closing(Box::new(Closing { way, until, is_shut: false }));
            }
            None => self.gone(now),
        }
    }

    /// Nothing arrives or leaves any more.
    pub(super) fn gone(&mut self, now: Instant) {
        self.session.outbox.close();
        // A handler may run on for a while; the client should see the end at once.
        self.session.close_wire();
        self.session.engine.sessions.remove(&self.session);
        self.transport = TransportState::Gone(now + HANDLERS_WAIT);
        // This turn may have looked at the slots already.
        self.session.outbox.wake();
    }

    fn close_link(&mut self, mut link: Link, end: End, now: Instant) -> Option<Way> {
        // A new session would be needed for any further request.
        self.session.engine.sessions.remove(&self.session);
        // Whoever writes for us is done, and does not begin again.
        let _wire = lock(&self.session.wire);
        let is_stuck = !link.writing().is_empty() || self.session.outbox.is_torn();
        if !end.deliver && (end.code.is_none() || is_stuck) {
            return None;
        }
        let mut queued = Chunks::default();
        self.session.outbox.take_chunks(&mut queued);
        if end.deliver {
            link.writing().append(&mut queued);
        }
        if let Some(code) = end.code {
            link.close(code, now);
        }
        Some(Way::WebSocket(link))
    }

    fn close_polling(&mut self, polling: &mut polling::Polling, end: End) -> Option<Way> {
        let dialect = self.session.dialect;
        if !end.announce {
            // The client knows: it closed, or broke a rule. A waiting poll is freed.
            let client_closed = end.reason == DisconnectReason::TransportClose;
            polling.finish(dialect.single(if client_closed { NOOP } else { CLOSE }));
            return None;
        }
        // The close packet comes alone: official clients look at it before they have looked at
        // what stands in front of it in the same body.
        let queued = dialect.body(&self.session.outbox.take_packets(usize::MAX));
        let bodies = [queued, dialect.single(CLOSE)];
        let mut bodies: VecDeque<_> = bodies.into_iter().filter(|it| !it.is_empty()).collect();
        if let Some(poll) = polling.take_poll().filter(|it| !it.is_closed()) {
            poll.send(bodies.pop_front().map_or(Reply::Refused, Reply::Body)).ok();
        }
        polling.finish(dialect.single(CLOSE));
        (!bodies.is_empty()).then_some(Way::Polling(bodies))
    }
}

/// For the last bytes of a WebSocket, the peer's close frame and the end of the stream together.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// For a polling client to fetch its last packets. Nobody can come for them to a server that
/// accepts no connections any more, except over one that is open already.
fn poll_wait(reason: DisconnectReason) -> Duration {
    match reason {
        DisconnectReason::ServerShuttingDown => Duration::from_millis(500),
        _ => Duration::from_secs(30),
    }
}

/// For handlers that still run when the connection is gone.
const HANDLERS_WAIT: Duration = Duration::from_secs(30);
