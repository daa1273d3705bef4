//! The accept loop, for those who bring no HTTP framework of their own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use hyper::body::Incoming;
#[cfg(feature = "tls")]
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_layer::Layer as _;
use tower_service::Service;
use tracing::warn;

use super::connection::{Connection, Settings};
use super::http2;
#[cfg(feature = "tls")]
use super::tls::Acceptor;
use crate::{Server, ws};

/// The address of the other end of a connection, as a request extension.
///
/// [`Serve`] adds it to every request. A framework that accepts connections by itself may add it
/// too, so that [`Handshake::address`](crate::Handshake::address) knows.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be put together")]
pub struct PeerAddress(pub SocketAddr);

/// Serves `io` in clear text on `listener` until `shutdown` ends, then closes all connections.
///
/// The short form of [`Serve`], where limits and errors are told.
///
/// # Errors
///
/// As for [`Serve::run`].
///
/// # Examples
///
/// See [`Server`].
pub async fn serve(
    listener: TcpListener,
    io: Server,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    Serve::new(io).run(listener, shutdown).await
}

/// Like [`serve`], with another service for the requests outside of the server's path, such as an
/// axum `Router`.
///
/// # Errors
///
/// As for [`Serve::run`].
///
/// # Examples
///
/// ```
/// # async fn run(listener: tokio::net::TcpListener) -> std::io::Result<()> {
/// let io = switchboard::Server::builder().build();
/// let app: axum::Router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
/// switchboard::serve_with(listener, io, app, std::future::pending()).await
/// # }
/// ```
pub async fn serve_with<S, B>(
    listener: TcpListener,
    io: Server,
    app: S,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Serve::new(io).app(app).run(listener, shutdown).await
}

/// How a [`Server`] is served: over HTTP/1.1 and HTTP/2, with TLS or without.
///
/// In clear text a client that begins with HTTP/2 is served HTTP/2 (prior knowledge; browsers never
/// do); over TLS both sides agree by ALPN. WebSockets come over either (RFC 6455, RFC 8441).
///
/// Limits: 10 s for a TLS handshake, of which 1,024 may be under way (then the oldest is given up),
/// 10 s for the first bytes and 10 s more for the head of a request, of 16 KiB and, over HTTP/1.1, 100 headers. An HTTP/2 connection
/// may have [1,000 streams](Self::http2_streams_max), 16 MiB sent and not read by us, 64 KiB of it on
/// one stream, and no stream for 60 s (10 s at first).
///
/// Other accept loops that allow extended CONNECT (axum's does) bring WebSockets over HTTP/2 as well,
/// with the limits of those loops. This one adds that a stream which is given up is reset at once;
/// hyper alone keeps it for a client that takes nothing until its connection ends.
///
/// # Examples
///
/// ```
/// # async fn run(listener: tokio::net::TcpListener) -> std::io::Result<()> {
/// use switchboard::{Serve, Server};
///
/// let io = Server::builder().build();
/// let app: axum::Router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
/// Serve::new(io).app(app).run(listener, std::future::pending()).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Serve<S = NotFound> {
    io: Option<Server>,
    acceptors: Vec<ws::Acceptor>,
    app: S,
    streams_max: u32,
    #[cfg(feature = "tls")]
    tls: Option<Arc<ServerConfig>>,
}

