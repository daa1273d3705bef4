//! Namespaces: separate channels over one connection, each with its handlers, sockets and rooms.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crate::Id;
use crate::broadcast::Broadcast;
use crate::cluster::Node;
use crate::cluster::server_side::Handlers;
use crate::encoding::Encoding;
use crate::error::{ConnectError, EventError};
use crate::handler::{Handler, Middleware, erase};
use crate::listeners::{
    EventListener, HandlerId, Lifecycle, List, Listener, Listeners, Owner, Plan,
};
use crate::outgoing::Watcher;
use crate::recovery::{self, Recovery};
use crate::registration::registration;
use crate::rooms::events::RoomEvent;
use crate::rooms::{Chunk, Room, Rooms};
use crate::session::flusher::Flusher;
use crate::socket::Socket;
use crate::state::StateMap;
use crate::sync::{read, write};

pub(crate) mod dynamic;
pub(crate) mod parent_broadcast;
mod registry;

use dynamic::Child;
use registry::Registry;

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
    /// `connection` (or `connect`), `disconnecting`, `disconnect` and `error` (a packet that
    /// [`event_middleware`](Self::event_middleware) refused) are the lifecycle of sockets; clients
    /// cannot reach them by sending an event of that name. Every other name is an event from
    /// clients. Several handlers of one event run one after the other: those of the socket, then
    /// those of the namespace. A handler registered here costs nothing per socket. See [`Handler`]
    /// for what a handler may take.
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
    pub fn on<H, P>(&self, event: &str, handler: H) -> HandlerId
    where
        H: Handler<P, ()>,
    {
        let listener = Listener::of(handler);
        self.change(|owner, listeners| listeners.add(owner, event, listener))
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
        self.0.registry.add_middleware(erase(check));
    }

    /// Adds a check that every event from clients passes before any handler sees it, catch-all
    /// handlers included. Checks run one after the other: those of the namespace, then those of
    /// the socket ([`Socket::middleware`]).
    ///
    /// The first error refuses the event: no handler is called, an ack is answered with
    /// `{"error": "..."}` and the error's data, and the `error` handlers are called, which may
    /// take the [`EventError`].
    ///
    /// ```
    /// use switchboard::{EventError, EventName, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// let chat = io.of("/chat");
    /// chat.event_middleware(async |socket: Socket, EventName(name): EventName| {
    ///     let is_allowed = name != "delete" || socket.rooms().iter().any(|it| **it == *"admins");
    ///     if is_allowed { Ok(()) } else { Err(EventError::new("forbidden")) }
    /// });
    /// chat.on("error", async |error: EventError| println!("refused: {error}"));
    /// ```
    pub fn event_middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), EventError>>,
    {
        let check = erase(check);
        self.change(|_owner, listeners| listeners.add_check(check));
    }

    /// Switches [connection state recovery](Recovery) on or, with `None`, off for this namespace,
    /// whatever [`ServerBuilder::recovery`](crate::ServerBuilder::recovery) says. To be called
    /// before the namespace is used: later calls change nothing, and log a warning.
    ///
    /// ```
    /// use switchboard::{Recovery, Server};
    ///
    /// let io = Server::builder().build();
    /// io.of("/orders").recovery(Recovery::default());
    /// ```
    pub fn recovery(&self, options: impl Into<Option<Recovery>>) {
        if !self.0.reach.recovery.decide(options.into()) {
            tracing::warn!(namespace = self.name(), "recovery was decided before: nothing changes");
        }
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

    pub(crate) fn change<R>(&self, change: impl FnOnce(Owner, &mut Listeners) -> R) -> R {
        self.0.registry.change(change)
    }

    pub(crate) fn watching(&self) -> Arc<AtomicUsize> {
        self.0.registry.watching()
    }
}

registration!(Namespace, "the whole namespace, whichever the socket");

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}

/// What the handles and the sockets of a namespace share.
pub(crate) struct NamespaceInner {
    name: Box<str>,
    registry: Registry,
    /// Present in a dynamic namespace.
    child: Option<Box<Child>>,
    pub(crate) state: Arc<StateMap>,
    pub(crate) encoding: Encoding,
    sockets: [RwLock<HashSet<ById>>; SHARDS],
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
    /// Whether clients that were cut off come back.
    pub(crate) recovery: recovery::Switch,
    pub(crate) flusher: Arc<Flusher>,
}

