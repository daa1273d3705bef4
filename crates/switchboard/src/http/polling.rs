//! The requests of long-polling: a GET waits for packets, a POST brings some.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body::Body;
use tokio::sync::oneshot;
use tracing::debug;

use super::asker::Asker;
use super::body::{self, Unread};
use super::check::{Wish, admit};
use super::door::{new_session, open_packet};
use super::origin::Verdict;
use super::refusal::Refusal;
use super::reply::{Answer, closing, html, status, unavailable};
use super::request::RequestInfo;
use super::script;
use crate::dialect::Dialect;
use crate::engine::{Engine, Message};
use crate::handshake::Handshake;
use crate::outbox::Packet;
use crate::session::{Command, Reply, Session};
use crate::{DisconnectReason, Id, Transport};

pub(super) async fn answer<B>(
    engine: &Arc<Engine>,
    request: RequestInfo,
    body: B,
    verdict: Verdict,
) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let session = match admit(engine, &request, false, verdict).await {
        Err(refused) => return refused.to_json(),
        Ok(Wish::Open(_)) if engine.is_closing() => return unavailable(),
        Ok(Wish::Open(sid)) => return open(engine, sid, request).await,
        Ok(Wish::Use(session)) => session,
    };
    if session.transport() != Transport::Polling {
        return Refusal::BadRequest.to_json();
    }
    match *request.method() {
        Method::GET => {
            drop(body);
            poll(session, request).await
        }
        // In a box, because polls wait long, and have no use for the room.
        Method::POST => Box::pin(post(session, request, body)).await,
        // As in the official server, which has no better answer here.
        _ => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn open(engine: &Arc<Engine>, sid: Id, request: RequestInfo) -> Answer {
    let dialect = Dialect::from_query(request.query_string(), Transport::Polling);
    let session = new_session(engine, sid, &request, Transport::Polling, dialect);
    let asker = Asker::new(engine, request, dialect, true);
    let mut body = Vec::new();
    open_packet(&session, engine.config.http.upgrades(), &mut body);
    let mut first = vec![Packet::Text(body.into())];
    first.extend(engine.config.initial_packet.as_ref().map(message_packet));
    if !engine.start_polling(&session) {
        // Two handshakes at once were given the same id by the application.
        return Refusal::BadRequest.to_json();
    }
    let answer = asker.packets(engine, session.dialect.body(&first), true).await;
    asker.finish(engine, asker.with_cookie(engine, sid, answer))
}

/// The packet that carries a message.
fn message_packet(message: &Message) -> Packet {
    match message {
        Message::Text(text) => Packet::Text(format!("4{text}").into()),
        Message::Binary(bytes) => Packet::Binary(bytes.clone()),
    }
}

/// Waits for packets, and holds as little as it can meanwhile.
async fn poll(session: Arc<Session>, request: RequestInfo) -> Answer {
    let asker = Asker::new(&session.engine, request, session.dialect, false);
    let (reply, answer) = oneshot::channel();
    let answer = match session.outbox.command(Command::Poll(reply)) {
        Ok(()) => answer.await.ok(),
        Err(_gone) => None,
    };
    let engine = &session.engine;
    let answer = match answer {
        Some(Reply::Body(body)) => asker.packets(engine, body, true).await,
        Some(Reply::Plain(body)) => asker.packets(engine, body, false).await,
        Some(Reply::Refused) => Refusal::BadRequest.to_json(),
        None => Refusal::UnknownSession.to_json(),
    };
    asker.finish(engine, answer)
}

async fn post<B>(session: Arc<Session>, request: RequestInfo, body: B) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let answer = receive(&session, &request, body).await;
    Asker::new(&session.engine, request, session.dialect, false).finish(&session.engine, answer)
}

async fn receive<B>(session: &Arc<Session>, request: &RequestInfo, body: B) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(_posting) = session.begin_post() else {
        session.close(DisconnectReason::TransportError);
        return Refusal::BadRequest.to_json();
    };
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let is_binary = content_type.is_some_and(|it| it.starts_with("application/octet-stream"));
    if is_binary && !session.dialect.is_v3() {
        // Binary bodies ended with protocol 3.
        session.close(DisconnectReason::TransportError);
        return closing(Refusal::BadRequest.to_json());
    }
    let body = match body::read(body, session.engine.config.max_payload).await {
        Ok(body) => body,
        // The session lives, as in the official server: its client learns from this answer, and
        // not from its poll, what it did wrong.
        Err(Unread::TooLarge) => return closing(status(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(Unread::TooSlow) => {
            session.close(DisconnectReason::TransportError);
            return closing(status(StatusCode::REQUEST_TIMEOUT));
        }
        Err(Unread::Broken(error)) => {
            debug!(%error, "a request body broke off");
            session.close(DisconnectReason::TransportError);
            return closing(Refusal::BadRequest.to_json());
        }
    };
    if session.engine.config.keeps_requests {
        let address = session.handshake.address();
        let request = Handshake::new(request.uri(), request.headers(), address);
        // Refused only when the session is gone, which the next command tells.
        session.outbox.command(Command::Request(Arc::new(request))).ok();
    }
    let (reply, answer) = oneshot::channel();
    let command = if is_binary {
        Command::PostBytes(body, reply)
    } else if session.dialect.is_jsonp {
        // A form without the field is no payload, and ignored as by the official server.
        let Some(payload) = script::payload(&body) else { return html(b"ok".to_vec()) };
        Command::Post(payload.into(), reply)
    } else {
        Command::Post(body, reply)
    };
    if session.outbox.command(command).is_err() {
        return Refusal::UnknownSession.to_json();
    }
    match answer.await {
        Ok(Reply::Body(_ok) | Reply::Plain(_ok)) => html(b"ok".to_vec()),
        Ok(Reply::Refused) => Refusal::BadRequest.to_json(),
        // The session ended over this body; official clients learn so by their next poll.
        Err(_gone) => html(b"ok".to_vec()),
    }
}
