//! What we answer: problems, JSON with a validator, and the conditions a client may set.

use std::fmt::Write;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::rooms::{Error, Expected, Invalid, Message, Problem};

/// A problem on its way out (`application/problem+json`).
#[derive(Debug)]
pub struct Refusal {
    problem: Problem,
    retry_after: Option<u64>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, retry_after: None }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let problem = error.problem();
        if 500 <= problem.status && problem.status != 503 {
            tracing::error!(%error, "a request failed");
        }
        Self { problem, retry_after: error.retry_after() }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Error::from(invalid).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            problem: &'a Problem,
        }
        let Self { problem, retry_after } = self;
        let body = Body { r#type: "about:blank", problem: &problem };
        let status = StatusCode::from_u16(problem.status).unwrap_or_default();
        let mut response = (status, json_bytes(&body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let ask = HeaderValue::from_static("Bearer realm=\"switchboard\"");
            headers.insert(header::WWW_AUTHENTICATE, ask);
        }
        response
    }
}

/// JSON with its strong `ETag`; 304 if the client has it already.
pub(super) fn json_if_new(request: &HeaderMap, value: &impl Serialize) -> Response<Body> {
    let body = json_bytes(value);
    let etag = etag_of_bytes(&body);
    if_new(request, &etag, body)
}

/// One message: its `ETag` is its rev, so `If-Match` can speak of it.
pub(super) fn message_if_new(request: &HeaderMap, message: &Message) -> Response<Body> {
    if_new(request, &etag_of_rev(message.rev), json_bytes(message))
}

/// JSON as the answer to a change, with this status and validator.
pub(super) fn json(status: StatusCode, etag: &str, value: &impl Serialize) -> Response<Body> {
    let mut response = (status, json_bytes(value)).into_response();
    describe(response.headers_mut(), etag);
    response
}

/// The validator of a message of this rev.
pub(super) fn etag_of_rev(rev: i64) -> String {
    format!("\"{rev}\"")
}

/// The validator of anything else: made from what it says.
pub(super) fn etag_of(value: &impl Serialize) -> String {
    etag_of_bytes(&json_bytes(value))
}

/// Adds where the new resource is.
pub(super) fn located(mut response: Response<Body>, path: &str) -> Response<Body> {
    // Paths of ours consist of slugs and numbers; nothing in them could split a header.
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// What `If-Match` says about a message. Weak validators never match (RFC 9110, 13.1.1).
pub(super) fn expected_rev(request: &HeaderMap) -> Expected {
    match listed(request, &header::IF_MATCH) {
        None => Expected::Anything,
        Some(tags) if tags.contains(&"*") => Expected::Anything,
        Some(tags) => {
            let rev = |tag: &&str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
            Expected::Revs(tags.iter().filter_map(rev).collect())
        }
    }
}

/// Whether `If-Match` allows a change of something with this validator.
pub(super) fn is_expected(request: &HeaderMap, etag: &str) -> bool {
    listed(request, &header::IF_MATCH).is_none_or(|it| it.contains(&"*") || it.contains(&etag))
}

/// On every answer of the API: it is data, and it is for whoever asked.
pub(super) async fn protect(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("same-origin"));
    response
}

fn if_new(request: &HeaderMap, etag: &str, body: Vec<u8>) -> Response<Body> {
    // Compared weakly (RFC 9110, 13.1.2): something on the way may have weakened it.
    let is_known = listed(request, &header::IF_NONE_MATCH)
        .is_some_and(|it| it.iter().any(|tag| *tag == "*" || tag.trim_start_matches("W/") == etag));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    describe(response.headers_mut(), etag);
    if is_known {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}

fn describe(headers: &mut HeaderMap, etag: &str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
}

/// The members of a header that is a list, `None` without the header. Our validators have no
/// commas in them, so a comma always separates.
fn listed<'a>(request: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    if !request.contains_key(name) {
        return None;
    }
    let lines = request.get_all(name).iter().filter_map(|it| it.to_str().ok());
    Some(lines.flat_map(|it| it.split(',')).map(str::trim).collect())
}

fn etag_of_bytes(body: &[u8]) -> String {
    let mut etag = String::from("\"");
    for byte in Sha256::digest(body).iter().take(12) {
        // Writing to a `String` cannot fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    // Our types have string keys and no failing `Serialize`.
    serde_json::to_vec(value).unwrap_or_default()
}
