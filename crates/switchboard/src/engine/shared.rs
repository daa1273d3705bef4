//! What all connections of a server share.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use switchboard_eio as eio;
use switchboard_sio as sio;
use switchboard_ws as ws;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::{Message, Starter};
use crate::bounds::ChosenBounds;
use crate::cluster::Node;
use crate::encoding::Encoding;
use crate::http::options::HttpOptions;
use crate::namespace::NamespaceInner;
use crate::namespaces::{ChildOptions, Namespaces};
use crate::packet_rate::PacketRate;
use crate::recovery::{Recovery, Switch};
use crate::rooms::RoomLimits;
use crate::session::driver::Driver;
use crate::session::flusher::Flusher;
use crate::session::{Command, Session};
use crate::state::StateMap;
use crate::sync::{read, write};
use crate::wheel::Wheel;
use crate::{DisconnectReason, Id};

/// Options after they have been checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) path: Box<str>,
    pub(crate) max_payload: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) ack_timeout: Duration,
    pub(crate) eio: eio::Config,
    pub(crate) sio: sio::Limits,
    pub(crate) allow_eio3: bool,
    pub(crate) encoding: Encoding,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) ws: ws::Limits,
    pub(crate) http: HttpOptions,
    pub(crate) bounds: ChosenBounds,
    pub(crate) rooms: RoomLimits,
    pub(crate) initial_packet: Option<Message>,
    pub(crate) keeps_requests: bool,
    pub(crate) packet_rate: Option<PacketRate>,
    /// The handler of a server without Socket.IO.
    pub(crate) raw: Option<Starter>,
    pub(crate) children: ChildOptions,
}

/// A server: its options, namespaces and sessions.
pub(crate) struct Engine {
    pub(crate) config: Config,
    /// The place in a cluster, if there is one.
    pub(crate) node: Option<Arc<Node>>,
    /// Where the connections live, once there was one.
    runtime: OnceLock<Handle>,
    pub(crate) sessions: Sessions,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) wheel: Arc<Wheel<Session>>,
    pub(crate) namespaces: Namespaces,
    is_closing: AtomicBool,
    /// Connection tasks that have not ended.
    tasks: AtomicUsize,
    tasks_ended: Notify,
}

impl Engine {
    pub(crate) fn new(config: Config, state: StateMap, node: Option<Arc<Node>>) -> Self {
        let wheel = Arc::new(Wheel::new());
        let recovery = Switch::new(&config, &wheel);
        let flusher = Arc::<Flusher>::default();
        let namespaces =
            Namespaces::new(&config, state, node.clone(), recovery, Arc::clone(&flusher));
        Self {
            config,
            node,
            runtime: OnceLock::new(),
            namespaces,
            sessions: Sessions::new(),
            flusher,
            wheel,
            is_closing: AtomicBool::new(false),
            tasks: AtomicUsize::new(0),
            tasks_ended: Notify::new(),
        }
    }

    /// The namespace of that name, if there is one.
    pub(crate) fn namespace(&self, name: &str) -> Option<Arc<NamespaceInner>> {
        self.namespaces.find(name)
    }

    /// Starts the task of a session that begins with long-polling. `false` if another session has
    /// its id.
    pub(crate) fn start_polling(&self, session: &Arc<Session>) -> bool {
        let is_new = self.admit(session);
        if is_new {
            tokio::spawn(Driver::polling(Arc::clone(session), Instant::now()));
        }
        is_new
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// Ends every session, and waits until the last of their tasks has ended.
    pub(crate) async fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        for session in self.sessions.all() {
            session.close(DisconnectReason::ServerShuttingDown);
        }
        loop {
            let mut ended = std::pin::pin!(self.tasks_ended.notified());
            ended.as_mut().enable();
            if self.tasks.load(Ordering::SeqCst) == 0 {
                break;
            }
            ended.await;
        }
        // Only now: disconnect handlers may still have told the others.
        self.leave_cluster();
        // Handlers may hold the server, which holds the handlers.
        self.namespaces.clear();
    }

    fn leave_cluster(&self) {
        if let Some(node) = &self.node {
            node.leave();
        }
    }

    /// A connection's task has ended.
    pub(crate) fn dismiss(&self) {
        if self.tasks.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.tasks_ended.notify_waiters();
        }
    }

    /// The runtime of the connections.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        self.runtime.get().cloned().or_else(|| Handle::try_current().ok())
    }

    /// Lets others find a session, whose task is about to begin. `false` if they would find another
    /// one by its id.
    pub(crate) fn admit(&self, session: &Arc<Session>) -> bool {
        self.runtime.get_or_init(Handle::current);
        self.tasks.fetch_add(1, Ordering::SeqCst);
        if !self.sessions.insert(session) {
            self.dismiss();
            return false;
        }
        if session.dialect.is_v3() && self.config.raw.is_none() {
            // Refused only when the task is gone, and it has not begun.
            session.outbox.command(Command::Enter).ok();
        }
        self.wheel.start();
        if self.is_closing() {
            // It slipped in while the others were being told.
            session.close(DisconnectReason::ServerShuttingDown);
        }
        true
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.leave_cluster();
        self.flusher.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A session as its id: the id stands in the session, so that an entry of the table takes 8 bytes
/// instead of 32, of which tables that grow by doubling have up to twice as many as are in use.
struct BySid(Arc<Session>);

impl Borrow<Id> for BySid {
    fn borrow(&self) -> &Id {
        &self.0.sid
    }
}

impl Hash for BySid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.sid.hash(state);
    }
}

impl PartialEq for BySid {
    fn eq(&self, other: &Self) -> bool {
        self.0.sid == other.0.sid
    }
}

impl Eq for BySid {}

/// Sessions by their id, reachable from every thread.
pub(crate) struct Sessions {
    hasher: RandomState,
    shards: [RwLock<HashSet<BySid>>; SHARDS],
}

impl Sessions {
    fn new() -> Self {
        Self { hasher: RandomState::new(), shards: Default::default() }
    }

    pub(crate) fn find(&self, sid: Id) -> Option<Arc<Session>> {
        read(self.shard(sid)).get(&sid).map(|it| Arc::clone(&it.0))
    }

    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|it| read(it).len()).sum()
    }

    /// Forgets a session. One that has got its id since is another.
    pub(crate) fn remove(&self, session: &Session) {
        let mut shard = write(self.shard(session.sid));
        let is_there = shard.get(&session.sid).is_some_and(|it| std::ptr::eq(&*it.0, session));
        let removed = if is_there { shard.take(&session.sid) } else { None };
        if shard.len() < shard.capacity() / 4 {
            shard.shrink_to_fit();
        }
        drop(shard);
        drop(removed);
    }

    /// `false` if there is a session of that id already.
    fn insert(&self, session: &Arc<Session>) -> bool {
        let mut shard = write(self.shard(session.sid));
        // `insert` alone would do, but for the new entry that it drops under the lock.
        !shard.contains(&session.sid) && shard.insert(BySid(Arc::clone(session)))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(read(shard).iter().map(|it| Arc::clone(&it.0)));
        }
        all
    }

    fn shard(&self, sid: Id) -> &RwLock<HashSet<BySid>> {
        let index = self.hasher.hash_one(sid) as usize % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.shards[index]
    }
}

const SHARDS: usize = 16;
