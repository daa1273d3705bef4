//! What a request may do: the checks that all transports share, in the official order.

use std::sync::Arc;

use http::request::Parts;
use http::{Method, Version};

use super::origin::Verdict;
use super::query;
use super::refusal::Refusal;
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

/// The protocol revision in the query.
const VERSION: &str = "4";
