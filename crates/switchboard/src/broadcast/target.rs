//! Who is meant by a broadcast: rooms, exceptions, and not the sender.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::Id;
use crate::namespace::NamespaceInner;
use crate::socket::Socket;

/// The sockets that a broadcast means, by their rooms: the same on every server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) rooms: Vec<Box<str>>,
    pub(crate) except: Vec<Box<str>>,
    pub(crate) sender: Option<Id>,
}

impl Target {
    /// A number that is the same for the same recipients, and seldom for others. The sender is not
    /// in it: two members who write in turn mean nearly the same.
    pub(crate) fn recipients(&self, namespace: &NamespaceInner) -> u64 {
        let mut hasher = DefaultHasher::new();
        std::ptr::from_ref(namespace).hash(&mut hasher);
        self.rooms.hash(&mut hasher);
        self.except.hash(&mut hasher);
        hasher.finish()
    }

    /// Calls `visit` once for every socket of this server that is meant, also if its middleware
    /// has put it into a room and it has not been let in yet. A lock of the room is held meanwhile:
    /// nothing that may run code of the application, or join and leave.
    pub(crate) fn for_each(&self, namespace: &NamespaceInner, mut visit: impl FnMut(&Socket)) {
        let mut seen = self.excluded(namespace);
        let sender = self.sender;
        match self.rooms.as_slice() {
            [] => namespace.everybody().for_each(|socket| {
                if sender != Some(socket.id()) && !seen.contains(&socket.id()) {
                    visit(socket);
                }
            }),
            // One room cannot hold a socket twice: nothing to remember.
            [room] if seen.is_empty() => visit_room(namespace, room, |socket| {
                if sender != Some(socket.id()) {
                    visit(socket);
                }
            }),
            rooms => {
                for room in rooms {
                    visit_room(namespace, room, |socket| {
                        if sender != Some(socket.id()) && seen.insert(socket.id()) {
                            visit(socket);
                        }
                    });
                }
            }
        }
    }

    /// The sockets of this server that are meant, and connected.
    pub(crate) fn sockets(&self, namespace: &NamespaceInner) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.for_each(namespace, |socket| {
            if socket.is_connected() {
                sockets.push(socket.clone());
            }
        });
        sockets
    }

    fn excluded(&self, namespace: &NamespaceInner) -> HashSet<Id> {
        let mut ids = HashSet::new();
        for room in &self.except {
            visit_room(namespace, room, |socket| {
                ids.insert(socket.id());
            });
        }
        ids
    }
}

fn visit_room(namespace: &NamespaceInner, name: &str, mut visit: impl FnMut(&Socket)) {
    if let Some(room) = namespace.rooms().find(name) {
        room.for_each(&mut visit);
    }
    if let Some(socket) = namespace.parse_id(name).and_then(|id| namespace.socket(id)) {
        visit(&socket);
    }
}
