//! The door for plain WebSockets: from a request to a handler.

use std::convert::Infallible;
use std::fmt;
use std::io;

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use switchboard_ws::{CloseCode, Connection, Role, deflate};
use tokio::net::TcpListener;

use super::driver::Driver;
use super::handler::{Begun, Handler};
use super::hub::Hub;
use super::reading::Reading;
use super::shared::{Agreed, Shared};
use super::{Options, WebSocket, stream};
use crate::http::origin::Verdict;
use crate::http::upgrade::{ByteStream, Upgrade};
use crate::{Handshake, Serve};

type Answer = Response<Full<Bytes>>;
type Erased = Arc<dyn Fn(WebSocket, Handshake) -> Begun + Send + Sync>;

/// Turns requests into WebSockets.
///
/// For use inside the handlers of a framework, where a path or a login decides what a WebSocket
/// is for; a [`Server`] is an acceptor with one handler. Clones share their connections.
///
/// ```
/// use axum::extract::{Path, Request, State};
/// use axum::response::{IntoResponse, Response};
/// use switchboard::ws::{Acceptor, Options, WebSocket};
///
/// async fn room(
///     Path(room): Path<String>,
///     State(acceptor): State<Acceptor>,
///     request: Request,
/// ) -> Response {
///     let greet = async move |socket: WebSocket| {
///         socket.send(format!("welcome to {room}")).ok();
///     };
///     acceptor.upgrade(request, greet).into_response()
/// }
///
/// let app: axum::Router = axum::Router::new()
///     .route("/rooms/{room}", axum::routing::any(room))
///     .with_state(Acceptor::new(Options::new()));
/// ```
#[derive(Clone)]
pub struct Acceptor {
    options: Arc<Options>,
    hub: Arc<Hub>,
}

impl Acceptor {
    /// An acceptor with these options.
    pub fn new(options: Options) -> Self {
        Self { options: Arc::new(options), hub: Arc::new(Hub::new()) }
    }

    /// Answers a request that asks for a WebSocket; `handler` then runs on it.
    ///
    /// Over HTTP/1.1 that is a GET with `Upgrade: websocket` (RFC 6455), over HTTP/2 an extended
    /// CONNECT (RFC 8441). The answer must be sent as it is. Refused are, with the status that
    /// says why: requests that are no handshake (426, or 400 with the rule that was broken), pages
    /// of other origins (403), and everybody while the acceptor closes (503).
    ///
    /// Must be called within a tokio runtime.
    pub fn upgrade<B, Args>(&self, request: Request<B>, handler: impl Handler<Args>) -> Answer {
        self.accept(request, |socket, handshake| handler.start(socket, handshake))
    }