impl Serve {
    /// Serves `io`, and nothing outside of its path.
    #[must_use]
    pub fn new(io: Server) -> Self {
        Self {
            io: Some(io),
            acceptors: Vec::new(),
            app: NotFound,
            streams_max: http2::STREAMS_MAX,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Serve<ws::Server> {
    /// Serves plain WebSockets, whatever their path, and nothing else.
    #[must_use]
    pub fn websockets(server: ws::Server) -> Self {
        let mut serve = Self::without_io(server);
        serve.acceptors.push(serve.app.acceptor().clone());
        serve
    }
}

impl<S> Serve<S> {
    fn without_io(app: S) -> Self {
        Self {
            io: None,
            acceptors: Vec::new(),
            app,
            streams_max: http2::STREAMS_MAX,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Closes the plain WebSockets of `acceptor`, which the app answers with, when the shutdown
    /// begins.
    #[must_use]
    pub fn closing(mut self, acceptor: &ws::Acceptor) -> Self {
        self.acceptors.push(acceptor.clone());
        self
    }

    /// The service for requests outside of the server's path, such as an axum `Router`. By default
    /// they are answered 404.
    #[must_use]
    pub fn app<T>(self, app: T) -> Serve<T> {
        Serve {
            io: self.io,
            acceptors: self.acceptors,
            app,
            streams_max: self.streams_max,
            #[cfg(feature = "tls")]
            tls: self.tls,
        }
    }

    /// TLS, by a configuration from [`tls::config`](crate::tls::config) or one of your own. If it
    /// names no ALPN protocols, `h2` and `http/1.1` are offered. By default there is no TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// How many requests and WebSockets an HTTP/2 connection may have at once. 1,000 by default:
    /// a browser opens one connection to a server for all its tabs. More wait in the client.
    #[must_use]
    pub fn http2_streams_max(mut self, streams: u32) -> Self {
        self.streams_max = streams;
        self
    }

    /// Serves on `listener` until `shutdown` ends, then closes all connections. Needs a tokio
    /// runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// None at present: trouble with a single connection ends that connection, and an accept that
    /// fails (too many open files, say) is tried again.
    pub async fn run<B>(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let settings = Arc::new(Settings {
            #[cfg(feature = "tls")]
            tls: self.tls.map(Acceptor::new),
            streams_max: self.streams_max,
        });
        let (io, acceptors) = (self.io.clone(), self.acceptors);
        let close = async move {
            for acceptor in &acceptors {
                acceptor.begin_to_close();
            }
            if let Some(io) = io {
                io.close().await;
            }
            for acceptor in acceptors {
                acceptor.close().await;
            }
        };
        match self.io {
            Some(io) => {
                let app = io.layer().layer(self.app);
                accept(listener, (app, settings), close, shutdown).await;
            }
            None => accept(listener, (self.app, settings), close, shutdown).await,
        }
        Ok(())
    }
}

/// Accepts connections until `shutdown` and then `close` have ended, and waits for those that are
/// left.
async fn accept<S, B>(
    listener: TcpListener,
    (app, settings): (S, Arc<Settings>),
    close: impl Future<Output = ()>,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (stop, stopped) = watch::channel(());
    let mut delays = Delays::of(&listener);
    let mut shutdown = pin!(shutdown);
    let mut closed = pin!(async move { tokio::time::timeout(DRAIN, close).await });
    let mut is_closing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown, if !is_closing => {
                is_closing = true;
                continue;
            }
            // Polling clients come for their last packets meanwhile, over new connections.
            closed = &mut closed, if is_closing => {
                if closed.is_err() {
                    warn!("some sockets were not closed in time");
                }
                break;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                delays.avoid(&stream);
                let (app, settings) = (app.clone(), Arc::clone(&settings));
                let stopped = stopped.clone();
                let connection = Connection { address, app, settings, stopped };
                tokio::spawn(connection.serve(stream));
            }
            Err(error) => {
                // Out of file descriptors, most likely: without a pause this would spin.
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drop(stopped);
    stop.send_replace(());
    // Each connection holds a receiver, until it ends.
    if tokio::time::timeout(DRAIN, stop.closed()).await.is_err() {
        warn!("some requests were still under way at the deadline");
    }
}

/// Makes sure that a small answer never waits for the next one (Nagle's algorithm).
enum Delays {
    /// What is accepted takes the option over from the listener, as on Linux and the BSDs: a
    /// system call less for each client. To be seen in the first one.
    Unknown,
    Inherited,
    Own,
}

impl Delays {
    fn of(listener: &TcpListener) -> Self {
        #[cfg(unix)]
        if let Ok(listener) = std::os::fd::AsFd::as_fd(listener).try_clone_to_owned() {
            // The standard library has this option for streams only; it is the same for both.
            return match std::net::TcpStream::from(listener).set_nodelay(true) {
                Ok(()) => Self::Unknown,
                Err(_) => Self::Own,
            };
        }
        let _ = listener;
        Self::Own
    }

    fn avoid(&mut self, stream: &TcpStream) {
        if let Self::Unknown = self {
            let is_inherited = stream.nodelay().is_ok_and(|it| it);
            *self = if is_inherited { Self::Inherited } else { Self::Own };
        }
        if let Self::Own = self {
            // Failing here costs latency only.
            stream.set_nodelay(true).ok();
        }
    }
}

/// The app of a server that has none: 404 for everybody.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NotFound;

impl Service<Request<Incoming>> for NotFound {
    type Response = Response<Empty<bytes::Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<Incoming>) -> Self::Future {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        std::future::ready(Ok(response))
    }
}

/// After an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For all sockets to close after the shutdown began, and then for all requests to end.
const DRAIN: Duration = Duration::from_secs(10);
