//! What a socket sends: to its client, and to others on its behalf.

use std::time::Duration;

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, EncodeError, encode};

use super::Socket;
use crate::ack::EmitWithAck;
use crate::broadcast::Broadcast;
use crate::chunks::Lent;
use crate::encoding::{Encoded, Encoding};
use crate::flags::Flags;
use crate::outgoing::To;
use crate::prepared::Prepared;
use crate::rooms::names::IntoRooms;

/// A socket, and how what is emitted next is sent: from [`Socket::volatile`],
/// [`Socket::compress`] and [`Socket::timeout`].
///
/// ```
/// use switchboard::{Server, Socket};
///
/// let io = Server::builder().build();
/// io.on("connection", async |socket: Socket| {
///     socket.volatile().emit("position", (1.0, 2.0)).ok();
///     socket.volatile().to("players").emit("position", (1.0, 2.0)).ok();
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before `emit`"]
pub struct Emitter {
    pub(super) socket: Socket,
    pub(super) flags: Flags,
    pub(super) ack_timeout: Option<Duration>,
}

impl Emitter {
    fn new(socket: Socket) -> Self {
        Self { socket, flags: Flags::default(), ack_timeout: None }
    }

    /// See [`Socket::volatile`].
    pub fn volatile(mut self) -> Self {
        self.flags.is_volatile = true;
        self
    }

    /// See [`Socket::compress`].
    pub fn compress(mut self, compress: bool) -> Self {
        self.flags.compress = compress;
        self
    }

    /// See [`Socket::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = Some(timeout);
        self
    }

    /// See [`Socket::emit`].
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn emit(&self, event: &str, args: impl Args) -> Result<(), EncodeError> {
        self.socket.emit_with(event, None, args, self.flags).map(drop)
    }

    /// See [`Socket::send`].
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub fn send(&self, args: impl Args) -> Result<(), EncodeError> {
        self.emit("message", args)
    }

    /// See [`Socket::emit_with_ack`].
    ///
    /// # Errors
    ///
    /// When awaited: [`AckError`](crate::AckError); a volatile event that was dropped is
    /// [`AckError::NotSent`](crate::AckError::NotSent) at once.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Args,
    ) -> EmitWithAck<T> {
        self.clone().ask(event, args)
    }

    /// See [`Socket::to`].
    pub fn to(self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// See [`Socket::to`].
    pub fn in_(self, rooms: impl IntoRooms) -> Broadcast {
        self.to(rooms)
    }

    /// See [`Socket::to`].
    pub fn within(self, rooms: impl IntoRooms) -> Broadcast {
        self.to(rooms)
    }

    /// See [`Socket::except`].
    pub fn except(self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// See [`Socket::local`].
    pub fn local(self) -> Broadcast {
        self.broadcast().local()
    }

    /// See [`Socket::broadcast`].
    pub fn broadcast(self) -> Broadcast {
        self.socket.broadcast().with_flags(self.flags, self.ack_timeout)
    }
}

impl Socket {
    /// Sends an event to this client: `&value` is one argument, `(a, b)` are several, `()` is none.
    ///
    /// Events arrive in the order of the emits. Nothing is sent to a socket that is not connected.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
        self.emit_with(event, None, args, Flags::default()).map(drop)
    }

    /// Sends the event `message` to this client.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub fn send<A: Args>(&self, args: A) -> Result<(), EncodeError> {
        self.emit("message", args)
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
    /// When awaited: [`AckError`](crate::AckError), of which
    /// [`AckError::Timeout`](crate::AckError::Timeout) is the usual one.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Args,
    ) -> EmitWithAck<T> {
        Emitter::new(self.clone()).ask(event, args)
    }

    /// What is emitted may be lost: it is sent only if the connection can take it at once, that
    /// is, if nothing else waits for the client and, with long-polling, a poll is there. For
    /// values that the next one makes worthless, such as positions. Under pressure these go first.
    pub fn volatile(&self) -> Emitter {
        Emitter::new(self.clone()).volatile()
    }

    /// Whether what is emitted is compressed where the connection compresses. Default `true`;
    /// `false` saves the work for data that is small or compressed already.
    pub fn compress(&self, compress: bool) -> Emitter {
        Emitter::new(self.clone()).compress(compress)
    }

    /// How long [`emit_with_ack`](Self::emit_with_ack) waits for the client. Default: the
    /// server's [`ack_timeout`](crate::ServerBuilder::ack_timeout).
    pub fn timeout(&self, timeout: Duration) -> Emitter {
        Emitter::new(self.clone()).timeout(timeout)
    }

    /// A broadcast to the members of the room, or of several, this socket excepted.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// The same as [`to`](Self::to), under its other official name.
    pub fn in_(&self, rooms: impl IntoRooms) -> Broadcast {
        self.to(rooms)
    }

    /// The same as [`to`](Self::to), which some find easier to read.
    pub fn within(&self, rooms: impl IntoRooms) -> Broadcast {
        self.to(rooms)
    }

    /// A broadcast to everybody but the members of the room, or of several, and this socket.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// A broadcast to the sockets of this server, this socket excepted, in a cluster of several.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    /// A broadcast to the whole namespace, this socket excepted.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(std::sync::Arc::clone(&self.0.namespace), Some(self.0.id))
    }

    /// The one way by which every event to this client alone goes. `false` when nothing was sent.
    pub(crate) fn emit_with(
        &self,
        event: &str,
        id: Option<u64>,
        args: impl Args,
        flags: Flags,
    ) -> Result<bool, EncodeError> {
        let namespace = &self.0.namespace;
        let packet = namespace.encode_event(event, id, args, |written| {
            written.show(namespace, event, To::One(self));
        })?;
        Ok(match self.tracked() {
            Some((log, track)) if id.is_none() && !flags.is_volatile => {
                log.emit(self.encoding(), &Prepared::new(packet, flags), self, track)
            }
            _ => self.push(&packet, flags),
        })
    }

    pub(crate) fn send_ack<A: Args>(&self, id: u64, args: A) -> Result<(), EncodeError> {
        if let Encoding::Json = self.encoding() {
            // Acks are as frequent as events, and nobody else wants their bytes.
            let mut text = Lent::borrow();
            text.0.push(b'4');
            let attachments = encode::ack(self.namespace(), id, args, &mut text.0)?;
            if self.is_connected() {
                self.0.session.outbox.push(&text.0, &attachments);
            }
            return Ok(());
        }
        let packet = self.encoding().ack(self.namespace(), id, args)?;
        self.push(&packet, Flags::default());
        Ok(())
    }

    fn push(&self, packet: &Encoded, flags: Flags) -> bool {
        self.is_connected() && self.0.session.outbox.push_packet_with(packet, flags)
    }
}
