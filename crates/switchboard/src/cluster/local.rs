//! Servers of one process that act as one.

use std::sync::{Arc, RwLock, Weak};

use super::Node;
use super::message::{Adapter, Heard, Message};
use crate::Id;
use crate::engine::Engine;
use crate::sync::{read, write};

/// A cluster of servers in one process: on several ports or with several options, in sharded
/// runtimes, or in tests of what a cluster does. Cheap to clone; clones are the same cluster.
///
/// Messages between the servers are plain function calls, so that what one thread emits arrives
/// everywhere in the order of the emits. All servers must use the same parser.
///
/// ```
/// use switchboard::{Server, cluster::Local};
///
/// let cluster = Local::new();
/// let public = Server::builder().cluster(&cluster).build();
/// let internal = Server::builder().path("/internal").cluster(&cluster).build();
/// assert_eq!(public.server_count(), 2);
/// // Reaches the clients of both, and of the public one alone:
/// internal.emit("news", "hello").unwrap();
/// public.local().emit("news", "hello").unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Local(Arc<RwLock<Vec<Member>>>);

#[derive(Clone, Debug)]
struct Member {
    id: Id,
    engine: Weak<Engine>,
}

impl Local {
    /// A cluster without servers; see [`ServerBuilder::cluster`](crate::ServerBuilder::cluster).
    pub fn new() -> Self {
        Self::default()
    }

    /// A place for a server that is being built.
    pub(crate) fn node(&self) -> Arc<Node> {
        let id = Id::random();
        Arc::new(Node::new(id, Box::new(Line { cluster: self.clone(), id })))
    }

    /// The server that has that place is there from now on.
    pub(crate) fn enter(&self, node: &Node, engine: &Arc<Engine>) {
        let engine = Arc::downgrade(engine);
        write(&self.0).push(Member { id: node.id(), engine });
    }
}

/// One server's way to the others.
#[derive(Debug)]
struct Line {
    cluster: Local,
    id: Id,
}

impl Line {
    fn members(&self) -> Vec<Member> {
        let members = read(&self.cluster.0).clone();
        // Whoever has left hears and says nothing any more.
        let is_member = members.iter().any(|it| it.id == self.id);
        if is_member { members } else { Vec::new() }
    }

    fn other_engines(&self) -> impl Iterator<Item = Arc<Engine>> {
        let others = self.members().into_iter().filter(|it| it.id != self.id);
        others.filter_map(|it| it.engine.upgrade())
    }
}

impl Adapter for Line {
    fn publish(&self, message: &Message<'_>) {
        self.other_engines().for_each(|engine| engine.hear(self.id, message));
    }

    fn answer(&self, server: Id, request: u64, answer: Heard) {
        let asker = self.members().into_iter().find(|it| it.id == server);
        let asker = asker.and_then(|it| it.engine.upgrade());
        if let Some(node) = asker.as_ref().and_then(|it| it.node.as_ref()) {
            node.hear_answer(request, answer);
        }
    }

    fn others(&self) -> Vec<Id> {
        self.members().iter().map(|it| it.id).filter(|id| *id != self.id).collect()
    }

    fn leave(&self) {
        let others: Vec<_> = self.other_engines().collect();
        write(&self.cluster.0).retain(|it| it.id != self.id);
        for node in others.iter().filter_map(|it| it.node.as_ref()) {
            node.lose(self.id);
        }
    }
}
