//! The client's files for browsers, at `<path>/socket.io.js` and its siblings.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::compression::{Coding, choose};
use super::reply::{Answer, not_found, status};
use super::request::RequestInfo;

/// The official client's files, which the server gives to browsers at `/socket.io/socket.io.js` and
/// its siblings. For [`ServerBuilder::client_bundles`](crate::ServerBuilder::client_bundles).
///
/// The library does not bring them: they are somebody else's code. Take them from npm's
/// `socket.io-client`, folder `dist`, at run time or by `include_bytes!`:
///
/// ```
/// use switchboard::{ClientBundles, Server};
///
/// # fn run() -> std::io::Result<()> {
/// let bundles = ClientBundles::from_directory("node_modules/socket.io-client/dist")?;
/// let io = Server::builder().client_bundles(bundles).build();
/// # Ok(())
/// # }
/// ```
///
/// Costs the memory of the files, and of each compressed form that somebody has asked for.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing happens before it is given to a server"]
pub struct ClientBundles {
    files: Vec<Arc<File>>,
    version: Option<String>,
}

#[derive(Debug)]
struct File {
    name: &'static str,
    body: Bytes,
    gzip: OnceLock<Option<Bytes>>,
    brotli: OnceLock<Option<Bytes>>,
}

impl ClientBundles {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The files of a directory; those that it lacks are answered 404. They are read now, and not
    /// looked at again.
    ///
    /// # Errors
    ///
    /// When the directory or one of the files cannot be read.
    pub fn from_directory(directory: impl AsRef<Path>) -> io::Result<Self> {
        let mut bundles = Self::new();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(name) = name.to_str().filter(|it| FILES.contains(it)) {
                bundles = bundles.file(name, std::fs::read(entry.path())?);
            }
        }
        Ok(bundles)
    }

    /// Adds a file: `socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js`,
    /// `socket.io.msgpack.min.js`, or one of these with `.map` behind. Others are never asked for,
    /// and left out.
    ///
    /// The version, and with it the `ETag`, is taken from the files' first lines.
    pub fn file(mut self, name: &str, body: impl Into<Bytes>) -> Self {
        let Some(name) = FILES.into_iter().find(|it| *it == name) else { return self };
        let body = body.into();
        if self.version.is_none() {
            self.version = version_of(&body);
        }
        self.files.retain(|it| it.name != name);
        let (gzip, brotli) = (OnceLock::new(), OnceLock::new());
        self.files.push(Arc::new(File { name, body, gzip, brotli }));
        self
    }

    /// The version that becomes the `ETag`, if the files do not tell it.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Answers a request for one of the client's files. `None` if it is for something else.
    pub(super) async fn answer(&self, path: &str, request: &RequestInfo) -> Option<Answer> {
        let name = asked(path, request)?;
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(response);
        }
        let Some(file) = self.files.iter().find(|it| it.name == name) else {
            return Some(not_found());
        };
        let mut response = match self.etag() {
            Some(etag) if is_known(request.headers(), &etag) => status(StatusCode::NOT_MODIFIED),
            _ => Arc::clone(file).answer(request).await,
        };
        let headers = response.headers_mut();
        if let Some(etag) = self.etag().and_then(|it| HeaderValue::try_from(it).ok()) {
            headers.insert(ETAG, etag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
        Some(response)
    }

    fn etag(&self) -> Option<String> {
        self.version.as_ref().map(|it| format!("\"{it}\""))
    }
}

/// The name of the file that a request asks for, if it does.
pub(super) fn asked<'a>(path: &str, request: &'a RequestInfo) -> Option<&'a str> {
    let base = path.strip_suffix('/').unwrap_or(path);
    let name = request.uri().path().strip_prefix(base)?.strip_prefix('/')?;
    FILES.contains(&name).then_some(name)
}

impl File {
    async fn answer(self: Arc<Self>, request: &RequestInfo) -> Answer {
        let coding = choose(request.headers(), &[Coding::Brotli, Coding::Gzip]);
        let encoded = match coding {
            Some(coding) => Arc::clone(&self).encoded(coding).await.zip(Some(coding.name())),
            None => None,
        };
        let (body, coding) = match encoded {
            Some((body, coding)) => (body, Some(coding)),
            None => (self.body.clone(), None),
        };
        let len = body.len();
        // A HEAD is answered as a GET would be, without the body.
        let body = if request.method() == Method::HEAD { Bytes::new() } else { body };
        let mut response = Response::new(Full::new(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response
    }

    /// The compressed file, which is made once.
    async fn encoded(self: Arc<Self>, coding: Coding) -> Option<Bytes> {
        let made = if coding == Coding::Brotli { &self.brotli } else { &self.gzip };
        if let Some(made) = made.get() {
            return made.clone();
        }
        let file = Arc::clone(&self);
        let work = move || {
            let made = if coding == Coding::Brotli { &file.brotli } else { &file.gzip };
            made.get_or_init(|| coding.encode(&file.body, LEVEL).map(Bytes::from)).clone()
        };
        tokio::task::spawn_blocking(work).await.ok().flatten()
    }

    fn content_type(&self) -> &'static str {
        if self.name.ends_with(".map") {
            "application/json; charset=utf-8"
        } else {
            "application/javascript; charset=utf-8"
        }
    }
}

/// Whether the client has what we would send. Weak comparison (RFC 9110, section 13.1.2).
fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let values = request.get_all(IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
    let mut tags = values.flat_map(|it| it.split(',')).map(str::trim);
    tags.any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == etag)
}

/// The version in a file's banner: ` * Socket.IO v4.8.4`.
fn version_of(body: &[u8]) -> Option<String> {
    let head = body.get(..BANNER_BYTES_MAX.min(body.len()))?;
    let (_, rest) = std::str::from_utf8(head).ok()?.split_once("Socket.IO v")?;
    let is_version = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '+');
    let end = rest.find(|it| !is_version(it))?;
    rest.get(..end).filter(|it| !it.is_empty()).map(str::to_owned)
}

const FILES: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];
/// Files are compressed once, but somebody waits for that.
const LEVEL: u32 = 6;
const BANNER_BYTES_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_the_banner() {
        let banner = b"/*!\n * Socket.IO v4.8.4\n * (c) 2014-2026 Guillermo Rauch\n */\n!function";
        assert_eq!(version_of(banner).as_deref(), Some("4.8.4"));
        assert_eq!(version_of(b"{\"version\":3}"), None);
        assert_eq!(version_of(b""), None);
    }
}
