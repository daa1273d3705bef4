//! The server: what an application builds, fills with handlers, and serves.

use std::time::Duration;

use std::sync::Arc;
use switchboard_eio as eio;
use switchboard_sio as sio;
use switchboard_ws as ws;

use crate::bounds::ChosenBounds;
use crate::broadcast::Broadcast;
use crate::cluster::Local;
use crate::engine::{self, Config, Engine};
use crate::error::ConnectError;
use crate::handler::Handler;
use crate::http::options::HttpOptions;
use crate::http::service::{Layer, Service};
use crate::listeners::HandlerId;
use crate::namespace::Namespace;
use crate::namespaces::ChildOptions;
use crate::packet_rate::PacketRate;
use crate::parser::Parser;
use crate::recovery::Recovery;
use crate::rooms::RoomLimits;
use crate::socket::Socket;
use crate::state::StateMap;
use crate::wheel::LONGEST;

/// A Socket.IO server. Cheap to clone; clones are the same server.
///
/// ```
/// use switchboard::{Ack, Data, Server, Socket};
///
/// # async fn run() -> std::io::Result<()> {
/// let io = Server::builder().build();
/// io.on("connection", async |socket: Socket| {
///     socket.join("lobby").ok();
/// });
/// io.of("/").on("message", async |socket: Socket, Data(text): Data<String>, ack: Ack| {
///     socket.to("lobby").emit("message", &text).ok();
///     ack.send(&"ok").ok();
/// });
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// switchboard::serve(listener, io, ctrl_c).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) engine: Arc<Engine>,
}

impl Server {
    /// Options, all of which have defaults.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The namespace of that name, made if it is new. A missing leading slash is added. A name that
    /// matches the pattern of a family ([`of_matching`](Self::of_matching)) makes a child of it.
    pub fn of(&self, namespace: impl AsRef<str>) -> Namespace {
        let name = namespace.as_ref();
        let inner = if name.starts_with('/') {
            self.engine.namespaces.of(name)
        } else {
            self.engine.namespaces.of(&format!("/{name}"))
        };
        Namespace(inner)
    }

    /// Registers a handler on the default namespace `/`; see [`Namespace::on`].
    pub fn on<H, P>(&self, event: &str, handler: H) -> HandlerId
    where
        H: Handler<P, ()>,
    {
        self.of("/").on(event, handler)
    }

    /// Adds a middleware to the default namespace; see [`Namespace::middleware`].
    pub fn middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), ConnectError>>,
    {
        self.of("/").middleware(check);
    }

    /// A broadcast to the whole default namespace.
    pub fn broadcast(&self) -> Broadcast {
        self.of("/").broadcast()
    }

    /// The connected sockets of the default namespace.
    pub fn sockets(&self) -> Vec<Socket> {
        self.of("/").sockets()
    }

    /// How many clients are connected, whatever their namespaces.
    pub fn clients_count(&self) -> usize {
        self.engine.sessions.count()
    }

    /// Closes every connection (`server shutting down`) and refuses new ones.
    ///
    /// Ends when all connections have ended and their handlers have returned. A WebSocket has 5 s
    /// for its last bytes and its close frame, a polling client half a second to come for what
    /// waits for it, a handler 30 s to return.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// A `tower` service that answers requests below its path, and 404 to all others.
    pub fn service(&self) -> Service {
        Service::new(Arc::clone(&self.engine))
    }

    /// A `tower` layer that answers requests below its path, and passes all others on.
    ///
    /// ```
    /// let io = switchboard::Server::builder().build();
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/", axum::routing::get(async || "hello"))
    ///     .layer(io.layer());
    /// ```
    pub fn layer(&self) -> Layer {
        Layer::new(Arc::clone(&self.engine))
    }
}

