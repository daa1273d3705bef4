//! Sockets: one client in one namespace.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use switchboard_sio::{Args, EncodeError, Payload};
use tokio::sync::oneshot;

use crate::ack::{EmitWithAck, Place};
use crate::broadcast::Broadcast;
use crate::encoding::{Encoded, Encoding};
use crate::error::AckError;
use crate::handshake::Handshake;
use crate::listeners::Listeners;
use crate::namespace::NamespaceInner;
use crate::outgoing::{To, Written};
use crate::rooms::Membership;
use crate::session::{Command, Session};
use crate::state::StateMap;
use crate::sync::lock;
use crate::{Id, Transport};

mod listening;

/// One client in one namespace. Cheap to clone; clones are the same socket.
///
/// A clone that outlives the connection does no harm: what it emits goes nowhere.
#[derive(Clone)]
pub struct Socket(Arc<SocketInner>);

impl Socket {
    /// A socket of a client that joins with this `auth` payload.
    pub(crate) fn new(namespace: Arc<NamespaceInner>, session: Arc<Session>, auth: &str) -> Self {
        Self(Arc::new(SocketInner {
            id: Id::random(),
            handshake: session.handshake.with_auth(auth),
            namespace,
            session,
            is_connected: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            rooms: Mutex::new(Some(Vec::new())),
            own: Mutex::new(None),
        }))
    }

