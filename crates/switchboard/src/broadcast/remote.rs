//! Sockets as every server sees them: what they are like, and what can be done to them from afar.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use switchboard_sio::{Args, EncodeError};

use super::Broadcast;
use crate::Id;
use crate::ack::EmitWithAck;
use crate::dialect::Dialect;
use crate::handshake::Handshake;
use crate::namespace::NamespaceInner;
use crate::rooms::names::IntoRooms;
use crate::socket::Socket;

/// A socket that may be connected to another server of the cluster, from
/// [`Broadcast::fetch_sockets`].
///
/// Rooms and data are those of the moment at which it was fetched; what is done to it happens
/// where the socket is, and does nothing if it has gone.
///
/// ```
/// # async fn run(io: switchboard::Server) -> Result<(), Box<dyn std::error::Error>> {
/// for socket in io.to("lobby").fetch_sockets().await? {
///     if socket.data::<String>().as_deref() == Some("banned") {
///         socket.emit("goodbye", ())?;
///         socket.disconnect(true);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteSocket {
    namespace: Arc<NamespaceInner>,
    snapshot: Snapshot,
    ack_timeout: Option<Duration>,
}

/// What servers tell each other of a socket.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) id: Id,
    pub(crate) dialect: Dialect,
    pub(crate) handshake: Arc<Handshake>,
    pub(crate) rooms: Vec<Arc<str>>,
    pub(crate) data: Option<Box<RawValue>>,
}

impl RemoteSocket {
    pub(super) fn new(namespace: &Arc<NamespaceInner>, snapshot: Snapshot) -> Self {
        Self { namespace: Arc::clone(namespace), snapshot, ack_timeout: None }
    }

    /// The public id, which the client sees as `socket.id`.
    pub fn id(&self) -> Id {
        self.snapshot.id
    }

    /// The id as the client itself shows it; see [`Socket::displayed_id`].
    pub fn displayed_id(&self) -> Cow<'_, str> {
        self.snapshot.dialect.displayed_id(self.namespace.name(), &self.snapshot.id)
    }

    /// The request that opened the connection.
    pub fn handshake(&self) -> &Handshake {
        &self.snapshot.handshake
    }

    /// The rooms that the socket had joined.
    pub fn rooms(&self) -> &[Arc<str>] {
        &self.snapshot.rooms
    }

    /// What [`Socket::set_data`] kept. `None` when there was nothing, or nothing of that type.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.snapshot.data.as_ref()?.get()).ok()
    }

    /// See [`Socket::emit`].
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn emit(&self, event: &str, args: impl Args) -> Result<(), EncodeError> {
        self.broadcast().emit(event, args)
    }

    /// See [`Socket::send`].
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub fn send(&self, args: impl Args) -> Result<(), EncodeError> {
        self.emit("message", args)
    }

    /// See [`Socket::timeout`].
    #[must_use = "this sets the timeout of the socket that it gives back"]
    pub fn timeout(&self, timeout: Duration) -> Self {
        Self { ack_timeout: Some(timeout), ..self.clone() }
    }

    /// See [`Socket::emit_with_ack`].
    ///
    /// # Errors
    ///
    /// When awaited: [`AckError`](crate::AckError).
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Args,
    ) -> EmitWithAck<T> {
        EmitWithAck::elsewhere(self.broadcast().emit_with_ack(event, args))
    }

    /// Puts the socket into a room, or several, up to its limits.
    pub fn join(&self, rooms: impl IntoRooms) {
        self.broadcast().sockets_join(rooms);
    }

    /// Takes the socket out of a room, or several.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.broadcast().sockets_leave(rooms);
    }

    /// Puts the socket out of the namespace; with `close`, ends its whole connection.
    pub fn disconnect(&self, close: bool) {
        self.broadcast().disconnect_sockets(close);
    }

    fn broadcast(&self) -> Broadcast {
        let broadcast = Broadcast::new(Arc::clone(&self.namespace), None).to(self.snapshot.id);
        Broadcast { ack_timeout: self.ack_timeout, ..broadcast }
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.snapshot.id)
            .field("rooms", &self.snapshot.rooms)
            .finish_non_exhaustive()
    }
}

impl Socket {
    /// What other servers may know.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            id: self.id(),
            dialect: self.session().dialect,
            handshake: Arc::clone(self.handshake()),
            rooms: self.rooms(),
            data: self.raw_data(),
        }
    }
}