/// Options of a [`Server`].
#[derive(Default)]
#[must_use = "nothing happens before `build`"]
pub struct ServerBuilder {
    path: Option<String>,
    eio: eio::Config,
    max_payload: Option<usize>,
    connect_timeout: Option<Duration>,
    ack_timeout: Option<Duration>,
    allow_eio3: bool,
    pub(crate) http: HttpOptions,
    recovery: Option<Recovery>,
    children: ChildOptions,
    rooms: RoomLimits,
    cluster: Option<Local>,
    state: StateMap,
    parser: Parser,
    pub(crate) bounds: ChosenBounds,
    pub(crate) initial_packet: Option<engine::Message>,
    pub(crate) keeps_requests: bool,
    packet_rate: Option<PacketRate>,
}

impl ServerBuilder {
    /// Where clients find the server. Default `/socket.io/`, which is what clients ask for
    /// (`/engine.io/` without Socket.IO).
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// How often a client is asked whether it is still there. Default 25 s, as in the official
    /// server. Shorter finds dead clients sooner, and wakes sleeping phones more often. Intervals
    /// below a second cost a timer per connection; others share one wheel and may be up to a
    /// second late. At most 12 days count, as for the timeout: clients wait for both together, and
    /// the timers of browsers end at 24.8 days.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.eio.ping_interval = interval.min(LONGEST_PING);
        self
    }

    /// How long a client has for its answer. Default 20 s, as in the official server.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.eio.ping_timeout = timeout.min(LONGEST_PING);
        self
    }

    /// How long a change from polling to a WebSocket may take. Default 10 s.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.eio.upgrade_timeout = timeout.min(LONGEST);
        self
    }

    /// The most bytes that one WebSocket message or one request body may have. Default 1,000,000,
    /// as in the official server. A larger request is answered 413, a larger message closes its
    /// connection with 1009. A connection buffers at most this much while a message is incomplete.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = Some(bytes);
        self
    }

    /// How long a connection may live without joining any namespace. Default 45 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// Whether a dynamic namespace ends when its last socket has left and the last of its handlers
    /// has returned. Default `false`, as in the official server: it stays until its place is
    /// needed. With `true`, handlers that were registered with the namespace itself end with it.
    pub fn cleanup_empty_child_namespaces(mut self, cleanup: bool) -> Self {
        self.children.cleanup = cleanup;
        self
    }

    /// The most dynamic namespaces that may exist at the same time, in all families together.
    /// Default 10,000; an empty one costs some 3 kB. At the bound those without sockets end, and if
    /// there are none, a client that asks for a new one is refused with `Too many namespaces`.
    pub fn max_child_namespaces(mut self, count: usize) -> Self {
        self.children.count_max = count;
        self
    }

    /// How long [`Socket::emit_with_ack`] waits if it is not told otherwise. Default 30 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// How many bytes may wait for one client. Default 1 MiB and 16 MiB.
    ///
    /// Above `soft` the client is congested: [`Socket::ready`] waits, and a client that then takes
    /// nothing for 5 s is closed. Above `hard` it is closed at once; a message that finds nothing
    /// in front of it may be of any size. `hard` is what a client that reads slowly can cost in
    /// memory; it is never below `soft`, nor above 4 GiB.
    pub fn outgoing_bytes(mut self, soft: usize, hard: usize) -> Self {
        let at_most = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        self.bounds = ChosenBounds { soft: at_most(soft), hard: at_most(hard.max(soft)) };
        self
    }

    /// How fast a client may talk. Default: as fast as it can, as in the official server. Costs an
    /// addition a packet. See [`PacketRate`].
    pub fn packet_rate(mut self, rate: impl Into<Option<PacketRate>>) -> Self {
        self.packet_rate = rate.into();
        self
    }

    /// Whether clients of Engine.IO 3 may connect: Socket.IO up to 2, such as `socket.io-client` 2.
    /// Default no, as in the official server. It costs others nothing.
    ///
    /// Such clients take the id of their session for their `socket.id`. Whoever knows the former
    /// can read and write for the session while it is polling, so with this option **do not show
    /// the id of such a socket to other clients**. (Newer clients have an id for each purpose.) See
    /// [`Socket::displayed_id`] for its form in other namespaces than `/`.
    ///
    /// Their handshake for `/` has no `auth`; for other namespaces `auth` is the query behind the
    /// name, `io("/chat?token=1")`.
    ///
    /// ```
    /// let io = switchboard::Server::builder().allow_eio3(true).build();
    /// ```
    pub fn allow_eio3(mut self, allow: bool) -> Self {
        self.allow_eio3 = allow;
        self
    }

    /// How many rooms a socket may be in, its own id not counted. Default 128; the official server
    /// has no limit. Bounds what a client costs where the application lets it choose rooms: about
    /// 200 bytes for each.
    pub fn rooms_per_socket_max(mut self, rooms: usize) -> Self {
        self.rooms.rooms_per_socket_max = rooms;
        self
    }

    /// How long the name of a room may be, in bytes. Default 255; the official server has no limit.
    pub fn room_name_bytes_max(mut self, bytes: usize) -> Self {
        self.rooms.name_bytes_max = bytes;
        self
    }

    /// Makes the server one of a cluster: broadcasts and their acks, fetched sockets, joins, leaves
    /// and disconnects reach the sockets of all its servers. Default: a server for itself, which
    /// pays nothing for it. In a cluster each broadcast visits every server.
    pub fn cluster(mut self, cluster: &Local) -> Self {
        self.cluster = Some(cluster.clone());
        self
    }

    /// Gives clients back what they missed during a short cut, in all namespaces that do not say
    /// otherwise by [`Namespace::recovery`]. Default off, as in the official server; then it costs
    /// nothing. See [`Recovery`] for the options, the promise and the cost.
    ///
    /// Clients opt out with the query `recovery=0`: events carry one more argument for all others,
    /// which breaks clients that insist on the number of arguments.
    pub fn recovery(mut self, options: Recovery) -> Self {
        self.recovery = Some(options);
        self
    }

    /// How packets are written on the wire. Default [`Parser::json`], which costs nothing more and
    /// which every client speaks; all clients must be told of another one. See
    /// [`parser`](crate::parser).
    pub fn parser(mut self, parser: impl Into<Parser>) -> Self {
        self.parser = parser.into();
        self
    }

    /// Keeps a value for handlers, which get a clone by the [`State`](crate::State) extractor. One
    /// value of each type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        drop(self.state.insert(value));
        self
    }

    /// The server. It has one namespace, `/`, until [`Server::of`] makes others.
    pub fn build(self) -> Server {
        let server = self.build_with(None);
        server.of("/");
        server
    }

    /// A server of Engine.IO alone if there is a handler for that.
    pub(crate) fn build_with(self, raw: Option<engine::Starter>) -> Server {
        let max_payload = self.max_payload.unwrap_or(1_000_000);
        let ws = ws::Limits { message_bytes_max: max_payload, ..ws::Limits::default() };
        let path = self.path.unwrap_or_else(|| {
            let path = if raw.is_some() { "/engine.io/" } else { "/socket.io/" };
            path.to_owned()
        });
        let config = Config {
            path: self.http.path(&path),
            max_payload,
            connect_timeout: self.connect_timeout.unwrap_or(Duration::from_secs(45)),
            ack_timeout: self.ack_timeout.unwrap_or(Duration::from_secs(30)),
            eio: self.eio,
            sio: sio::Limits::default(),
            allow_eio3: self.allow_eio3,
            encoding: self.parser.0,
            recovery: self.recovery,
            ws,
            http: self.http,
            bounds: self.bounds,
            rooms: self.rooms,
            initial_packet: self.initial_packet,
            keeps_requests: self.keeps_requests,
            packet_rate: self.packet_rate,
            raw,
            children: self.children,
        };
        let node = self.cluster.as_ref().map(Local::node);
        let engine = Arc::new(Engine::new(config, self.state, node));
        if let (Some(cluster), Some(node)) = (&self.cluster, &engine.node) {
            cluster.enter(node, &engine);
        }
        Server { engine }
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("path", &self.path).finish_non_exhaustive()
    }
}

const LONGEST_PING: Duration = Duration::from_secs(12 * 24 * 60 * 60);