    /// The public id, which the client sees as `socket.id`.
    pub fn id(&self) -> Id {
        self.0.id
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

    /// Sends an event to this client: `&value` is one argument, `(a, b)` are several, `()` is none.
    ///
    /// Events arrive in the order of the emits. Nothing is sent to a socket that is not connected.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        if self.0.namespace.is_watched() {
            let written = Written::new(args)?;
            written.show(&self.0.namespace, event, To::One(self));
            return self.emit_unseen(event, written.args());
        }
        self.emit_unseen(event, args)
    }

    /// Sends an event, and waits for the client's acknowledgement.
    ///
    /// ```
    /// use std::time::Duration;
    /// use switchboard::{AckError, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// io.on("connection", async |socket: Socket| {
    ///     let asked = socket.emit_with_ack("version", ()).timeout(Duration::from_secs(5));
    ///     let answer: Result<String, AckError> = asked.await;
    ///     println!("{answer:?}");
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// When awaited: [`AckError`], of which [`AckError::Timeout`] is the usual one.
    pub fn emit_with_ack<T, A>(&self, event: &str, args: A) -> EmitWithAck<T>
    where
        T: DeserializeOwned,
        A: Args,
    {
        let id = self.0.namespace.next_ack();
        let timeout = self.0.session.engine.config.ack_timeout;
        let waiting = self.wait_for_ack(id).and_then(|waiting| {
            self.ask(id, event, args).map_err(AckError::Encode)?;
            Ok(waiting)
        });
        EmitWithAck::new(waiting, timeout)
    }

    /// Waits until less than 1 MiB is on its way to this client, or the connection is closed.
    ///
    /// A producer that awaits this between emits never makes its client a slow consumer.
    pub async fn ready(&self) {
        self.0.session.outbox.ready().await;
    }

    /// Joins a room, which begins to exist with its first member.
    pub fn join(&self, room: impl AsRef<str>) {
        let room = room.as_ref();
        let mut rooms = lock(&self.0.rooms);
        // `None`: the socket has left for good, and must not come back.
        let Some(rooms) = rooms.as_mut() else { return };
        let is_member = rooms.iter().any(|it| **it.room_name() == *room);
        if !is_member && room != self.0.id.as_str() {
            rooms.push(self.0.namespace.rooms().join(room, self));
        }
    }

    /// Leaves a room.
    pub fn leave(&self, room: impl AsRef<str>) {
        let membership = {
            let mut rooms = lock(&self.0.rooms);
            let Some(rooms) = rooms.as_mut() else { return };
            let Some(at) = rooms.iter().position(|it| **it.room_name() == *room.as_ref()) else {
                return;
            };
            rooms.swap_remove(at)
        };
        self.0.namespace.rooms().leave(&membership, self);
    }

    /// The rooms that the socket is in; until the last `disconnecting` handler has returned, those
    /// that it was in. Its own id, which works as a room too, is not listed.
    pub fn rooms(&self) -> Vec<Arc<str>> {
        let rooms = lock(&self.0.rooms);
        match &*rooms {
            Some(rooms) => rooms.iter().map(|it| Arc::clone(it.room_name())).collect(),
            None => {
                drop(rooms);
                lock(&self.0.own).as_ref().map(|own| own.left.clone()).unwrap_or_default()
            }
        }
    }

    /// A broadcast to the members of `room`, this socket excepted.
    pub fn to(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// A broadcast to everybody but the members of `room` and this socket.
    pub fn except(&self, room: impl AsRef<str>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// A broadcast to the whole namespace, this socket excepted.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(Arc::clone(&self.0.namespace), Some(self.0.id))
    }

    /// Puts the client out of this namespace. Its other namespaces go on.
    pub fn disconnect(&self) {
        if !self.0.is_connected.swap(false, Ordering::AcqRel) {
            return;
        }
        self.0.session.outbox.push_packet(&self.encoding().disconnect(self.namespace()));
        self.detach();
        // Refused only when the task is gone, and then the socket has had its end already.
        self.0.session.outbox.command(Command::Disconnected(self.clone())).ok();
    }

    /// Closes the whole connection, with all namespaces of this client: `disconnect(true)` of the
    /// official server.
    pub fn close(&self) {
        self.0.session.close(crate::DisconnectReason::ForcedServerClose);
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
        let own = lock(&self.0.own);
        let data = own.as_ref()?.data.clone()?;
        drop(own);
        serde_json::from_str(data.get()).ok()
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    pub(crate) fn namespace_inner(&self) -> &Arc<NamespaceInner> {
        &self.0.namespace
    }

    /// The client is told first, then broadcasts may reach it.
    pub(crate) fn attach(&self) {
        let packet = self.encoding().connect(self.namespace(), self.0.id.as_str(), None);
        self.0.session.outbox.push_packet(&packet);
        // Only then may somebody disconnect it, who would otherwise leave it in the namespace.
        self.0.namespace.add(self);
        self.0.is_connected.store(true, Ordering::Release);
    }

    /// Leaves the rooms and the namespace; pending acks end.
    pub(crate) fn detach(&self) {
        self.0.is_connected.store(false, Ordering::Release);
        self.0.namespace.remove(self);
        let rooms = lock(&self.0.rooms).take();
        for membership in rooms.iter().flatten() {
            self.0.namespace.rooms().leave(membership, self);
        }
        if let Some(rooms) = rooms.filter(|it| !it.is_empty()) {
            let left = rooms.iter().map(|it| Arc::clone(it.room_name())).collect();
            self.with_own(&mut Own::default(), |own| own.left = left);
        }
        let acks = lock(&self.0.own).as_mut().map(|own| std::mem::take(&mut own.acks));
        drop(acks);
    }

    /// Forgets which rooms it was in.
    pub(crate) fn forget_rooms(&self) {
        let left = lock(&self.0.own).as_mut().map(|own| std::mem::take(&mut own.left));
        drop(left);
    }

    pub(crate) fn send_ack<A: Args>(&self, id: u64, args: A) -> Result<(), EncodeError> {
        let packet = self.encoding().ack(self.namespace(), id, args)?;
        self.send(&packet);
        Ok(())
    }

    /// The client has answered. An unknown id is ignored, as in the official server.
    pub(crate) fn receive_ack(&self, id: u64, payload: Payload<'_>) {
        let waiting = lock(&self.0.own).as_mut().and_then(|own| own.acks.remove(&id));
        if let Some(waiting) = waiting {
            // Nobody waits any more when the asking future was dropped a moment ago.
            waiting.send(payload.into_owned()).ok();
        }
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        let waiting = lock(&self.0.own).as_mut().and_then(|own| own.acks.remove(&id));
        drop(waiting);
    }

    pub(crate) fn waits_for_ack(&self) -> bool {
        lock(&self.0.own).as_ref().is_some_and(|own| !own.acks.is_empty())
    }

    fn emit_unseen<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        let packet = self.encoding().event(self.namespace(), None, event, args)?;
        self.send(&packet);
        Ok(())
    }

    fn ask<A: Args>(&self, id: u64, event: &str, args: A) -> Result<(), EncodeError> {
        let packet = if self.0.namespace.is_watched() {
            let written = Written::new(args)?;
            written.show(&self.0.namespace, event, To::One(self));
            self.encoding().event(self.namespace(), Some(id), event, written.args())?
        } else {
            self.encoding().event(self.namespace(), Some(id), event, args)?
        };
        self.send(&packet);
        Ok(())
    }

    fn wait_for_ack(
        &self,
        id: u64,
    ) -> Result<(oneshot::Receiver<Payload<'static>>, Place), AckError> {
        let (sender, receiver) = oneshot::channel();
        let mut own = lock(&self.0.own);
        // Looked at under the lock that `detach` takes after it has cleared the flag.
        if !self.is_connected() {
            return Err(AckError::Disconnected);
        }
        let acks = &mut own.get_or_insert_default().acks;
        if ACKS_PENDING_MAX <= acks.len() {
            return Err(AckError::TooManyPending);
        }
        acks.insert(id, sender);
        Ok((receiver, Place { socket: self.clone(), id }))
    }

    fn send(&self, packet: &Encoded) {
        if self.is_connected() {
            self.0.session.outbox.push_packet(packet);
        }
    }

    fn encoding(&self) -> Encoding {
        self.0.namespace.encoding
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
    is_connected: AtomicBool,
    /// The last handler has returned: nothing is kept any more.
    is_over: AtomicBool,
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
    acks: HashMap<u64, oneshot::Sender<Payload<'static>>>,
    values: StateMap,
    data: Option<Box<RawValue>>,
}

/// Acks that one socket may wait for at the same time.
const ACKS_PENDING_MAX: usize = 10_000;
