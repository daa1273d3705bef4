//! The door: every check of a request, in the order of the official server, and its answer.
//!
//! One function for all transports decides who may connect. Reference: Engine.IO protocol 4, and
//! the behaviour of engine.io 6.6.11 where the protocol is silent.

use std::sync::Arc;

use http::header::CONNECTION;
use http::{Request, Version};
use http_body::Body;
use switchboard_eio as eio;
use switchboard_ws::deflate::Agreement;
use tracing::debug;

use super::check::{Wish, admit};
use super::origin::Verdict;
use super::polling;
use super::reply::{Answer, closing, status, unavailable};
use super::request::RequestInfo;
use super::upgrade::{self, ByteStream, Upgrade};
use crate::deflation::{self, Deflation};
use crate::dialect::Dialect;
use crate::engine::{Engine, Sender};
use crate::handshake::Handshake;
use crate::session::{Command, Link, Session};
use crate::{Id, Transport};

/// Answers a request below the server's path.
pub(super) async fn answer<B>(engine: Arc<Engine>, request: Request<B>) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let upgrade = Upgrade::take(&mut parts);
    let request = RequestInfo::new(parts);
    let http = &engine.config.http;
    let verdict = http.cors.judge(&request);
    let file = match &http.bundles {
        Some(bundles) => bundles.answer(&engine.config.path, &request).await,
        None => None,
    };
    let mut answer = match (file, upgrade) {
        _ if http.cors.ends(&request) => status(http.cors.preflight_status()),
        (Some(file), _) => file,
        (None, Some(upgrade)) => answer_upgrade(&engine, &request, upgrade, verdict).await,
        (None, None) => polling::answer(&engine, &request, body, verdict).await,
    };
    http.cors.answer(&request, verdict, answer.headers_mut());
    if request.version() == Version::HTTP_2 {
        // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header
        // fields" (RFC 9113, section 8.2.2). There, only the stream ends.
        answer.headers_mut().remove(CONNECTION);
    }
    answer
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
            tokio::spawn(open_websocket(session, stream, deflate));
        }
        Wish::Use(session) => {
            let dialect = Dialect::from_query(request.query_string(), Transport::WebSocket);
            tokio::spawn(join_session(session, stream, dialect, deflate));
        }
    }
    response
}

/// Begins a session on a WebSocket, once hyper has let go of the stream.
async fn open_websocket(
    session: Arc<Session>,
    stream: impl Future<Output = Option<ByteStream>>,
    deflate: Option<Agreement>,
) {
    let Some(stream) = stream.await else { return };
    let link = Link::new(stream, session.engine.config.ws, deflate.as_ref());
    let mut open = Vec::new();
    open_packet(&session, &[], &mut open);
    session.outbox.push(&open, &[]);
    if let Some(message) = session.engine.config.initial_packet.clone() {
        Sender::new(Arc::clone(&session)).send(message);
    }
    session.engine.start_websocket(&session, link);
}

/// Offers a WebSocket to the session that it names.
async fn join_session(
    session: Arc<Session>,
    stream: impl Future<Output = Option<ByteStream>>,
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
