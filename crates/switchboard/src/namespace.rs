//! Namespaces: separate channels over one connection, each with its handlers, sockets and rooms.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::Id;
use crate::broadcast::Broadcast;
use crate::cluster::Node;
use crate::cluster::server_side::Handlers;
use crate::encoding::Encoding;
use crate::error::ConnectError;
use crate::handler::{EventHandler, EventHandlers, Handler, Middleware, erase, register};
use crate::rooms::events::RoomEvent;
use crate::rooms::{Membership, Room, Rooms};
use crate::socket::Socket;
use crate::state::StateMap;
use crate::sync::{read, write};

/// One namespace of a [`Server`](crate::Server), from [`Server::of`](crate::Server::of). Cheap to
/// clone.
#[derive(Clone)]
pub struct Namespace(pub(crate) Arc<NamespaceInner>);

impl Namespace {
    /// The name, which begins with a slash.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Registers a handler.
    ///
    /// `connection` (or `connect`) and `disconnect` are the lifecycle of sockets; clients cannot
    /// reach them by sending an event of that name. Every other name is an event from clients.
    /// Several handlers of one event run one after the other. A handler registered here costs
    /// nothing per socket. See [`Handler`] for what a handler may take.
    ///
    /// ```
    /// use switchboard::{Ack, Data, DisconnectReason, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// let chat = io.of("/chat");
    /// chat.on("connection", async |socket: Socket| {
    ///     socket.join("lobby").ok();
    /// });
    /// chat.on("say", async |socket: Socket, Data(text): Data<String>, ack: Ack| {
    ///     socket.to("lobby").emit("said", &text).ok();
    ///     ack.send(&"ok").ok();
    /// });
    /// chat.on("disconnect", async |socket: Socket, reason: DisconnectReason| {
    ///     println!("{} left: {reason}", socket.id());
    /// });
    /// ```
    pub fn on<H, P>(&self, event: &str, handler: H)
    where
        H: Handler<P, ()>,
    {
        let handler = erase(handler);
        let mut table = write(&self.0.table);
        match event {
            "connection" | "connect" => table.connection.push(handler),
            "disconnect" => table.disconnect.push(handler),
            _ => register(&mut table.events, event, handler),
        }
    }

    /// Adds a check that every new socket passes before its client is told that it is connected.
    ///
    /// Checks run in the order of their registration; the first error refuses the socket and
    /// reaches the client as `connect_error`.
    ///
    /// ```
    /// use switchboard::{Auth, ConnectError, Server};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Credentials { token: String }
    ///
    /// let io = Server::builder().build();
    /// io.of("/admin").middleware(async |Auth(it): Auth<Credentials>| {
    ///     if it.token == "open sesame" { Ok(()) } else { Err(ConnectError::new("unauthorized")) }
    /// });
    /// ```
    pub fn middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), ConnectError>>,
    {
        write(&self.0.table).middleware.push(erase(check));
    }

    /// Calls `listener` for whatever happens to the rooms of this server: they begin with their
    /// first member and end with their last. The rooms that sockets' ids are do not count.
    ///
    /// Events of one socket come in their order, those of several may come at the same time from
    /// several threads. The listener runs inside whatever joins and leaves: let it be quick. Costs
    /// nothing where nobody listens.
    ///
    /// ```
    /// use switchboard::{RoomEvent, Server};
    ///
    /// let io = Server::builder().build();
    /// io.of("/").on_room_event(|event| match event {
    ///     RoomEvent::Create { room, .. } => println!("{room} begins"),
    ///     RoomEvent::Delete { room, .. } => println!("{room} is over"),
    ///     _ => (),
    /// });
    /// ```
    pub fn on_room_event(&self, listener: impl Fn(&RoomEvent) + Send + Sync + 'static) {
        self.0.rooms.listeners().add(Arc::new(listener));
    }

    /// A broadcast to the whole namespace.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(Arc::clone(&self.0), None)
    }

    /// The connected socket of that id.
    pub fn socket(&self, id: impl AsRef<str>) -> Option<Socket> {
        self.0.socket(self.0.parse_id(id.as_ref())?)
    }

    /// Every connected socket.
    pub fn sockets(&self) -> Vec<Socket> {
        self.broadcast().sockets()
    }

    /// How many sockets are connected.
    pub fn sockets_count(&self) -> usize {
        self.0.everybody.len()
    }

    /// How many rooms have members.
    pub fn rooms_count(&self) -> usize {
        self.0.rooms.count()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}

