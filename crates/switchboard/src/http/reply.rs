//! Answers: their types, headers and statuses.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

pub(super) type Answer = Response<Full<Bytes>>;

/// What answers a POST.
pub(super) fn html(body: Vec<u8>) -> Answer {
    with_type(Response::new(Full::from(body)), "text/html")
}

pub(super) fn with_type(mut response: Answer, content_type: &'static str) -> Answer {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

pub(super) fn unavailable() -> Answer {
    let mut response = status(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
    response
}

/// Not reusing the connection spares us from reading a body that nobody wants.
pub(super) fn closing(mut response: Answer) -> Answer {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What a path that is not ours gets from a server that has nothing else.
pub(super) fn not_found() -> Answer {
    status(StatusCode::NOT_FOUND)
}
