//! Broadcasts: one packet for many sockets.

use std::collections::HashSet;
use std::sync::Arc;

use switchboard_sio::{Args, EncodeError};

use crate::Id;
use crate::namespace::NamespaceInner;
use crate::outgoing::{To, Written};
use crate::prepared::Prepared;
use crate::socket::Socket;

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
///     socket.to("readers").to("editors").except("muted").emit("news", &text).ok();
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a broadcast reaches nobody before `emit`"]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    rooms: Vec<Box<str>>,
    except: Vec<Box<str>>,
    sender: Option<Id>,
}

impl Broadcast {
    pub(crate) fn new(namespace: Arc<NamespaceInner>, sender: Option<Id>) -> Self {
        Self { namespace, rooms: Vec::new(), except: Vec::new(), sender }
    }

    /// Adds the members of `room`.
    pub fn to(mut self, room: impl AsRef<str>) -> Self {
        self.rooms.push(room.as_ref().into());
        self
    }

    /// The same as [`to`](Self::to), which some find easier to read.
    pub fn within(self, room: impl AsRef<str>) -> Self {
        self.to(room)
    }

    /// Leaves out the members of `room`.
    pub fn except(mut self, room: impl AsRef<str>) -> Self {
        self.except.push(room.as_ref().into());
        self
    }

    /// Sends an event to all chosen sockets. Encoded once, whatever their number.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON. Then nobody gets anything.
    pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        if self.namespace.is_watched() {
            let written = Written::new(args)?;
            written.show(&self.namespace, event, To::Many(&self.sockets()));
            return self.emit_unseen(event, written.args());
        }
        self.emit_unseen(event, args)
    }

    fn emit_unseen<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        let encoding = self.namespace.encoding;
        let packet = encoding.event(self.namespace.name(), None, event, args)?;
        let prepared = Prepared::new(packet);
        self.for_each(|socket| socket.session().outbox.push_shared(&prepared));
        Ok(())
    }

    /// The chosen sockets of this node.
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.for_each(|socket| sockets.push(socket.clone()));
        sockets
    }

    /// Disconnects the chosen sockets from this namespace.
    pub fn disconnect(&self) {
        // Collected first: a disconnect changes the rooms that are being walked.
        self.sockets().iter().for_each(Socket::disconnect);
    }

    /// Puts the chosen sockets into `room`.
    pub fn join(&self, room: impl AsRef<str>) {
        self.sockets().iter().for_each(|socket| socket.join(room.as_ref()));
    }

    /// Takes the chosen sockets out of `room`.
    pub fn leave(&self, room: impl AsRef<str>) {
        self.sockets().iter().for_each(|socket| socket.leave(room.as_ref()));
    }

    fn for_each(&self, mut visit: impl FnMut(&Socket)) {
        let mut seen = self.excluded();
        let sender = self.sender;
        match self.rooms.as_slice() {
            [] => self.namespace.everybody().for_each(|socket| {
                if sender != Some(socket.id()) && !seen.contains(&socket.id()) {
                    visit(socket);
                }
            }),
            // One room cannot hold a socket twice: nothing to remember.
            [room] if seen.is_empty() => self.visit_room(room, |socket| {
                if sender != Some(socket.id()) {
                    visit(socket);
                }
            }),
            rooms => {
                for room in rooms {
                    self.visit_room(room, |socket| {
                        if sender != Some(socket.id()) && seen.insert(socket.id()) {
                            visit(socket);
                        }
                    });
                }
            }
        }
    }

    fn excluded(&self) -> HashSet<Id> {
        let mut ids = HashSet::new();
        for room in &self.except {
            self.visit_room(room, |socket| {
                ids.insert(socket.id());
            });
        }
        ids
    }

    fn visit_room(&self, name: &str, mut visit: impl FnMut(&Socket)) {
        if let Some(room) = self.namespace.rooms().find(name) {
            room.for_each(&mut visit);
        }
        if let Some(socket) = Id::parse(name).and_then(|id| self.namespace.socket(id)) {
            visit(&socket);
        }
    }
}
