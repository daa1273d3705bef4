//! The door: every check of a request, in the order of the official server, and its answer.
//!
//! One function for all transports decides who may connect. Reference: Engine.IO protocol 4, and
//! the behaviour of engine.io 6.6.11 where the protocol is silent.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use switchboard_eio as eio;
use tokio::sync::oneshot;
use tracing::debug;

use super::PeerAddress;
use super::origin::{Origins, Verdict};
use super::query;
use super::refusal::{Refusal, refuse_upgrade};
use super::upgrade::{self, ByteStream, Upgrade};
use crate::engine::{Engine, Message, Sender};
use crate::handshake::Handshake;
use crate::session::{Command, Link, Reply, Session};
use crate::{DisconnectReason, Id, Transport};

type Answer = Response<Full<Bytes>>;

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
        None => answer_polling(&engine, &parts, body, verdict).await,
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

/// What a request asks for, after the checks that all transports share.
enum Wish {
    Open,
    Use(Arc<Session>),
}

fn check(
    engine: &Engine,
    parts: &Parts,
    is_upgrade: bool,
    verdict: Verdict,
) -> Result<Wish, Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    let transport = match query::value(query, "transport").as_deref() {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::WebSocket,
        _ => return Err(Refusal::UnknownTransport),
    };
    if verdict == Verdict::Refused {
        return Err(Refusal::Forbidden);
    }
    let version = query::value(query, "EIO");
    if let Some(sid) = query::value(query, "sid").filter(|it| !it.is_empty()) {
        let session = Id::parse(&sid).and_then(|sid| engine.sessions.find(sid));
        let session = session.ok_or(Refusal::UnknownSession)?;
        let fits = is_upgrade || session.transport() == transport;
        let same_version = version.as_deref() == Some(VERSION);
        return if fits && same_version {
            Ok(Wish::Use(session))
        } else {
            Err(Refusal::BadRequest)
        };
    }
    let opens = match parts.version {
        // The GET of a WebSocket handshake over HTTP/2 (RFC 8441).
        Version::HTTP_2 if is_upgrade => Method::CONNECT,
        _ => Method::GET,
    };
    if parts.method != opens {
        return Err(Refusal::BadMethod);
    }
    if (transport == Transport::WebSocket) != is_upgrade {
        return Err(Refusal::BadRequest);
    }
    if version.as_deref() != Some(VERSION) {
        return Err(Refusal::UnsupportedVersion);
    }
    Ok(Wish::Open)
}

async fn answer_polling<B>(engine: &Arc<Engine>, parts: &Parts, body: B, verdict: Verdict) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let session = match check(engine, parts, false, verdict) {
        Err(refusal) => return refusal.to_json(),
        Ok(Wish::Open) if engine.is_closing() => return unavailable(),
        Ok(Wish::Open) => return open_polling(engine, parts),
        Ok(Wish::Use(session)) => session,
    };
    if session.transport() != Transport::Polling {
        return Refusal::BadRequest.to_json();
    }
    let answer = match parts.method {
        Method::GET => poll(&session).await,
        Method::POST => post(&session, parts, body).await,
        // As in the official server, which has no better answer here.
        _ => status(StatusCode::INTERNAL_SERVER_ERROR),
    };
    with_user_agent(answer, &parts.headers)
}

fn open_polling(engine: &Arc<Engine>, parts: &Parts) -> Answer {
    let session = new_session(engine, parts, Transport::Polling);
    let mut body = Vec::new();
    open_packet(&session, &["websocket"], &mut body);
    if let Some(message) = &engine.config.initial_packet {
        eio::payload::encode(&message_packet(message), &mut body);
    }
    engine.start_polling(&session);
    with_user_agent(text(body), &parts.headers)
}

async fn poll(session: &Session) -> Answer {
    let (reply, answer) = oneshot::channel();
    if session.outbox.command(Command::Poll(reply)).is_err() {
        return Refusal::UnknownSession.to_json();
    }
    match answer.await {
        Ok(Reply::Body(body)) => text(body),
        Ok(Reply::Refused) => Refusal::BadRequest.to_json(),
        Err(_gone) => Refusal::UnknownSession.to_json(),
    }
}

