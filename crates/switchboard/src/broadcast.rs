//! Broadcasts: one packet for many sockets.
//!
//! | file | what it knows |
//! |---|---|
//! | `target.rs` | who is meant |
//! | `acks.rs` | answers of many sockets to one event |
//! | `remote.rs` | sockets as every server of a cluster sees them |
//! | `shortcuts.rs` | the same methods on [`Namespace`](crate::Namespace) and [`Server`](crate::Server) |

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, EncodeError};

use crate::Id;
use crate::cluster::Node;
use crate::cluster::message::{Body, Heard, Message};
use crate::cluster::replies::Replies;
use crate::error::ClusterError;
use crate::flags::Flags;
use crate::namespace::NamespaceInner;
use crate::outgoing::To;
use crate::prepared::Prepared;
use crate::rooms::names::{self, IntoRooms};
use crate::session::flusher::FanOut;
use crate::socket::Socket;
use acks::BroadcastAck;
use remote::RemoteSocket;
use target::Target;

pub(crate) mod acks;
pub(crate) mod remote;
mod shortcuts;
pub(crate) mod target;

/// Chooses the sockets of a broadcast. Made by [`Namespace::to`](crate::Namespace::to),
/// [`Socket::to`](crate::Socket::to) and their relatives.
///
/// Rooms add up: a socket in several of them gets the packet once. A socket's id counts as a room
/// that holds just this socket. Without any room the whole namespace is meant.
///
/// ```
/// use switchboard::{Data, Server, Socket};
///
/// let io = Server::builder().build();
/// io.of("/").on("news", async |socket: Socket, Data(text): Data<String>| {
///     // To two rooms, but not to the sender and not to those who muted it.
///     socket.to(["readers", "editors"]).except("muted").emit("news", &text).ok();
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a broadcast reaches nobody before `emit`"]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    target: Target,
    flags: Flags,
    is_local: bool,
    ack_timeout: Option<Duration>,
}

impl Broadcast {
    pub(crate) fn new(namespace: Arc<NamespaceInner>, sender: Option<Id>) -> Self {
        Self {
            namespace,
            target: Target { sender, ..Target::default() },
            flags: Flags::default(),
            is_local: false,
            ack_timeout: None,
        }
    }

    pub(crate) fn with_flags(self, flags: Flags, ack_timeout: Option<Duration>) -> Self {
        Self { flags, ack_timeout, ..self }
    }

