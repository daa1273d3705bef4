//! The door: every check of a request, in the order of the official server, and its answer.
//!
//! One function for all transports decides who may connect. Reference: Engine.IO protocol 4, and
//! the behaviour of engine.io 6.6.11 where the protocol is silent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::header::CONNECTION;
use http::{Request, Version};
use http_body::Body;
use switchboard_eio as eio;
use switchboard_ws::deflate::Agreement;
use tracing::debug;

use super::bundles;
use super::check::{Wish, admit};
use super::origin::Verdict;
use super::patience::Holding;
use super::polling;
use super::reply::{Answer, closing, not_found, status, unavailable};
use super::request::RequestInfo;
use super::upgrade::{self, Accepted, Upgrade};
use crate::deflation::{self, Deflation};
use crate::dialect::Dialect;
use crate::engine::{Engine, Sender};
use crate::handshake::Handshake;
use crate::session::driver::Driver;
use crate::session::link::Wire;
use crate::session::{Command, Link, Session};
use crate::{Id, Transport};

/// Answers a request below the server's path, in the form that `wrap` gives to the answer.
///
/// What takes no time is done at once, so that the future, in which a poll waits, is small.
pub(super) fn answer<B, T>(
    engine: Arc<Engine>,
    request: Request<B>,
    wrap: impl FnOnce(Answer) -> T + Send,
) -> impl Future<Output = T> + Send
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let upgrade = Upgrade::take(&mut parts);
    let request = RequestInfo::new(parts);
    let is_http2 = request.version() == Version::HTTP_2;
    let cors = &engine.config.http.cors;
    let verdict = cors.judge(&request);
    let asked = cors.asked(&request, verdict);
    async move {
        let http = &engine.config.http;
        let is_file = bundles::asked(&engine.config.path, &request).is_some();
        let mut answer = if http.cors.ends(&request) {
            status(http.cors.preflight_status())
        } else if let Some(bundles) = http.bundles.as_ref().filter(|_| is_file) {
            let file = Box::pin(bundles.answer(&engine.config.path, &request)).await;
            file.unwrap_or_else(not_found)
        } else if let Some(upgrade) = upgrade {
            answer_upgrade(&engine, &request, upgrade, verdict).await
        } else {
            polling::answer(&engine, request, body, verdict).await
        };
        http.cors.answer(asked, answer.headers_mut());
        if is_http2 {
            // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific
            // header fields" (RFC 9113, section 8.2.2). There, only the stream ends.
            answer.headers_mut().remove(CONNECTION);
        }
        wrap(answer)
    }
}

async fn answer_upgrade(
    engine: &Arc<Engine>,
    request: &RequestInfo,
    upgrade: Result<Upgrade, upgrade::Refusal>,
    verdict: Verdict,
) -> Answer {
    let wish = match admit(engine, request, true, verdict).await {
        Err(refused) => return refused.to_text(),
        Ok(Wish::Open(_)) if engine.is_closing() => return closing(unavailable()),
        Ok(wish) => wish,
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.to_response(),
    };
    let deflate = engine.config.http.deflate.as_ref();
    let deflate = deflate.and_then(|it| deflation::agree(it, upgrade.extensions()));
    let extensions = deflate.map(|it| it.response());
    let (mut response, stream) = upgrade.accept(None, extensions.as_deref());
    debug!(version = ?request.version(), "a WebSocket was accepted");
    let is_initial = matches!(wish, Wish::Open(_));
    engine.config.http.hooks.adorn_upgrade(is_initial, request, response.headers_mut());
    match wish {
        Wish::Open(sid) => {
            let mut dialect = Dialect::from_query(request.query_string(), Transport::WebSocket);
            dialect.deflate = deflate.as_ref().and_then(Deflation::new);
            let session = new_session(engine, sid, request, Transport::WebSocket, dialect);
            if let Some(holding) = request.extensions().get::<Holding>() {
                // The open packet follows.
                holding.hold();
            }
            tokio::spawn(Opening::new(session, stream, deflate));
        }
        Wish::Use(session) => {
            let dialect = Dialect::from_query(request.query_string(), Transport::WebSocket);
            tokio::spawn(join_session(session, stream, dialect, deflate));
        }
    }
    response
}

/// The task of a session that begins with a WebSocket: waits until hyper has let go of the stream,
/// and is the session's driver from then on.
#[expect(clippy::large_enum_variant, reason = "the largest is the usual one")]
enum Opening {
    Waiting { session: Arc<Session>, stream: Accepted, deflate: Option<Agreement> },
    Open(Driver),
}

impl Opening {
    fn new(session: Arc<Session>, stream: Accepted, deflate: Option<Agreement>) -> Self {
        Self::Waiting { session, stream, deflate }
    }
}

impl Future for Opening {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Waiting { session, stream, deflate } = &mut *self {
            let Some(stream) = ready!(Pin::new(stream).poll(cx)) else { return Poll::Ready(()) };
            let link = Link::new(stream, session.engine.config.ws, deflate.as_ref());
            let Some(driver) = open_websocket(session, link, cx) else { return Poll::Ready(()) };
            *self = Self::Open(driver);
        }
        match &mut *self {
            Self::Open(driver) => Pin::new(driver).poll(cx),
            Self::Waiting { .. } => Poll::Ready(()),
        }
    }
}

/// Begins a session on a WebSocket. `None` if another session has its id.
fn open_websocket(session: &Arc<Session>, mut link: Link, cx: &mut Context<'_>) -> Option<Driver> {
    let mut open = Vec::new();
    open_packet(session, &[], &mut open);
    session.outbox.push(&open, &[]);
    if let Some(message) = session.engine.config.initial_packet.clone() {
        Sender::new(Arc::clone(session)).send(message);
    }
    if session.engine.admit(session) {
        return Some(Driver::websocket(Arc::clone(session), link, Instant::now()));
    }
    // Two handshakes at once were given the same id by the application. The client has its answer,
    // and nothing more.
    link.poll_flush_alone(cx).ok();
    let _ = link.poll_shutdown(&mut Wire::default(), cx);
    None
}

/// Offers a WebSocket to the session that it names.
async fn join_session(
    session: Arc<Session>,
    stream: Accepted,
    dialect: Dialect,
    deflate: Option<Agreement>,
) {
    let Some(stream) = stream.await else { return };
    let mut link = Link::new(stream, session.engine.config.ws, deflate.as_ref());
    link.is_base64 = dialect.is_base64;
    // Refused only when the session is gone; then the stream is dropped.
    session.outbox.command(Command::Upgrade(Box::new(link))).ok();
}

pub(super) fn new_session(
    engine: &Arc<Engine>,
    sid: Id,
    request: &RequestInfo,
    transport: Transport,
    dialect: Dialect,
) -> Arc<Session> {
    let handshake = Handshake::new(request.uri(), request.headers(), request.address());
    let handshake = handshake.marked(request.extensions());
    Arc::new(Session::new(Arc::clone(engine), sid, handshake, transport, dialect))
}

pub(super) fn open_packet(session: &Session, upgrades: &[&str], output: &mut Vec<u8>) {
    let config = &session.engine.config;
    let open = eio::Open {
        sid: session.sid.as_str(),
        upgrades,
        ping_interval: config.eio.ping_interval,
        ping_timeout: config.eio.ping_timeout,
        max_payload: config.max_payload,
    };
    open.encode(output);
}
