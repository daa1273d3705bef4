//! What is checked of every request before anything else looks at it.
//!
//! The size of its head, the number of its headers and the time it may take are watched by the
//! library's accept loop.

use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use crate::api::Refusal;
use crate::limits::URI_BYTES_MAX;
use crate::rooms::Problem;

/// Refuses what no route should see; notes what was answered.
pub(crate) async fn check(request: Request, next: Next) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let version = request.version();
    let uri_len = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let response = if URI_BYTES_MAX < uri_len {
        Refusal::from(Problem::new(414, "the address is too long")).into_response()
    } else if 1 < hosts {
        // Two readers of one request could take different ones.
        Refusal::from(Problem::new(400, "more than one Host")).into_response()
    } else {
        next.run(request).await
    };
    tracing::debug!(?version, %method, path, status = response.status().as_u16(), "answered");
    response
}

/// Tells browsers that this host is to be asked over https from now on.
///
/// Not on `localhost`: they would remember it for every port there, whoever serves it.
pub(crate) async fn insist_on_https(request: Request, next: Next) -> Response<Body> {
    let of_header = || request.headers().get(header::HOST)?.to_str().ok();
    let host = request.uri().authority().map(Authority::as_str).or_else(of_header);
    let host = host.map(|it| it.split_once(':').map_or(it, |(host, _port)| host));
    let is_local = host.is_none_or(|it| it == "localhost" || it.ends_with(".localhost"));
    let mut response = next.run(request).await;
    if !is_local {
        let year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}