impl NamespaceInner {
    pub(crate) fn new(name: &str, state: Arc<StateMap>, encoding: Encoding, reach: Reach) -> Self {
        Self {
            name: name.into(),
            registry: Registry::default(),
            child: None,
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

    /// Who writes broadcasts.
    pub(crate) fn flusher(&self) -> &Flusher {
        &self.reach.flusher
    }

    /// The log, if connections are recovered here.
    pub(crate) fn recovery(&self) -> Option<&Arc<recovery::Log>> {
        self.reach.recovery.log()
    }

    /// A namespace that exists because a client asked for it.
    pub(crate) fn in_family(self, child: Child) -> Self {
        let registry = Registry::in_family(child.registry());
        Self { registry, child: Some(Box::new(child)), ..self }
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
        read(self.shard(id)).get(&id).map(|it| it.socket.clone())
    }

    /// Makes a socket reachable by broadcasts. `connected` runs before anybody can find it, so that
    /// whoever finds it can put it out; and under the lock that [`remove`](Self::remove) takes, so
    /// that whoever has known it before does not leave it here.
    pub(crate) fn add(&self, socket: &Socket, connected: impl FnOnce()) {
        let mut shard = write(self.shard(socket.id()));
        connected();
        let chunk = self.everybody.add(socket);
        let before = shard.replace(ById { socket: socket.clone(), chunk });
        drop(shard);
        drop(before);
    }

    /// The opposite of [`add`](Self::add).
    pub(crate) fn remove(&self, socket: &Socket) {
        let entry = {
            let mut shard = write(self.shard(socket.id()));
            // A socket that was recovered has the id of the one before it.
            let id = socket.id();
            let is_ours = shard.get(&id).is_some_and(|it| it.socket.is(socket));
            let entry = is_ours.then(|| shard.take(&id)).flatten();
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit();
            }
            entry
        };
        if let Some(ById { socket, chunk }) = entry {
            self.everybody.remove(&chunk, &socket);
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

    /// The checks that a new socket passes: those of the family come first.
    pub(crate) fn middleware(&self) -> Vec<Middleware> {
        let family = self.family().map(Registry::middleware).unwrap_or_default();
        family.into_iter().chain(self.registry.middleware()).collect()
    }

    /// What an event meets here.
    pub(crate) fn plan(&self, event: &str) -> Plan {
        self.registry.plan(event)
    }

    /// What an event meets in the family of a dynamic namespace.
    pub(crate) fn family_plan(&self, event: &str) -> Option<Plan> {
        self.family().map(|it| it.plan(event))
    }

    /// The handlers of an occasion: those of the family come first.
    pub(crate) fn lifecycle(&self, occasion: Lifecycle) -> Vec<EventListener> {
        let lists = self.registries().map(|it| it.lifecycle(occasion));
        lists.flatten().flat_map(|it: Arc<[_]>| it.to_vec()).collect()
    }

    pub(crate) fn watchers(&self) -> [List<Watcher>; 2] {
        [self.family().and_then(Registry::watchers), self.registry.watchers()]
    }

    /// Whether anybody watches what is emitted, here or in a socket.
    pub(crate) fn is_watched(&self) -> bool {
        self.registry.is_watched()
    }

    pub(crate) fn watching(&self) -> Arc<AtomicUsize> {
        self.registry.watching()
    }

    /// Takes a handler out that has had its only call.
    pub(crate) fn forget_handler(&self, id: HandlerId) {
        for registry in self.registries() {
            let removed = registry.change(|_owner, listeners| listeners.remove(id));
            drop(removed);
        }
    }

    /// Drops the handlers of a server that has been closed.
    pub(crate) fn clear(&self) {
        self.registries().for_each(Registry::clear);
        self.server_side.clear();
        self.rooms.listeners().clear();
    }

    pub(crate) fn child(&self) -> Option<&Child> {
        self.child.as_deref()
    }

    fn family(&self) -> Option<&Registry> {
        self.child.as_ref().map(|it| it.registry())
    }

    fn registries(&self) -> impl Iterator<Item = &Registry> {
        self.family().into_iter().chain([&self.registry])
    }

    fn shard(&self, id: Id) -> &RwLock<HashSet<ById>> {
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

/// A socket of the namespace as its id, which stands in the socket: that makes the entries of the
/// table small.
struct ById {
    socket: Socket,
    /// Where it stands among [everybody](NamespaceInner::everybody).
    chunk: Arc<Chunk>,
}

impl Borrow<Id> for ById {
    fn borrow(&self) -> &Id {
        self.socket.id_ref()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.socket.id_ref().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.socket.id_ref() == other.socket.id_ref()
    }
}

impl Eq for ById {}

const SHARDS: usize = 16;