/// What the handles and the sockets of a namespace share.
pub(crate) struct NamespaceInner {
    name: Box<str>,
    table: RwLock<Table>,
    pub(crate) state: Arc<StateMap>,
    pub(crate) encoding: Encoding,
    sockets: [RwLock<HashMap<Id, (Socket, Membership)>>; SHARDS],
    everybody: Arc<Room>,
    rooms: Rooms,
    next_ack: AtomicU64,
    reach: Reach,
    server_side: Handlers,
}

/// How far what a namespace asks and tells goes, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) ack_timeout: Duration,
    /// The place in a cluster, if there is one.
    pub(crate) node: Option<Arc<Node>>,
}

/// The handlers of a namespace.
#[derive(Default)]
struct Table {
    connection: Vec<EventHandler>,
    disconnect: Vec<EventHandler>,
    middleware: Vec<Middleware>,
    events: EventHandlers,
}

impl NamespaceInner {
    pub(crate) fn new(name: &str, state: Arc<StateMap>, encoding: Encoding, reach: Reach) -> Self {
        Self {
            name: name.into(),
            table: RwLock::default(),
            state,
            encoding,
            sockets: Default::default(),
            everybody: Arc::new(Room::new("")),
            rooms: Rooms::new(),
            next_ack: AtomicU64::new(0),
            reach,
            server_side: Handlers::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    pub(crate) fn everybody(&self) -> &Room {
        &self.everybody
    }

    /// The id that `text` spells. For some clients it begins with the namespace; see
    /// [`Socket::displayed_id`].
    pub(crate) fn parse_id(&self, text: &str) -> Option<Id> {
        let id = text.strip_prefix(self.name()).and_then(|it| it.strip_prefix('#'));
        Id::parse(id.unwrap_or(text))
    }

    pub(crate) fn socket(&self, id: Id) -> Option<Socket> {
        read(self.shard(id)).get(&id).map(|(socket, _)| socket.clone())
    }

    /// Makes a socket reachable by broadcasts.
    pub(crate) fn add(&self, socket: &Socket) {
        let membership = self.everybody.add(socket);
        write(self.shard(socket.id())).insert(socket.id(), (socket.clone(), membership));
    }

    /// The opposite of [`add`](Self::add).
    pub(crate) fn remove(&self, socket: &Socket) {
        let entry = {
            let mut shard = write(self.shard(socket.id()));
            let entry = shard.remove(&socket.id());
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit();
            }
            entry
        };
        if let Some((socket, membership)) = entry {
            self.everybody.remove(membership.chunk(), &socket);
        }
    }

    /// One counter for all sockets, as in the official server.
    pub(crate) fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// How long an ack is waited for if nobody says otherwise.
    pub(crate) fn ack_timeout(&self) -> Duration {
        self.reach.ack_timeout
    }

    /// The place in a cluster, if there is one.
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.reach.node.as_ref()
    }

    /// The handlers of events from other servers.
    pub(crate) fn server_side(&self) -> &Handlers {
        &self.server_side
    }

    pub(crate) fn connection_handlers(&self) -> Vec<EventHandler> {
        read(&self.table).connection.clone()
    }

    pub(crate) fn disconnect_handlers(&self) -> Vec<EventHandler> {
        read(&self.table).disconnect.clone()
    }

    pub(crate) fn middleware(&self) -> Vec<Middleware> {
        read(&self.table).middleware.clone()
    }

    pub(crate) fn handlers(&self, event: &str) -> Option<Arc<[EventHandler]>> {
        read(&self.table).events.get(event).cloned()
    }

    fn shard(&self, id: Id) -> &RwLock<HashMap<Id, (Socket, Membership)>> {
        // Ids are random: one character is as good as a hash.
        let index = usize::from(*id.as_str().as_bytes().first().unwrap_or(&0)) % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.sockets[index]
    }
}

impl fmt::Debug for NamespaceInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamespaceInner").field("name", &self.name).finish_non_exhaustive()
    }
}

const SHARDS: usize = 16;