    /// Adds the members of the room, or of several.
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        names::add(rooms, &mut self.target.rooms);
        self
    }

    /// The same as [`to`](Self::to), under its other official name.
    pub fn in_(self, rooms: impl IntoRooms) -> Self {
        self.to(rooms)
    }

    /// The same as [`to`](Self::to), which some find easier to read.
    pub fn within(self, rooms: impl IntoRooms) -> Self {
        self.to(rooms)
    }

    /// Leaves out the members of the room, or of several.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        names::add(rooms, &mut self.target.except);
        self
    }

    /// What is emitted may be lost: a client gets it only if its connection can take it at once,
    /// that is, if nothing else waits for it and, with long-polling, a poll is there. For values
    /// that the next one makes worthless, such as positions. Under pressure these go first.
    pub fn volatile(mut self) -> Self {
        self.flags.is_volatile = true;
        self
    }

    /// Whether what is emitted is compressed where the connection compresses. Default `true`;
    /// `false` saves the work for data that is small or compressed already.
    pub fn compress(mut self, compress: bool) -> Self {
        self.flags.compress = compress;
        self
    }

    /// Only sockets of this server are meant, in a cluster of several.
    pub fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    /// How long [`emit_with_ack`](Self::emit_with_ack) waits for the clients. Default: the
    /// server's [`ack_timeout`](crate::ServerBuilder::ack_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = Some(timeout);
        self
    }

    /// Sends an event to all chosen sockets. Encoded once, whatever their number.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON. Then nobody gets anything.
    pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        self.deliver(&self.prepare(event, None, args)?);
        Ok(())
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub fn send<A: Args>(&self, args: A) -> Result<(), EncodeError> {
        self.emit("message", args)
    }

    /// Sends an event to all chosen sockets, and waits for the acknowledgement of each.
    ///
    /// The event is on its way before the first `.await`; everybody gets the same bytes.
    ///
    /// ```
    /// use std::time::Duration;
    /// use switchboard::{BroadcastAckError, Server};
    ///
    /// # async fn run(io: Server) {
    /// let asked = io.to("voters").timeout(Duration::from_secs(5)).emit_with_ack::<bool>("vote", ());
    /// match asked.await {
    ///     Ok(votes) => println!("all {} have voted", votes.len()),
    ///     Err(BroadcastAckError::Incomplete { answers, missing, .. }) => {
    ///         println!("{} have voted, {} have not", answers.len(), missing.len());
    ///     }
    ///     Err(error) => println!("{error}"),
    /// }
    /// # }
    /// ```
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Args,
    ) -> BroadcastAck<T> {
        BroadcastAck::new(self.gather(event, args), |it| it.arg())
    }

    /// The chosen sockets of this server. Those of others: [`fetch_sockets`](Self::fetch_sockets).
    pub fn sockets(&self) -> Vec<Socket> {
        self.target.sockets(&self.namespace)
    }

    /// The chosen sockets of every server in the cluster.
    ///
    /// # Errors
    ///
    /// [`ClusterError`] when a server of the cluster does not answer within 5 s.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, ClusterError> {
        let own = self.sockets();
        let mut snapshots: Vec<_> = own.iter().map(Socket::snapshot).collect();
        if let Some(node) = self.node() {
            let replies = Replies::open(node);
            let (target, request) = (&self.target, replies.request());
            node.publish(&self.message(Body::Fetch { target, request }));
            let missing = replies.collect(|heard| {
                let Heard::Sockets(_, sockets) = heard else { return false };
                snapshots.extend(sockets);
                true
            });
            match missing.await {
                0 => (),
                servers_missing => return Err(ClusterError::Timeout { servers_missing }),
            }
        }
        Ok(snapshots.into_iter().map(|it| RemoteSocket::new(&self.namespace, it)).collect())
    }

    /// Puts the chosen sockets into a room, or several. One that has reached a limit (see
    /// [`Socket::join`]) stays as it is.
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        let rooms = names::boxed(rooms);
        self.namespace.sockets_join(&self.target, &rooms);
        self.publish(Body::Join { target: &self.target, rooms: &rooms });
    }

    /// Takes the chosen sockets out of a room, or several.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        let rooms = names::boxed(rooms);
        self.namespace.sockets_leave(&self.target, &rooms);
        self.publish(Body::Leave { target: &self.target, rooms: &rooms });
    }

    /// Disconnects the chosen sockets from this namespace; with `close`, ends their whole
    /// connections.
    pub fn disconnect_sockets(&self, close: bool) {
        self.namespace.disconnect_sockets(&self.target, close);
        self.publish(Body::Disconnect { target: &self.target, close });
    }

    /// The one place where an event for many is encoded, after whoever watches has seen it.
    fn prepare(
        &self,
        event: &str,
        id: Option<u64>,
        args: impl Args,
    ) -> Result<Prepared, EncodeError> {
        let namespace = &self.namespace;
        let packet = namespace.encode_event(event, id, args, |written| {
            written.show(namespace, event, To::Many(&self.sockets()));
        })?;
        Ok(Prepared::new(packet, self.flags))
    }

    /// The one way by which every broadcast without an ack goes.
    fn deliver(&self, packet: &Prepared) {
        self.namespace.deliver(&self.target, packet);
        self.publish(Body::Broadcast { target: &self.target, packet });
    }

    /// The cluster, where one is meant.
    fn node(&self) -> Option<&Arc<Node>> {
        self.namespace.node().filter(|_| !self.is_local)
    }

    fn message<'a>(&'a self, body: Body<'a>) -> Message<'a> {
        Message { namespace: self.namespace.name(), body }
    }

    /// Tells the other servers, where they are meant.
    fn publish(&self, body: Body<'_>) {
        if let Some(node) = self.node() {
            node.publish(&self.message(body));
        }
    }
}

impl NamespaceInner {
    /// Hands a packet to the sockets of this server that are meant.
    pub(crate) fn deliver(&self, target: &Target, packet: &Prepared) {
        match self.recovery() {
            Some(log) if !packet.flags().is_volatile => log.broadcast(self, packet, target),
            _ => {
                let mut fan_out = FanOut::to(target.recipients(self), packet, self.flusher());
                target.for_each(self, |socket| {
                    if socket.is_connected() {
                        fan_out.push(socket.session(), packet);
                    }
                });
            }
        }
    }

    pub(crate) fn sockets_join(&self, target: &Target, rooms: &[Box<str>]) {
        for socket in target.sockets(self) {
            // A socket at its limit stays as it is, as documented.
            socket.join(rooms).ok();
        }
    }

    pub(crate) fn sockets_leave(&self, target: &Target, rooms: &[Box<str>]) {
        target.sockets(self).iter().for_each(|socket| socket.leave(rooms));
    }

    pub(crate) fn disconnect_sockets(&self, target: &Target, close: bool) {
        for socket in target.sockets(self) {
            if close { socket.close() } else { socket.disconnect() }
        }
    }
}
