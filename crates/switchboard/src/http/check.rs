//! What a request may do: the checks that all transports share, in the official order.

use std::sync::Arc;

use http::{Method, Version};
use switchboard_eio::Protocol;

use super::origin::Verdict;
use super::refusal::{FOREIGN_ORIGIN, Refusal, Refused};
use super::request::RequestInfo;
use crate::dialect::Dialect;
use crate::engine::Engine;
use crate::session::Session;
use crate::{Id, Transport};

/// What a request may do.
pub(super) enum Wish {
    /// Open a session of that name.
    Open(Id),
    /// Use a session that is open.
    Use(Arc<Session>),
}

/// Decides what a request may do, and tells the application if that is nothing.
pub(super) async fn admit(
    engine: &Engine,
    request: &RequestInfo,
    is_upgrade: bool,
    verdict: Verdict,
) -> Result<Wish, Refused> {
    let hooks = &engine.config.http.hooks;
    let admitted = match check(engine, request, is_upgrade, verdict) {
        Ok(Some(session)) => Ok(Wish::Use(session)),
        Ok(None) => open(engine, request).await,
        Err(refused) => Err(refused),
    };
    admitted.inspect_err(|it| hooks.refused(request, it))
}

/// The application's word about a handshake, and then ours about its version.
async fn open(engine: &Engine, request: &RequestInfo) -> Result<Wish, Refused> {
    let hooks = &engine.config.http.hooks;
    hooks.allow(request).await?;
    let protocol = protocol(request);
    if protocol == Protocol::V3 && !engine.config.allow_eio3 {
        return Err(Refusal::UnsupportedVersion.because("protocol", number(protocol)));
    }
    Ok(Wish::Open(hooks.id(engine, request)?))
}

/// The session that a request names, if it may use it. `None` if it may ask for a new one.
fn check(
    engine: &Engine,
    request: &RequestInfo,
    is_upgrade: bool,
    verdict: Verdict,
) -> Result<Option<Arc<Session>>, Refused> {
    let http = &engine.config.http;
    let named = request.query("transport").unwrap_or_default();
    let transport = [Transport::Polling, Transport::WebSocket];
    let transport = transport.into_iter().find(|it| it.as_str() == named && http.serves(*it));
    let Some(transport) = transport else {
        return Err(Refusal::UnknownTransport.because("transport", named));
    };
    if verdict == Verdict::Refused {
        let origin = request.headers().get(http::header::ORIGIN);
        let origin = origin.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
        let refused = Refusal::Forbidden.because("name", FOREIGN_ORIGIN);
        return Err(refused.and("origin", origin.unwrap_or_default()));
    }
    if let Some(sid) = request.query("sid").filter(|it| !it.is_empty()) {
        let session = Id::parse(&sid).and_then(|sid| engine.sessions.find(sid));
        let session = session.ok_or_else(|| Refusal::UnknownSession.because("sid", sid))?;
        let previous = session.transport();
        let fits = if is_upgrade {
            transport == Transport::WebSocket && http.allow_upgrades
        } else {
            transport == previous
        };
        if !fits {
            let refused = Refusal::BadRequest.because("name", "TRANSPORT_MISMATCH");
            let refused = refused.and("transport", transport.as_str());
            return Err(refused.and("previousTransport", previous.as_str()));
        }
        let (protocol, previous) = (protocol(request), session.dialect.protocol);
        if protocol != previous {
            // Otherwise one session would have two ways to ping (engine.io before 6.6.11 crashed).
            let refused = Refusal::BadRequest.because("name", "PROTOCOL_MISMATCH");
            let refused = refused.and("protocol", number(protocol));
            return Err(refused.and("previousProtocol", number(previous)));
        }
        return Ok(Some(session));
    }
    let opens = match request.version() {
        // The GET of a WebSocket handshake over HTTP/2 (RFC 8441).
        Version::HTTP_2 if is_upgrade => Method::CONNECT,
        _ => Method::GET,
    };
    if request.method() != opens {
        return Err(Refusal::BadMethod.because("method", request.method().as_str()));
    }
    if (transport == Transport::WebSocket) != is_upgrade {
        return Err(Refusal::BadRequest.because("name", "TRANSPORT_HANDSHAKE_ERROR"));
    }
    Ok(None)
}

/// The revision of Engine.IO that a request speaks.
fn protocol(request: &RequestInfo) -> Protocol {
    // What else the query says of a dialect depends on the transport, this does not.
    Dialect::from_query(request.query_string(), Transport::Polling).protocol
}

fn number(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V3 => "3",
        Protocol::V4 => "4",
    }
}
