//! The accept loop, for those who bring no HTTP framework of their own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_layer::Layer as _;
use tower_service::Service;
use tracing::{debug, warn};

use crate::Server;

/// The address of the other end of a connection, as a request extension.
///
/// [`serve`] adds it to every request. A framework that accepts connections by itself may add it
/// too, so that [`Handshake::address`](crate::Handshake::address) knows.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be put together")]
pub struct PeerAddress(pub SocketAddr);

/// Serves `io` over HTTP/1.1 on `listener` until `shutdown` ends, then closes all connections.
///
/// Requests outside of the server's path are answered 404. A client has 10 s for the head of a
/// request, which may have 16 KiB and 100 headers. Needs a tokio runtime with I/O and time.
///
/// # Errors
///
/// None at present: trouble with a single connection ends that connection, and an accept that
/// fails (too many open files, say) is tried again.
///
/// # Examples
///
/// See [`Server`].
pub async fn serve(
    listener: TcpListener,
    io: Server,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(listener, io, NotFound, shutdown).await
}

/// Like [`serve`], with another service for the requests outside of the server's path, such as an
/// axum `Router`.
///
/// # Errors
///
/// As for [`serve`].
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
    B: Body + Send + 'static,
    B::Data: Buf + Send + Into<bytes::Bytes>,
    B: Body<Data = bytes::Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let app = io.layer().layer(app);
    serve_service(listener, app, async move { io.close().await }, shutdown).await
}

/// Serves `app`. When `shutdown` ends, waits for `close`, which ends what is connected.
pub(crate) async fn serve_service<S, B>(
    listener: TcpListener,
    app: S,
    close: impl Future<Output = ()>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut closed = pin!(tokio::time::timeout(DRAIN, close));
    let mut is_closing = false;
    loop {
        let accepted = tokio::select! {
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
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                connections.spawn(connection(stream, address, app.clone(), stopped.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: without a pause this would spin.
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drop(stop);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        warn!("some requests were still under way at the deadline");
    }
    Ok(())
}

async fn connection<S, B>(
    stream: TcpStream,
    address: SocketAddr,
    app: S,
    mut stopped: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A small answer must not wait for the next one. Failing here costs latency only.
    stream.set_nodelay(true).ok();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(address));
        app.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        // The sender is dropped when the server stops; nothing is ever sent.
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(%error, %address, "a connection ended badly");
    }
}

/// The app of a server that has none.
#[derive(Clone, Copy)]
struct NotFound;

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

/// For the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For the head of a request; hyper answers 431 to more.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
/// After an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For all sockets to close after the shutdown began, and then for all requests to end.
const DRAIN: Duration = Duration::from_secs(10);
