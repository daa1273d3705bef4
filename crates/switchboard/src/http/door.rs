//! The door: every check of a request, in the order of the official server, and its answer.
//!
//! One function for all transports decides who may connect. Reference: Engine.IO protocol 4, and
//! the behaviour of engine.io 6.6.11 where the protocol is silent.

use std::sync::Arc;

use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body::Body;
use switchboard_eio as eio;
use tracing::debug;

use super::check::{Wish, check};
use super::origin::{Origins, Verdict};
use super::polling;
use super::refusal::{Refusal, refuse_upgrade};
use super::reply::{Answer, closing, status, unavailable};
use super::upgrade::{self, ByteStream, Upgrade};
use crate::Transport;
use crate::dialect::Dialect;
use crate::engine::{Engine, Sender};
use crate::handshake::Handshake;
use crate::session::{Command, Link, Session};

/// Answers a request below the server's path.
pub(super) async fn answer<B>(engine: Arc<Engine>, request: Request<B>) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parts, body) = request.into_parts();
    let verdict = engine.config.origins.judge(&parts.uri, &parts.headers);
    if verdict == Verdict::Allowed && parts.method == Method::OPTIONS {
        return preflight(&engine.config.origins, &parts.headers);
    }
    let mut answer = match Upgrade::take(&mut parts) {
        Some(upgrade) => answer_upgrade(&engine, &parts, upgrade, verdict),
        None => polling::answer(&engine, &parts, body, verdict).await,
    };
    if verdict == Verdict::Allowed {
        engine.config.origins.answer(&parts.headers, answer.headers_mut());
    }
    if parts.version == Version::HTTP_2 {
        // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header
        // fields" (RFC 9113, section 8.2.2). There, only the stream ends.
        answer.headers_mut().remove(CONNECTION);
    }
    answer
}

fn answer_upgrade(
    engine: &Arc<Engine>,
    parts: &Parts,
    upgrade: Result<Upgrade, upgrade::Refusal>,
    verdict: Verdict,
) -> Answer {
    let wish = match check(engine, parts, true, verdict) {
        Err(Refusal::Forbidden) => {
            let message = "Forbidden".to_owned();
            return refuse_upgrade(StatusCode::FORBIDDEN, message);
        }
        Err(refusal) => return refusal.to_text(),
        Ok(Wish::Open) if engine.is_closing() => return closing(unavailable()),
        Ok(wish) => wish,
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.to_response(),
    };
    let (response, stream) = upgrade.accept(None, None);
    debug!(version = ?parts.version, "a WebSocket was accepted");
    match wish {
        Wish::Open => {
            let session = new_session(engine, parts, Transport::WebSocket);
            tokio::spawn(open_websocket(session, stream));
        }
        Wish::Use(session) => {
            let query = parts.uri.query().unwrap_or_default();
            let dialect = Dialect::from_query(query, Transport::WebSocket);
            tokio::spawn(join_session(session, stream, dialect));
        }
    }
    response
}

/// Begins a session on a WebSocket, once hyper has let go of the stream.
async fn open_websocket(session: Arc<Session>, stream: impl Future<Output = Option<ByteStream>>) {
    let Some(stream) = stream.await else { return };
    let link = Link::new(stream, session.engine.config.ws);
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
) {
    let Some(stream) = stream.await else { return };
    let mut link = Link::new(stream, session.engine.config.ws);
    link.is_base64 = dialect.is_base64;
    // Refused only when the session is gone; then the stream is dropped.
    session.outbox.command(Command::Upgrade(Box::new(link))).ok();
}

pub(super) fn new_session(
    engine: &Arc<Engine>,
    parts: &Parts,
    transport: Transport,
) -> Arc<Session> {
    let handshake = Handshake::of(parts);
    let dialect = Dialect::from_query(parts.uri.query().unwrap_or_default(), transport);
    Arc::new(Session::new(Arc::clone(engine), handshake, transport, dialect))
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

fn preflight(origins: &Origins, request: &HeaderMap) -> Answer {
    let mut response = status(StatusCode::NO_CONTENT);
    origins.answer_preflight(request, response.headers_mut());
    response
}
