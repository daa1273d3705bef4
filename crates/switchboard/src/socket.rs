//! Sockets: one client in one namespace.
//!
//! | file | what it knows |
//! |---|---|
//! | `emitter.rs` | what a socket sends |
//! | `acks.rs` | the answers that it waits for |
//! | `rooms.rs` | the rooms that it is in |
//! | `listening.rs` | the handlers that it has of its own |

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::encoding::Encoding;
use crate::error::DisconnectReason;
use crate::handshake::Handshake;
use crate::listeners::Listeners;
use crate::namespace::NamespaceInner;
use crate::recovery::{self, Track};
use crate::rooms::Membership;
use crate::rooms::events::RoomEvents;
use crate::session::{Command, Session};
use crate::state::StateMap;
use crate::sync::lock;
use crate::{Id, Transport};
use acks::Waiter;

mod acks;
mod emitter;
mod listening;
mod recovering;
mod rooms;

pub use emitter::Emitter;

/// One client in one namespace. Cheap to clone; clones are the same socket.
///
/// A clone that outlives the connection does no harm: what it emits goes nowhere.
#[derive(Clone)]
pub struct Socket(Arc<SocketInner>);

impl Socket {
    /// A socket of a client that joins with this `auth` payload.
    pub(crate) fn new(
        namespace: Arc<NamespaceInner>,
        session: Arc<Session>,
        auth: &str,
        id: Option<Id>,
        track: Option<Box<Track>>,
    ) -> Self {
        // Clients of Engine.IO 3 take the session's id for the socket's; see `displayed_id`.
        let fresh = || if session.dialect.is_v3() { session.sid } else { Id::random() };
        let id = id.unwrap_or_else(fresh);
        Self(Arc::new(SocketInner {
            id,
            handshake: session.handshake.with_auth(auth),
            namespace,
            session,
            track,
            is_connected: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            listens: AtomicBool::new(false),
            rooms: Mutex::new(Some(Vec::new())),
            own: Mutex::new(None),
        }))
    }

    /// The public id, which the client sees as `socket.id`.
    pub fn id(&self) -> Id {
        self.0.id
    }

    pub(crate) fn id_ref(&self) -> &Id {
        &self.0.id
    }

