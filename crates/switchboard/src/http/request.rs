//! The request that hooks look at.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Uri, Version};

use super::{PeerAddress, query};

/// A request to the server, without its body. Cheap to clone; clones are the same request.
///
/// ```
/// use switchboard::{Refuse, RequestInfo, Server};
///
/// let io = Server::builder()
///     .allow_request(async |request: RequestInfo| match request.query("key").as_deref() {
///         Some("sesame") => Ok(()),
///         _ => Err(Refuse::new("say the word")),
///     })
///     .build();
/// ```
#[derive(Clone)]
pub struct RequestInfo(Arc<Parts>);

impl RequestInfo {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The method: `GET` or `POST`, or `CONNECT` for a WebSocket over HTTP/2.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The target. Over HTTP/2 with scheme and authority.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// The value of a query parameter, percent-decoded. The last one if there are several.
    pub fn query(&self, name: &str) -> Option<String> {
        query::value(self.query_string(), name).map(Cow::into_owned)
    }

    /// The headers, cookies among them.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The version of HTTP.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// Who is at the other end of the TCP connection: a proxy's address behind a proxy. `None`
    /// where the hosting framework does not tell (see [`PeerAddress`]).
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.extensions.get::<PeerAddress>().map(|it| it.0)
    }

    /// What layers in front of the server have found out about the request.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    pub(super) fn query_string(&self) -> &str {
        self.0.uri.query().unwrap_or_default()
    }
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither query nor headers: they hold session ids and credentials.
        f.debug_struct("RequestInfo")
            .field("method", self.method())
            .field("path", &self.0.uri.path())
            .field("version", &self.version())
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
