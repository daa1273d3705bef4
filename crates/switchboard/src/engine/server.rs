//! A server of Engine.IO: what an application builds and serves.

use std::io;

use tokio::net::TcpListener;

use super::Message;
use super::handler::{Handler, Starter};
use super::socket::Sender;
use crate::http::Serve;
use crate::http::service::{Layer, Service};
use crate::server::ServerBuilder;

/// An Engine.IO server. Cheap to clone; clones are the same server.
///
/// ```
/// use std::time::Duration;
/// use switchboard::engine::{Server, Socket};
///
/// # async fn run() -> std::io::Result<()> {
/// let builder = Server::builder().ping_interval(Duration::from_secs(10));
/// let shout = builder.build_engine(async |mut socket: Socket| {
///     while let Some(message) = socket.recv().await {
///         match message.as_text() {
///             Some(text) => socket.send(text.to_uppercase()),
///             None => socket.send(message),
///         }
///     }
/// });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// switchboard::engine::serve(listener, shout, ctrl_c).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    io: crate::Server,
}

impl Server {
    /// Options, all of which have defaults; [`ServerBuilder::build_engine`] is what follows.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// How many clients are connected.
    pub fn clients_count(&self) -> usize {
        self.io.clients_count()
    }

    /// A sender to each client that is connected: to send something to all, for instance. Costs
    /// time and memory for every client.
    pub fn clients(&self) -> Vec<Sender> {
        self.io.engine.sessions.all().into_iter().map(Sender::new).collect()
    }

    /// Closes every connection (`server shutting down`) and refuses new ones.
    ///
    /// Ends when all connections have ended and their handlers have returned; see
    /// [`crate::Server::close`].
    pub async fn close(&self) {
        self.io.close().await;
    }

    /// A `tower` service that answers requests below its path, and 404 to all others.
    pub fn service(&self) -> Service {
        self.io.service()
    }

    /// A `tower` layer that answers requests below its path, and passes all others on.
    pub fn layer(&self) -> Layer {
        self.io.layer()
    }
}

impl ServerBuilder {
    /// A server of Engine.IO alone, which runs `handler` on each connection. Its default path is
    /// `/engine.io/`, which is what clients ask for. See [`crate::engine`].
    pub fn build_engine(self, handler: impl Handler) -> Server {
        Server { io: self.build_with(Some(Starter::new(handler))) }
    }

    /// A message for every client, which comes with the answer to its handshake and so spares it a
    /// round trip. Default none. Whatever is sent comes after it. Clients of Socket.IO understand
    /// nothing but packets of Socket.IO. Named `initialPacket` by the official server.
    pub fn initial_packet(mut self, message: impl Into<Message>) -> Self {
        self.initial_packet = Some(message.into());
        self
    }

    /// Keeps the head of each POST for the handler of an Engine.IO server, which finds it by
    /// [`Socket::request`](super::Socket::request). Default `false`. Costs one allocation of that size for each POST.
    pub fn keep_requests(mut self, keep: bool) -> Self {
        self.keeps_requests = keep;
        self
    }
}

impl Serve {
    /// Serves Engine.IO alone, and nothing outside of its path.
    #[must_use]
    pub fn engine(server: Server) -> Self {
        Self::new(server.io)
    }
}

/// Serves `server` in clear text on `listener` until `shutdown` ends, then closes all connections.
/// [`Serve::engine`] is the long form, with TLS, an app beside it, and other limits.
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
    server: Server,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    Serve::engine(server).run(listener, shutdown).await
}
