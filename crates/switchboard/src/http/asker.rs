//! Who has asked: what an answer of long-polling depends on, once its request is gone.
//!
//! A poll waits for a packet, nearly always. Its request stands in the buffer that hyper has read
//! it into, of 8 KiB, and in some 2 kB of headers taken apart: so the poll keeps neither, unless a
//! hook of the application wants to see them with the answer.

use http::header::{HeaderValue, SET_COOKIE, USER_AGENT, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

use super::compression::{Coding, HttpCompression};
use super::reply::{Answer, with_type};
use super::request::RequestInfo;
use super::script;
use crate::Id;
use crate::dialect::{Dialect, PollBody};
use crate::engine::Engine;

/// Who waits for an answer.
pub(super) struct Asker {
    coding: Option<Coding>,
    /// The number of a poll that wants a script.
    script: Option<Box<str>>,
    is_explorer: bool,
    /// For the hooks, if there are any.
    request: Option<RequestInfo>,
    opens: bool,
}

impl Asker {
    /// Who has sent `request`, in a session that speaks `dialect`. `opens` says that the request
    /// opens it.
    pub(super) fn new(
        engine: &Engine,
        request: RequestInfo,
        dialect: Dialect,
        opens: bool,
    ) -> Self {
        let http = &engine.config.http;
        Self {
            coding: http.compression.and_then(|_| HttpCompression::choose(request.headers())),
            script: dialect.is_jsonp.then(|| script::index(request.query_string())),
            is_explorer: is_explorer(request.headers()),
            request: http.hooks.wants(opens).then_some(request),
            opens,
        }
    }

    /// The answer that carries packets.
    pub(super) async fn packets(&self, engine: &Engine, body: PollBody, compress: bool) -> Answer {
        let (body, content_type) = match (body, &self.script) {
            (PollBody::Text(body), Some(index)) => {
                (script::body(index, &body), "text/javascript; charset=UTF-8")
            }
            (PollBody::Text(body), None) => (body, "text/plain; charset=UTF-8"),
            (PollBody::Binary(body), _) => (body, "application/octet-stream"),
        };
        let answer = match engine.config.http.compression.filter(|_| compress) {
            Some(compression) => compression.apply(self.coding, body).await,
            None => Response::new(Full::from(body)),
        };
        let mut answer = with_type(answer, content_type);
        if self.script.is_some() {
            let headers = answer.headers_mut();
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        answer
    }

    /// Adds the cookie of a new session, if the server has one.
    pub(super) fn with_cookie(&self, engine: &Engine, sid: Id, mut answer: Answer) -> Answer {
        if let Some(cookie) = engine.config.http.cookie.as_ref().and_then(|it| it.header(sid)) {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        answer
    }

    /// Adds what belongs to every answer that is no error.
    pub(super) fn finish(&self, engine: &Engine, mut answer: Answer) -> Answer {
        if self.is_explorer {
            answer.headers_mut().insert("x-xss-protection", HeaderValue::from_static("0"));
        }
        if answer.status() == StatusCode::OK
            && let Some(request) = &self.request
        {
            engine.config.http.hooks.adorn(self.opens, request, answer.headers_mut());
        }
        answer
    }
}

/// Old versions of Internet Explorer mistook payloads for scripts, and are still told otherwise.
fn is_explorer(request: &HeaderMap) -> bool {
    let agent = request.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    agent.contains(";MSIE") || agent.contains("Trident/")
}
