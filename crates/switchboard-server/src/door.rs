//! What is checked of every request before anything else looks at it.
//!
//! The size of its head, the number of its headers and the time it may take are watched by the
//! library's accept loop.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use crate::api::Refusal;
use crate::limits::URI_BYTES_MAX;
use crate::rooms::Problem;

/// Refuses what no route should see; notes what was answered.
pub(crate) async fn check(request: Request, next: Next) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
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
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}