    fn accept<B>(
        &self,
        request: Request<B>,
        start: impl FnOnce(WebSocket, Handshake) -> Begun + Send + 'static,
    ) -> Answer {
        let (mut parts, _no_body) = request.into_parts();
        let upgrade = match Upgrade::take(&mut parts) {
            None => return no_handshake(&parts),
            Some(Err(refusal)) => return refusal.to_response(),
            Some(Ok(upgrade)) => upgrade,
        };
        if self.options.origins.judge(&parts.uri, &parts.headers) == Verdict::Refused {
            return refuse(&parts, StatusCode::FORBIDDEN, "pages of this origin may not connect");
        }
        if self.hub.is_closing() {
            let mut response =
                refuse(&parts, StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        }
        let protocol = self.choose_protocol(&upgrade);
        let handshake = Handshake::of(&parts);
        let deflate = self.options.deflate.as_ref();
        let deflate = deflate.and_then(|it| deflate::negotiate(it, upgrade.extensions()));
        let extensions = deflate.map(|it| it.response());
        let (response, stream) = upgrade.accept(protocol.as_deref(), extensions.as_deref());
        let (options, hub) = (Arc::clone(&self.options), Arc::clone(&self.hub));
        tokio::spawn(async move {
            // None means that the client left before the answer was written.
            if let Some(stream) = stream.await {
                let agreed = Agreed { protocol: protocol.as_deref(), deflate };
                let (shared, socket) = open(stream, Role::Server, &agreed, &options);
                let driver = Driver::new(shared, options);
                // A task of its own, which is as small as it can be.
                tokio::spawn(driver.serving(hub, start(socket, handshake).0));
            }
        });
        response
    }

    fn choose_protocol(&self, upgrade: &Upgrade) -> Option<String> {
        let ours = self.options.protocols.iter();
        ours.into_iter().find(|ours| upgrade.protocols().any(|it| it == **ours)).cloned()
    }

    /// How many WebSockets are open.
    pub fn connections(&self) -> usize {
        self.hub.len()
    }

    /// Closes all WebSockets with 1001, refuses new ones, and waits until all have ended.
    pub async fn close(&self) {
        self.begin_to_close();
        self.hub.emptied().await;
    }

    /// Closes all WebSockets and refuses new ones.
    pub(crate) fn begin_to_close(&self) {
        self.hub.close(CloseCode::GOING_AWAY);
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A server of plain WebSockets.
///
/// ```no_run
/// use switchboard::ws::{self, WebSocket};
///
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let echo = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
///         while let Some(message) = socket.recv().await? {
///             socket.send(message)?;
///         }
///         Ok(())
///     });
///     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
///     ws::serve(listener, echo, std::future::pending()).await
/// }
/// ```
///
/// In a framework it is a `tower` service: `Router::new().route_service("/ws", echo)` in axum.
#[derive(Clone)]
pub struct Server {
    acceptor: Acceptor,
    handler: Erased,
}

impl Server {
    /// A server with the default [`Options`].
    pub fn new<Args: 'static>(handler: impl Handler<Args>) -> Self {
        Self::with_options(Options::new(), handler)
    }

    /// A server with these options.
    pub fn with_options<Args: 'static>(options: Options, handler: impl Handler<Args>) -> Self {
        let handler = Arc::new(move |socket, handshake| handler.clone().start(socket, handshake));
        Self { acceptor: Acceptor::new(options), handler }
    }

    /// Answers a request, as [`Acceptor::upgrade`] does.
    pub fn upgrade<B>(&self, request: Request<B>) -> Answer {
        let handler = Arc::clone(&self.handler);
        self.acceptor.accept(request, move |socket, handshake| handler(socket, handshake))
    }

    /// What turns requests into WebSockets for this server.
    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    /// How many WebSockets are open.
    pub fn connections(&self) -> usize {
        self.acceptor.connections()
    }

    /// Closes all WebSockets with 1001, refuses new ones, and waits until all have ended.
    pub async fn close(&self) {
        self.acceptor.close().await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("acceptor", &self.acceptor).finish_non_exhaustive()
    }
}

impl<B> tower_service::Service<Request<B>> for Server {
    type Response = Answer;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Answer, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        std::future::ready(Ok(self.upgrade(request)))
    }
}

/// Serves WebSockets on `listener`, whatever their path, until `shutdown` ends, then closes them.
///
/// [`Serve::websockets`] says more: TLS, HTTP/2, limits.
///
/// # Errors
///
/// As for [`serve`](crate::serve).
pub async fn serve(
    listener: TcpListener,
    server: Server,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    Serve::websockets(server).run(listener, shutdown).await
}

/// Begins a WebSocket on a byte stream whose handshake is over.
fn open(
    stream: ByteStream,
    role: Role,
    agreed: &Agreed<'_>,
    options: &Options,
) -> (Arc<Shared>, WebSocket) {
    let (read, writer, early) = stream::split(stream);
    let shared = Arc::new(Shared::new(writer, &role, agreed));
    let machine = match &agreed.deflate {
        None => Connection::new(role, options.limits),
        Some(agreement) => Connection::with_deflate(role, options.limits, agreement),
    };
    let socket = WebSocket::new(Arc::clone(&shared), Reading::new(read, machine, &early));
    (shared, socket)
}

/// Begins a client's WebSocket, with a task of its own that ends with the connection.
///
/// Must be called within a tokio runtime.
pub(super) fn open_client(
    stream: ByteStream,
    mask_key: fn() -> [u8; 4],
    agreed: &Agreed<'_>,
    options: &Arc<Options>,
) -> WebSocket {
    let (shared, socket) = open(stream, Role::Client { mask_key }, agreed, options);
    tokio::spawn(Driver::new(shared, Arc::clone(options)));
    socket
}

fn no_handshake(parts: &Parts) -> Answer {
    if parts.version < Version::HTTP_2 && parts.method != Method::GET {
        let mut response =
            refuse(parts, StatusCode::METHOD_NOT_ALLOWED, "only GET begins a WebSocket");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return response;
    }
    let mut response = refuse(parts, StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
    let headers = response.headers_mut();
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if parts.version < Version::HTTP_2 {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade, close"));
    }
    response
}

fn refuse(parts: &Parts, status: StatusCode, message: &'static str) -> Answer {
    let mut response = Response::new(Full::from(message));
    *response.status_mut() = status;
    if parts.version < Version::HTTP_2 {
        // What follows the request is never parsed.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
