//! Broadcasts to all namespaces of a family.

use switchboard_sio::{Args, EncodeError};

use super::Namespace;
use super::dynamic::ParentNamespace;
use crate::broadcast::Broadcast;
use crate::broadcast::remote::RemoteSocket;
use crate::error::ClusterError;
use crate::rooms::names::{self, IntoRooms};
use crate::socket::Socket;

/// A broadcast in every namespace that a family had, on this server, when it was begun.
///
/// ```
/// let io = switchboard::Server::builder().build();
/// let tenants = io.of_fn(async |name, _auth| name.starts_with("/tenant-"));
/// tenants.to("admins").except("away").emit("maintenance", &"in an hour").ok();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a broadcast reaches nobody before `emit`"]
pub struct ParentBroadcast(Vec<Broadcast>);

impl ParentBroadcast {
    /// Adds the members of the room, or of several.
    pub fn to(self, rooms: impl IntoRooms) -> Self {
        let rooms = names::boxed(rooms);
        self.each(|it| it.to(&rooms[..]))
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
    pub fn except(self, rooms: impl IntoRooms) -> Self {
        let rooms = names::boxed(rooms);
        self.each(|it| it.except(&rooms[..]))
    }

    /// Changes the broadcast of each namespace, by whatever a [`Broadcast`] can do.
    pub fn each(self, change: impl FnMut(Broadcast) -> Broadcast) -> Self {
        Self(self.0.into_iter().map(change).collect())
    }

    /// What is emitted may be lost; see [`Broadcast::volatile`].
    pub fn volatile(self) -> Self {
        self.each(Broadcast::volatile)
    }

    /// Whether what is emitted is compressed; see [`Broadcast::compress`].
    pub fn compress(self, compress: bool) -> Self {
        self.each(|it| it.compress(compress))
    }

    /// Only sockets of this server are meant, in a cluster of several.
    pub fn local(self) -> Self {
        self.each(Broadcast::local)
    }

    /// Sends an event.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON. Then nobody gets anything.
    pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        let written = crate::outgoing::Written::new(args)?;
        self.0.iter().try_for_each(|it| it.emit(event, written.args()))
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub fn send<A: Args>(&self, args: A) -> Result<(), EncodeError> {
        self.emit("message", args)
    }

    /// The chosen sockets of this server.
    pub fn sockets(&self) -> Vec<Socket> {
        self.0.iter().flat_map(Broadcast::sockets).collect()
    }

    /// The chosen sockets of every server in the cluster, one namespace after the other. The
    /// official server does not offer this.
    ///
    /// # Errors
    ///
    /// [`ClusterError`] when a server of the cluster does not answer within 5 s.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, ClusterError> {
        let mut sockets = Vec::new();
        for broadcast in &self.0 {
            sockets.extend(broadcast.fetch_sockets().await?);
        }
        Ok(sockets)
    }

    /// Puts the chosen sockets into a room, or several, each in its own namespace; see
    /// [`Broadcast::sockets_join`].
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        let rooms = names::boxed(rooms);
        self.0.iter().for_each(|it| it.sockets_join(&rooms[..]));
    }

    /// Takes the chosen sockets out of a room, or several.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        let rooms = names::boxed(rooms);
        self.0.iter().for_each(|it| it.sockets_leave(&rooms[..]));
    }

    /// Disconnects the chosen sockets; see [`Broadcast::disconnect_sockets`].
    pub fn disconnect_sockets(&self, close: bool) {
        self.0.iter().for_each(|it| it.disconnect_sockets(close));
    }
}

/// What is done to the sockets of all namespaces of the family.
impl ParentNamespace {
    /// A broadcast to the whole family.
    pub fn broadcast(&self) -> ParentBroadcast {
        ParentBroadcast(self.children().iter().map(Namespace::broadcast).collect())
    }

    /// Sends an event to every socket of every namespace of the family. Costs an encoding for each
    /// namespace, because its name is part of the packet. For acknowledgements, ask each of the
    /// [`children`](Self::children).
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON. Then nobody gets anything.
    pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        self.broadcast().emit(event, args)
    }

    /// Sends the event `message` to every socket of the family.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub fn send<A: Args>(&self, args: A) -> Result<(), EncodeError> {
        self.broadcast().send(args)
    }

    /// A broadcast to the members of the room, or of several, in each namespace of the family.
    pub fn to(&self, rooms: impl IntoRooms) -> ParentBroadcast {
        self.broadcast().to(rooms)
    }

    /// The same as [`to`](Self::to), under its other official name.
    pub fn in_(&self, rooms: impl IntoRooms) -> ParentBroadcast {
        self.to(rooms)
    }

    /// The same as [`to`](Self::to), which some find easier to read.
    pub fn within(&self, rooms: impl IntoRooms) -> ParentBroadcast {
        self.to(rooms)
    }

    /// A broadcast to everybody but the members of the room, or of several, in each namespace of
    /// the family.
    pub fn except(&self, rooms: impl IntoRooms) -> ParentBroadcast {
        self.broadcast().except(rooms)
    }

    /// A broadcast that may be lost; see [`Broadcast::volatile`].
    pub fn volatile(&self) -> ParentBroadcast {
        self.broadcast().volatile()
    }

    /// A broadcast that is compressed or not; see [`Broadcast::compress`].
    pub fn compress(&self, compress: bool) -> ParentBroadcast {
        self.broadcast().compress(compress)
    }

    /// A broadcast to the sockets of this server alone; see [`Broadcast::local`].
    pub fn local(&self) -> ParentBroadcast {
        self.broadcast().local()
    }

    /// Every connected socket of the family on this server.
    pub fn sockets(&self) -> Vec<Socket> {
        self.broadcast().sockets()
    }

    /// How many sockets of the family are connected to this server.
    pub fn sockets_count(&self) -> usize {
        self.children().iter().map(Namespace::sockets_count).sum()
    }

    /// The sockets of the family on every server; see [`ParentBroadcast::fetch_sockets`].
    ///
    /// # Errors
    ///
    /// [`ClusterError`] when a server of the cluster does not answer.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, ClusterError> {
        self.broadcast().fetch_sockets().await
    }

    /// Puts every socket of the family into a room, or several, each in its own namespace.
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        self.broadcast().sockets_join(rooms);
    }

    /// Takes every socket of the family out of a room, or several.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        self.broadcast().sockets_leave(rooms);
    }

    /// Disconnects every socket of the family; see [`Broadcast::disconnect_sockets`].
    pub fn disconnect_sockets(&self, close: bool) {
        self.broadcast().disconnect_sockets(close);
    }
}