    /// The id as the client itself shows it: nearly always [`id`](Self::id).
    ///
    /// Clients of Engine.IO 3 (see [`allow_eio3`](crate::ServerBuilder::allow_eio3)) derive it
    /// from the id of their session: `socket.id` is that id in the namespace `/`, and `/chat#id` in
    /// `/chat`. Where a room or a socket is named by its id, both forms are understood.
    pub fn displayed_id(&self) -> Cow<'_, str> {
        self.0.session.dialect.displayed_id(self.namespace(), &self.0.id)
    }

    /// Whether both are the same socket.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        self.0.namespace.name()
    }

    /// Whether the client is connected to the namespace.
    pub fn is_connected(&self) -> bool {
        self.0.is_connected.load(Ordering::Acquire)
    }

    /// The request that opened the connection, and the auth payload of this socket.
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.0.handshake
    }

    /// How the client is connected right now.
    pub fn transport(&self) -> Transport {
        self.0.session.transport()
    }

    /// Waits until less than 1 MiB is on its way to this client, or the connection is closed.
    ///
    /// A producer that awaits this between emits never makes its client a slow consumer.
    pub async fn ready(&self) {
        self.0.session.outbox.ready().await;
    }

    /// Puts the client out of this namespace. Its other namespaces go on. A client whose connection
    /// was cut before cannot come back with its state ([recovered](Self::recovered)) any more.
    pub fn disconnect(&self) {
        if !self.0.is_connected.swap(false, Ordering::AcqRel) {
            if let Some((log, track)) = self.tracked() {
                log.forget(track);
            }
            return;
        }
        self.detach(None);
        // The task tells the client: told sooner, it might come back before the task knows that it
        // has gone. Refused only when the task is gone, and then the socket has had its end.
        self.0.session.outbox.command(Command::Disconnected(self.clone())).ok();
    }

    /// Tells the client that it was put out.
    pub(crate) fn say_goodbye(&self) {
        self.0.session.outbox.push_packet(&self.encoding().disconnect(self.namespace()));
    }

    /// Closes the whole connection, with all namespaces of this client: `disconnect(true)` of the
    /// official server.
    pub fn close(&self) {
        self.0.session.close(DisconnectReason::ForcedServerClose);
    }

    /// Keeps a value with the socket, one of each type, until the socket ends.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) {
        let mut late = Own::default();
        let replaced = self.with_own(&mut late, |own| own.values.insert(value));
        drop(replaced);
    }

    /// The value of that type, if one was kept.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        lock(&self.0.own).as_ref()?.values.find()
    }

    /// Keeps the data that belongs to this socket: one value, of a type of your choice, which
    /// replaces the one before. It is kept as JSON, so that it can be read on other nodes and
    /// comes back when a connection is recovered. For what cannot be written as JSON there is
    /// [`insert`](Self::insert).
    ///
    /// ```
    /// use switchboard::{Server, Socket};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct User { name: String }
    ///
    /// let io = Server::builder().build();
    /// io.on("connection", async |socket: Socket| {
    ///     socket.set_data(&User { name: "Ada".to_owned() }).ok();
    ///     let user: Option<User> = socket.data();
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`serde_json::Error`] when the value cannot be written as JSON; then the old one stays.
    pub fn set_data<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), serde_json::Error> {
        let data = serde_json::value::to_raw_value(value)?;
        self.with_own(&mut Own::default(), |own| own.data = Some(data));
        Ok(())
    }

    /// What [`set_data`](Self::set_data) keeps. `None` when there is nothing, or nothing of that
    /// type.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.raw_data()?.get()).ok()
    }

    pub(crate) fn raw_data(&self) -> Option<Box<RawValue>> {
        lock(&self.0.own).as_ref()?.data.clone()
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    pub(crate) fn namespace_inner(&self) -> &Arc<NamespaceInner> {
        &self.0.namespace
    }

    /// The client is told first, then broadcasts may reach it.
    ///
    /// `false` when the client wanted its state back and cannot have it.
    pub(crate) fn attach(&self) -> bool {
        if let Some((log, track)) = self.tracked() {
            let attached = log.attach(self, track);
            return attached.map(RoomEvents::tell).is_some();
        }
        self.go_live(None);
        true
    }

    pub(crate) fn go_live(&self, pid: Option<Id>) {
        let packet = if self.0.session.dialect.is_v3() {
            self.encoding().connect_v3(self.namespace())
        } else {
            let pid = pid.as_ref().map(Id::as_str);
            self.encoding().connect(self.namespace(), self.0.id.as_str(), pid)
        };
        self.0.session.outbox.push_packet(&packet);
        self.0.namespace.add(self, || self.0.is_connected.store(true, Ordering::Release));
    }

    /// Leaves the rooms and the namespace; pending acks end. For some reasons the client may come
    /// back.
    pub(crate) fn detach(&self, reason: Option<DisconnectReason>) {
        let was_connected = self.0.is_connected.swap(false, Ordering::AcqRel);
        let leave = || {
            self.0.namespace.remove(self);
            self.leave_all()
        };
        let events = match self.tracked() {
            Some((log, _)) => {
                // Somebody who disconnects it at this moment must not find it saved.
                let is_cut = was_connected && reason.is_some_and(recovery::is_recoverable);
                log.detach(self, is_cut.then(|| self.cut()), leave)
            }
            None => leave(),
        };
        events.tell();
        let acks = lock(&self.0.own).as_mut().map(|own| std::mem::take(&mut own.acks));
        drop(acks);
    }

    fn encoding(&self) -> &Encoding {
        &self.0.namespace.encoding
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish()
    }
}

struct SocketInner {
    id: Id,
    namespace: Arc<NamespaceInner>,
    session: Arc<Session>,
    handshake: Arc<Handshake>,
    /// What recovery needs to know.
    track: Option<Box<Track>>,
    is_connected: AtomicBool,
    /// The last handler has returned: nothing is kept any more.
    is_over: AtomicBool,
    /// It has had handlers of its own: only then an event looks for them.
    listens: AtomicBool,
    /// `None` once the socket has left for good.
    rooms: Mutex<Option<Vec<Membership>>>,
    /// Absent until somebody stores something, because most sockets need none of it.
    own: Mutex<Option<Box<Own>>>,
}

/// What only some sockets have.
#[derive(Default)]
struct Own {
    listeners: Option<Box<Listeners>>,
    /// The rooms that it was in, while it leaves.
    left: Vec<Arc<str>>,
    acks: HashMap<u64, Waiter>,
    values: StateMap,
    data: Option<Box<RawValue>>,
    identity: Option<Box<str>>,
}
