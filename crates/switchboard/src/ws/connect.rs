//! Clients: from a URL to a [`WebSocket`].
//!
//! [`connect`] makes a [`Connect`], which collects what is asked for and connects when it is
//! awaited. The steps have files of their own: `url.rs` judges the URL, `dial.rs` and `proxy.rs`
//! give a TCP connection, `tls.rs` secures it, `handshake.rs` changes the protocol. From there on
//! a client is the same task as a server's connection.
//!
//! Spec: RFC 6455, section 4.1 (client requirements).

mod dial;
mod error;
mod handshake;
mod proxy;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
#[cfg(feature = "tls")]
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

pub use error::ConnectError;
use handshake::{Answer, Offer};
use proxy::Choice;
use url::Target;

use super::mask_key::mask_key;
use super::server::open_client;
use super::shared::Agreed;
use super::{Options, WebSocket};
use crate::wheel::LONGEST;

/// Connects to the WebSocket at `url` when the result is awaited.
///
/// `ws:` and `http:` mean plain TCP (port 80), `wss:` and `https:` mean TLS (port 443), with a
/// certificate that the platform trusts for that very host. User and password in the URL are sent
/// as `Authorization: Basic`. A fragment is refused (RFC 6455, section 3), and so are characters
/// that a URL must percent-encode. Redirects are not followed. Needs a tokio runtime with I/O and
/// time.
///
/// # Errors
///
/// Any [`ConnectError`], when awaited.
///
/// # Examples
///
/// ```no_run
/// use switchboard::ws;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = ws::connect("wss://example.org/feed").protocols(["feed.v1"]).await?;
/// socket.send("subscribe")?;
/// while let Some(message) = socket.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn connect(url: impl Into<String>) -> Connect {
    Connect {
        url: url.into(),
        headers: HeaderMap::new(),
        bad_header: None,
        protocols: None,
        options: Options::default(),
        proxy: Choice::Direct,
        #[cfg(feature = "tls")]
        tls_config: None,
        timeout: Duration::from_secs(10),
    }
}

/// A connection to be: made by [`connect`], opened by `.await`.
///
/// Dropping the future that comes of it gives up whatever was begun.
#[derive(Clone)]
#[must_use = "nothing happens until it is awaited"]
pub struct Connect {
    url: String,
    headers: HeaderMap,
    /// The first header that could not be added, told when awaited.
    bad_header: Option<String>,
    /// Those of the options unless told otherwise.
    protocols: Option<Vec<String>>,
    options: Options,
    proxy: Choice,
    #[cfg(feature = "tls")]
    tls_config: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

impl Connect {
    /// Adds a header to the request, such as `cookie` or `authorization`; several of one name are
    /// all sent. `host` and `authorization` replace what the URL says.
    ///
    /// Those that the handshake writes (`connection`, `upgrade`, `sec-websocket-…` and those about
    /// a body) are refused with [`ConnectError::BadHeader`], and so is a value with a line break.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: AsRef<str>,
        HeaderValue: TryFrom<V>,
    {
        let name = name.as_ref();
        let parsed = HeaderName::try_from(name).ok().filter(|it| !handshake::is_reserved(it));
        match (parsed, HeaderValue::try_from(value)) {
            (Some(parsed), Ok(value)) => {
                // Fails only above 32,768 headers.
                if self.headers.try_append(parsed, value).is_err() {
                    self.bad_header.get_or_insert_with(|| name.to_owned());
                }
            }
            _ => _ = self.bad_header.get_or_insert_with(|| name.to_owned()),
        }
        self
    }

    /// The page that the client belongs to, as browsers say it: `https://example.org`. Not sent by
    /// default; servers use it to keep foreign pages out.
    pub fn origin<V>(mut self, origin: V) -> Self
    where
        HeaderValue: TryFrom<V>,
    {
        self.headers.remove(header::ORIGIN);
        self.header(header::ORIGIN, origin)
    }

    /// The subprotocols to offer, the best first; by default those of the options, which are none.
    /// The server chooses at most one of them: [`WebSocket::protocol`].
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.protocols = Some(protocols.into_iter().map(Into::into).collect());
        self
    }

