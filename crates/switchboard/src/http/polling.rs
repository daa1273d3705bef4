//! The requests of long-polling: a GET waits for packets, a POST brings some.

use std::sync::Arc;

use bytes::Buf;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::oneshot;
use tracing::debug;

use super::check::{Wish, check};
use super::door::{new_session, open_packet};
use super::origin::Verdict;
use super::refusal::Refusal;
use super::reply::{Answer, closing, html, status, text, unavailable, with_type, with_user_agent};
use super::script;
use crate::dialect::PollBody;
use crate::engine::{Engine, Message};
use crate::handshake::Handshake;
use crate::outbox::Packet;
use crate::session::{Command, Reply, Session};
use crate::{DisconnectReason, Transport};

pub(super) async fn answer<B>(
    engine: &Arc<Engine>,
    parts: &Parts,
    body: B,
    verdict: Verdict,
) -> Answer
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
        Method::GET => poll(&session, parts).await,
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
    let mut first = vec![Packet::Text(body.into())];
    first.extend(engine.config.initial_packet.as_ref().map(message_packet));
    engine.start_polling(&session);
    with_user_agent(packets(&session, parts, session.dialect.body(&first)), &parts.headers)
}

/// The packet that carries a message.
fn message_packet(message: &Message) -> Packet {
    match message {
        Message::Text(text) => Packet::Text(format!("4{text}").into()),
        Message::Binary(bytes) => Packet::Binary(bytes.clone()),
    }
}

async fn poll(session: &Session, parts: &Parts) -> Answer {
    let (reply, answer) = oneshot::channel();
    if session.outbox.command(Command::Poll(reply)).is_err() {
        return Refusal::UnknownSession.to_json();
    }
    match answer.await {
        Ok(Reply::Body(body)) => packets(session, parts, body),
        Ok(Reply::Refused) => Refusal::BadRequest.to_json(),
        Err(_gone) => Refusal::UnknownSession.to_json(),
    }
}

/// The answer to a poll.
fn packets(session: &Session, parts: &Parts, body: PollBody) -> Answer {
    match body {
        PollBody::Text(body) if session.dialect.is_jsonp => {
            script::answer(parts.uri.query().unwrap_or_default(), &body)
        }
        PollBody::Text(body) => text(body),
        PollBody::Binary(body) => with_type(body, "application/octet-stream"),
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
    let is_binary = content_type.is_some_and(|it| it.starts_with("application/octet-stream"));
    if is_binary && !session.dialect.is_v3() {
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
        Ok(Reply::Body(_ok)) => html(b"ok".to_vec()),
        Ok(Reply::Refused) => Refusal::BadRequest.to_json(),
        // The session ended over this body; official clients learn so by their next poll.
        Err(_gone) => html(b"ok".to_vec()),
    }
}
