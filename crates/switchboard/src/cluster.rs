//! Several servers that act as one: broadcasts, acks of broadcasts, fetched sockets, joins, leaves
//! and disconnects reach the sockets of all of them.
//!
//! | file | what it knows |
//! |---|---|
//! | `message.rs` | what servers tell each other: a closed set |
//! | `local.rs` | servers of one process: [`Local`] |
//! | `hear.rs` | what a server does with a message of another one |
//! | `answers.rs` | the way of answers to whoever has asked, and their limit |
//! | `replies.rs` | questions to other servers, and the way back of the answers |
//! | `server_side.rs` | events between servers |
//!
//! A server without a cluster has none of this, and pays nothing for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::Id;
use crate::sync::lock;
use answers::Answers;
use message::{Adapter, Heard, Message};

pub(crate) mod answers;
mod hear;
mod local;
pub(crate) mod message;
pub(crate) mod replies;
pub(crate) mod server_side;

pub use local::Local;
pub use server_side::{ServerSide, ServerSideAck, ServerSideAckError};

/// One server's place in its cluster.
pub(crate) struct Node {
    id: Id,
    adapter: Box<dyn Adapter>,
    /// Questions of ours that wait for answers. Each is bounded by its timeout.
    requests: Mutex<HashMap<u64, Answers>>,
    next_request: AtomicU64,
}

impl Node {
    pub(crate) fn new(id: Id, adapter: Box<dyn Adapter>) -> Self {
        let (requests, next_request) = (Mutex::default(), AtomicU64::new(0));
        Self { id, adapter, requests, next_request }
    }

    /// What the other servers know this one by.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// How many servers there are, this one included.
    pub(crate) fn server_count(&self) -> usize {
        self.adapter.others().len() + 1
    }

    /// Tells every other server.
    pub(crate) fn publish(&self, message: &Message<'_>) {
        self.adapter.publish(message);
    }

    /// Answers a question of another server.
    pub(crate) fn answer(&self, server: Id, request: u64, answer: Heard) {
        self.adapter.answer(server, request, answer);
    }

    /// Opens a question, whose answers go to `answers`. Gives the servers that will be asked too.
    pub(crate) fn open(self: &Arc<Self>, answers: Answers) -> (OpenRequest, Vec<Id>) {
        let id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let mut requests = lock(&self.requests);
        requests.insert(id, answers);
        // Under the lock: a server that goes is struck from the list first and told as lost then,
        // so it is either not listed here or heard of as lost.
        let servers = self.adapter.others();
        (OpenRequest { node: Arc::clone(self), id }, servers)
    }

    /// Another server has answered.
    pub(crate) fn hear_answer(&self, request: u64, answer: Heard) {
        let asker = lock(&self.requests).get(&request).cloned();
        if let Some(asker) = asker {
            asker.send(answer);
        }
    }

    /// Another server is gone, and will not answer.
    pub(crate) fn lose(&self, server: Id) {
        let askers: Vec<_> = lock(&self.requests).values().cloned().collect();
        for asker in askers {
            asker.send(Heard::Lost(server));
        }
    }

    /// Leaves the cluster for good.
    pub(crate) fn leave(&self) {
        self.adapter.leave();
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A question to other servers, open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    node: Arc<Node>,
    pub(crate) id: u64,
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let asker = lock(&self.node.requests).remove(&self.id);
        drop(asker);
    }
}