    /// Limits, compression and heartbeats of the connection. [`Options::default`] by default.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Connects through the HTTP proxy at this URL, `http://user:password@host:port`, by
    /// `CONNECT`. User and password are optional and sent to the proxy only.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Choice::Through(url.into());
        self
    }

    /// Connects through the proxy that the environment names, if it names one for this host:
    /// `https_proxy` or `HTTPS_PROXY` for `wss:`, `http_proxy` for `ws:`, else `all_proxy` or
    /// `ALL_PROXY`; hosts and domains in `no_proxy` or `NO_PROXY` are connected to directly.
    ///
    /// Without this call the environment is not read.
    pub fn proxy_from_env(mut self) -> Self {
        self.proxy = Choice::Environment;
        self
    }

    /// Judges certificates by this configuration instead of the platform's, for a private
    /// authority, say, or for a certificate of the client's own. Whatever it says about ALPN,
    /// `http/1.1` is offered.
    #[cfg(feature = "tls")]
    pub fn tls_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls_config = Some(config);
        self
    }

    /// How long the whole may take, from the name's address to the server's answer. Default 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn open(self) -> Result<WebSocket, ConnectError> {
        let now = Instant::now();
        let deadline = now + self.timeout.min(LONGEST);
        let target = Target::parse(&self.url)?;
        if let Some(name) = self.bad_header {
            return Err(ConnectError::BadHeader { name });
        }
        let protocols = self.protocols.unwrap_or_else(|| self.options.protocols.clone());
        check_protocols(&protocols)?;
        let offer = Offer::new(protocols, self.options.deflate);
        let request = offer.request(&target, &self.headers)?;
        let proxy = self.proxy.for_target(&target)?;
        #[cfg(feature = "tls")]
        let tls_name = if target.is_tls { Some(tls::name(&target.endpoint.host)?) } else { None };
        #[cfg(not(feature = "tls"))]
        if target.is_tls {
            return Err(ConnectError::BadUrl("wss needs the cargo feature `tls`"));
        }
        let dialling = async {
            match &proxy {
                Some(proxy) => proxy.dial(&target.endpoint, deadline).await,
                None => dial::dial(&target.endpoint).await,
            }
        };
        let stream = in_time(deadline, dialling).await?;
        #[cfg(feature = "tls")]
        if let Some(name) = tls_name {
            let securing = tls::secure(stream, name, self.tls_config);
            let stream = in_time(deadline, securing).await?;
            let answer = handshake::exchange(stream, request, deadline).await?;
            return opened(answer, &offer, self.options);
        }
        opened(handshake::exchange(stream, request, deadline).await?, &offer, self.options)
    }
}

/// The WebSocket behind a server's answer, if it opens one.
fn opened(answer: Answer, offer: &Offer, options: Options) -> Result<WebSocket, ConnectError> {
    match answer {
        Answer::Plain(response) => Err(ConnectError::Refused(response)),
        Answer::Switched(head, io) => {
            let accepted = offer.judge(&head)?;
            let options = Arc::new(options);
            let protocol = accepted.protocol.as_deref();
            let agreed = Agreed { protocol, deflate: accepted.agreement };
            Ok(open_client(io.into(), mask_key, &agreed, &options))
        }
    }
}

/// URLs and headers carry passwords and tokens, which have no place in a log.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").finish_non_exhaustive()
    }
}

impl IntoFuture for Connect {
    type Output = Result<WebSocket, ConnectError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

async fn in_time<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout_at(deadline, step).await.unwrap_or(Err(ConnectError::Timeout))
}

/// RFC 6455, section 4.1, step 10: "The elements that comprise this value MUST be non-empty strings
/// with characters in the range U+0021 to U+007E not including separator characters … and MUST all
/// be unique strings."
fn check_protocols(protocols: &[String]) -> Result<(), ConnectError> {
    let mut seen = HashSet::new();
    let is_token = |it: &str| !it.is_empty() && it.bytes().all(is_token_byte);
    match protocols.iter().find(|it| !is_token(it) || !seen.insert(it.as_str())) {
        Some(bad) => Err(ConnectError::BadProtocol(bad.clone())),
        None => Ok(()),
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
