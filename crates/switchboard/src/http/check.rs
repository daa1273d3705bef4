//! What a request may do: the checks that all transports share, in the official order.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Version};
use switchboard_eio::Protocol;

use super::origin::Verdict;
use super::query;
use super::refusal::Refusal;
use crate::dialect::Dialect;
use crate::engine::Engine;
use crate::session::Session;
use crate::{Id, Transport};

/// What a request asks for, after the checks that all transports share.
pub(super) enum Wish {
    Open,
    Use(Arc<Session>),
}

pub(super) fn check(
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
    let protocol = Dialect::from_query(query, transport).protocol;
    if let Some(sid) = query::value(query, "sid").filter(|it| !it.is_empty()) {
        let session = Id::parse(&sid).and_then(|sid| engine.sessions.find(sid));
        let session = session.ok_or(Refusal::UnknownSession)?;
        let fits = is_upgrade || session.transport() == transport;
        // Otherwise one session would have two ways to ping (engine.io before 6.6.11 crashed).
        let same_protocol = protocol == session.dialect.protocol;
        return if fits && same_protocol {
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
    if protocol == Protocol::V3 && !engine.config.allow_eio3 {
        return Err(Refusal::UnsupportedVersion);
    }
    Ok(Wish::Open)
}