async fn post<B>(session: &Arc<Session>, parts: &Parts, body: B) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(_posting) = session.begin_post() else {
        session.close(DisconnectReason::TransportError);
        return Refusal::BadRequest.to_json();
    };
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    if content_type.is_some_and(|it| it.starts_with("application/octet-stream")) {
        // Binary bodies ended with protocol 3.
        session.close(DisconnectReason::TransportError);
        return closing(Refusal::BadRequest.to_json());
    }
    let body = match Limited::new(body, session.engine.config.max_payload).collect().await {
        Ok(body) => {
            let mut body = body.aggregate();
            body.copy_to_bytes(body.remaining())
        }
        Err(error) if error.is::<LengthLimitError>() => {
            return closing(status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        Err(error) => {
            debug!(%error, "a request body broke off");
            session.close(DisconnectReason::TransportError);
            return closing(Refusal::BadRequest.to_json());
        }
    };
    if session.engine.config.keeps_requests {
        let address = session.handshake.address();
        let request = Handshake::new(&parts.uri, &parts.headers, address);
        // Refused only when the session is gone, which the next command tells.
        session.outbox.command(Command::Request(Arc::new(request))).ok();
    }
    let (reply, answer) = oneshot::channel();
    if session.outbox.command(Command::Post(body, reply)).is_err() {
        return Refusal::UnknownSession.to_json();
    }
    match answer.await {
        Ok(Reply::Body(body)) => html(body),
        Ok(Reply::Refused) => Refusal::BadRequest.to_json(),
        // The session ended over this body; official clients learn so by their next poll.
        Err(_gone) => html(b"ok".to_vec()),
    }
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
            tokio::spawn(join_session(session, stream));
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
async fn join_session(session: Arc<Session>, stream: impl Future<Output = Option<ByteStream>>) {
    let Some(stream) = stream.await else { return };
    let link = Link::new(stream, session.engine.config.ws);
    // Refused only when the session is gone; then the stream is dropped.
    session.outbox.command(Command::Upgrade(Box::new(link))).ok();
}

fn new_session(engine: &Arc<Engine>, parts: &Parts, transport: Transport) -> Arc<Session> {
    let address = parts.extensions.get::<PeerAddress>().map(|it| it.0);
    let handshake = Handshake::new(&parts.uri, &parts.headers, address);
    Arc::new(Session::new(Arc::clone(engine), handshake, transport))
}

fn open_packet(session: &Session, upgrades: &[&str], output: &mut Vec<u8>) {
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

fn message_packet(message: &Message) -> eio::Packet<'_> {
    let data = match message {
        Message::Text(text) => eio::Data::Text(text),
        Message::Binary(bytes) => eio::Data::Binary(bytes),
    };
    eio::Packet { kind: eio::Kind::Message, data }
}

fn preflight(origins: &Origins, request: &HeaderMap) -> Answer {
    let mut response = status(StatusCode::NO_CONTENT);
    origins.answer_preflight(request, response.headers_mut());
    response
}

fn text(body: Vec<u8>) -> Answer {
    with_type(body, "text/plain; charset=UTF-8")
}

fn html(body: Vec<u8>) -> Answer {
    with_type(body, "text/html")
}

fn with_type(body: Vec<u8>, content_type: &'static str) -> Answer {
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn unavailable() -> Answer {
    let mut response = status(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
    response
}

/// Not reusing the connection spares us from reading a body that nobody wants.
fn closing(mut response: Answer) -> Answer {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Old versions of Internet Explorer mistook payloads for scripts, and still get the header.
fn with_user_agent(mut response: Answer, request: &HeaderMap) -> Answer {
    let agent = request.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if agent.contains(";MSIE") || agent.contains("Trident/") {
        response.headers_mut().insert("x-xss-protection", HeaderValue::from_static("0"));
    }
    response
}

/// What a path that is not ours gets from a server that has nothing else.
pub(super) fn not_found() -> Answer {
    status(StatusCode::NOT_FOUND)
}

/// The protocol revision in the query.
const VERSION: &str = "4";
