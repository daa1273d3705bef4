//! The web page: files built by Vite, embedded in the binary, served at `/`.
//!
//! Files under `assets/` have a hash of their content in their name, so browsers keep them for
//! good; everything else is asked for again each time and usually answered with 304. Without a
//! build of the page a small one stands in and says how to get it.
//!
//! Paths are looked up in a table of the embedded files: none leads out of it.

use std::fmt::Write;

use axum::Router;
use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use rust_embed::{Embed, EmbeddedFile};
use tower_http::compression::CompressionLayer;

use crate::api::Refusal;
use crate::rooms::Problem;

/// Serves the page and its files; to be merged in as the fallback of everything else.
pub fn router() -> Router {
    Router::new().fallback(serve).layer(CompressionLayer::new())
}

#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

async fn serve(request: Request<Body>) -> Response<Body> {
    let mut response = match *request.method() {
        Method::GET | Method::HEAD => find(request.uri(), request.headers()),
        _ => {
            let problem = Problem::new(405, "the page can only be read");
            let mut response = Refusal::from(problem).into_response();
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            response
        }
    };
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn find(uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    let path = match uri.path() {
        "/" => "index.html",
        path => path.strip_prefix('/').unwrap_or(path),
    };
    match Files::get(path) {
        Some(file) => file_if_new(path, file, headers),
        None if path == "index.html" => stand_in(),
        None => Refusal::from(Problem::new(404, "there is no such page")).into_response(),
    }
}

fn file_if_new(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response<Body> {
    // Weak: the same file may go out compressed, and then its bytes are others.
    let mut etag = String::from("W/\"");
    for byte in file.metadata.sha256_hash().iter().take(12) {
        // Writing to a `String` cannot fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    let known = headers.get(header::IF_NONE_MATCH).and_then(|it| it.to_str().ok());
    let is_known = known.is_some_and(|it| it.split(',').any(|tag| tag.trim() == etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(file.data).into_response();
        let kind = HeaderValue::from_static(content_type(path));
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    let is_hashed = path.starts_with("assets/");
    let keep = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

fn stand_in() -> Response<Body> {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, STAND_IN).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// On every answer, whatever it is: an SVG or an error page is a document too.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self' ws: wss:; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STAND_IN: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Switchboard</title>
<h1>Switchboard is live</h1>
<p>This binary was built without its web page. <code>cargo xtask run</code> builds both.</p>
<p>The API is there: <a href=\"/api/v1/rooms\">/api/v1/rooms</a>.</p>
</html>
";
