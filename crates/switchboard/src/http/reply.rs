//! Answers: their types, headers and statuses.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::compression::HttpCompression;
use super::request::RequestInfo;

pub(super) type Answer = Response<Full<Bytes>>;

/// An answer, compressed if it is large enough and the client wants that.
pub(super) async fn compressed(
    compression: Option<HttpCompression>,
    request: &RequestInfo,
    body: Vec<u8>,
    content_type: &'static str,
) -> Answer {
    let response = match compression {
        Some(compression) => compression.apply(request.headers(), body).await,
        None => Response::new(Full::from(body)),
    };
    with_type(response, content_type)
}

/// What answers a POST.
pub(super) fn html(body: Vec<u8>) -> Answer {
    with_type(Response::new(Full::from(body)), "text/html")
}

fn with_type(mut response: Answer, content_type: &'static str) -> Answer {
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

/// Old versions of Internet Explorer mistook payloads for scripts, and still get the header.
pub(super) fn with_user_agent(mut response: Answer, request: &HeaderMap) -> Answer {
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
