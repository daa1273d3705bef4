//! An Engine.IO connection as its handler holds it: one that receives, any number that send.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use super::inbox::Inbox;
use super::{Closed, Event, Message};
use crate::session::Session;
use crate::{DisconnectReason, Handshake, Id, Transport};

/// An Engine.IO connection, whatever its transport.
///
/// Messages are received one after the other, in the order in which they were sent; the heartbeat
/// and the change of transports go on meanwhile by themselves. Sending never waits: what is sent
/// leaves when the handler waits for something, everything together in one write or one poll. Use
/// [`ready`](Self::ready) to produce no faster than the client reads.
///
/// The connection lives until its handler has returned and the receiving half is dropped; then
/// what was sent is delivered, and it is closed.
pub struct Socket {
    receiver: Receiver,
    sender: Sender,
}

impl Socket {
    pub(crate) fn new(session: Arc<Session>, inbox: Arc<Inbox>) -> Self {
        let sender = Sender { session: Arc::clone(&session) };
        Self { receiver: Receiver { session, inbox, request: None }, sender }
    }

    /// The next message; `None` once the connection is over and every message was received. See
    /// [`closed`](Self::closed) for how it ended.
    ///
    /// Cancel safe: a dropped call has lost nothing.
    ///
    /// While 256 messages or 1 MB wait to be received, the connection is not read: a client that
    /// sends faster is slowed down, and not taken for dead meanwhile.
    pub async fn recv(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// Like [`recv`](Self::recv), but also tells the change of transports, and how the connection
    /// ended, which it tells again when it is called again.
    pub async fn next_event(&mut self) -> Event {
        self.receiver.next_event().await
    }

    /// Sends a message: text from what is text, binary from bytes. Does not wait. What is sent to
    /// a connection that is over goes nowhere.
    pub fn send(&self, message: impl Into<Message>) {
        self.sender.send(message);
    }

    /// Waits until less than 1 MiB is on its way to this client, or the connection is over.
    ///
    /// A producer that awaits this between messages never makes its client a slow consumer.
    pub async fn ready(&self) {
        self.sender.ready().await;
    }

    /// Delivers what was sent, then closes the connection. Messages that have arrived can still be
    /// received. Does nothing if it is over already.
    pub fn close(&self) {
        self.sender.close();
    }

    /// The id of the session. It is a secret between this client and the server: whoever knows it
    /// can read and write as this client.
    pub fn sid(&self) -> Id {
        self.sender.sid()
    }

    /// The request that opened the connection.
    pub fn handshake(&self) -> &Arc<Handshake> {
        self.sender.handshake()
    }

    /// The request that brought the message which was received last: a POST of a polling client,
    /// if the server [keeps requests](crate::ServerBuilder::keep_requests); else the one that
    /// opened the connection.
    pub fn request(&self) -> &Arc<Handshake> {
        self.receiver.request()
    }

    /// How the client is connected right now.
    pub fn transport(&self) -> Transport {
        self.sender.transport()
    }

    /// The revision of the Engine.IO protocol that the client speaks.
    pub fn protocol(&self) -> u8 {
        self.sender.protocol()
    }

    /// How the connection ended, once it has.
    pub fn closed(&self) -> Option<Closed> {
        self.receiver.closed()
    }

    /// A sender for this connection, to be kept elsewhere.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// One half that sends and can be cloned, and the one that receives.
    ///
    /// ```
    /// use std::time::Duration;
    /// use switchboard::{Server, engine};
    ///
    /// let clock = Server::builder().build_engine(async |socket: engine::Socket| {
    ///     let (sender, mut receiver) = socket.split();
    ///     let ticking = async {
    ///         loop {
    ///             sender.send("tick");
    ///             tokio::time::sleep(Duration::from_secs(1)).await;
    ///         }
    ///     };
    ///     tokio::select! {
    ///         () = ticking => (),
    ///         _message_or_end = receiver.recv() => (),
    ///     }
    /// });
    /// # drop(clock);
    /// ```
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the sid: it is a secret.
        f.debug_struct("Socket").field("transport", &self.transport()).finish_non_exhaustive()
    }
}

/// The half of a [`Socket`] that receives. The connection is closed when it is dropped and its
/// handler has returned.
pub struct Receiver {
    session: Arc<Session>,
    inbox: Arc<Inbox>,
    /// Which brought the last message, if requests are kept.
    request: Option<Arc<Handshake>>,
}

impl Receiver {
    /// See [`Socket::recv`].
    pub async fn recv(&mut self) -> Option<Message> {
        loop {
            match self.next_event().await {
                Event::Message(message) => return Some(message),
                Event::Upgraded => (),
                Event::Closed(_) => return None,
            }
        }
    }

    /// See [`Socket::next_event`].
    pub async fn next_event(&mut self) -> Event {
        let taken = poll_fn(|cx| self.inbox.poll_next(cx)).await;
        if taken.made_room {
            self.session.outbox.wake();
        }
        self.request = taken.request;
        taken.event
    }

    /// See [`Socket::request`].
    pub fn request(&self) -> &Arc<Handshake> {
        self.request.as_ref().unwrap_or(&self.session.handshake)
    }

    /// See [`Socket::closed`].
    pub fn closed(&self) -> Option<Closed> {
        self.inbox.closed()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.inbox.abandon();
        // It may have been full, and the end may have waited for this.
        self.session.outbox.wake();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// The half of a [`Socket`] that sends, from any task or thread. Clones send on the same
/// connection. Senders do not keep it open.
#[derive(Clone)]
pub struct Sender {
    session: Arc<Session>,
}

impl Sender {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// See [`Socket::send`].
    pub fn send(&self, message: impl Into<Message>) {
        match message.into() {
            Message::Text(text) => {
                let mut packet = Vec::with_capacity(1 + text.len());
                packet.push(b'4');
                packet.extend_from_slice(text.as_bytes());
                self.session.outbox.push(&packet, &[]);
            }
            Message::Binary(bytes) => {
                self.session.outbox.push(&[], &[bytes]);
            }
        }
    }

    /// See [`Socket::ready`].
    pub async fn ready(&self) {
        self.session.outbox.ready().await;
    }

    /// See [`Socket::close`].
    pub fn close(&self) {
        self.session.close(DisconnectReason::ForcedClose);
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.session.outbox.is_closed()
    }

    /// See [`Socket::sid`].
    pub fn sid(&self) -> Id {
        self.session.sid
    }

    /// See [`Socket::handshake`].
    pub fn handshake(&self) -> &Arc<Handshake> {
        &self.session.handshake
    }

    /// See [`Socket::transport`].
    pub fn transport(&self) -> Transport {
        self.session.transport()
    }

    /// See [`Socket::protocol`].
    pub fn protocol(&self) -> u8 {
        if self.session.dialect.is_v3() { 3 } else { 4 }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

impl PartialEq for Sender {
    /// Whether both send on the same connection.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.session, &other.session)
    }
}

impl Eq for Sender {}
