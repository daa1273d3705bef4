//! A WebSocket as its handler holds it: one that receives, any number that send.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use switchboard_ws::CloseCode;

use super::reading::Reading;
use super::shared::{Command, Shared};
use super::{Closed, Error, Message, Prepared};

/// A WebSocket connection.
///
/// Messages are received one after the other, in the order in which they were sent; pings are
/// answered while you receive. Sending never waits: what is sent leaves when the handler waits for
/// something, everything together in one write. Use [`ready`](Self::ready) to produce no faster
/// than the peer reads.
///
/// The connection lives until its handler has returned and the receiving half is dropped; then
/// what was sent is written, and it is closed with 1000. A client's lives until the receiving half
/// is dropped.
pub struct WebSocket {
    receiver: Receiver,
    sender: Sender,
}

/// Something that the peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// The peer asked whether we live; it has its answer already.
    Ping(Bytes),
    /// The peer answered a ping, or sent a pong unasked.
    Pong(Bytes),
    /// The peer has ended the connection, in order or not. Nothing follows.
    Closed(Closed),
}

impl WebSocket {
    pub(super) fn new(shared: Arc<Shared>, reading: Reading) -> Self {
        let sender = Sender { shared: Arc::clone(&shared) };
        Self { receiver: Receiver { shared, reading: Some(Box::new(reading)) }, sender }
    }

    /// The next message; `None` once the peer has closed the connection, or is gone. See
    /// [`closed_by_peer`](Self::closed_by_peer) for how it did.
    ///
    /// Cancel safe: a dropped call has lost nothing.
    ///
    /// While more than 1 MiB waits to be sent, nothing is received: who asks without reading the
    /// answers is slowed down. Messages share the buffer of their read, up to 64 KiB.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the peer breaks a rule or a limit, after every message that came
    /// before it; [`Error::Io`], [`Error::Silent`], [`Error::SlowConsumer`] and
    /// [`Error::CloseTimeout`] when the connection fails; [`Error::Closed`] when its end was told
    /// before.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.receiver.recv().await
    }

    /// Like [`recv`](Self::recv), but also tells pings, pongs and how the peer closed.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub async fn next_event(&mut self) -> Result<Event, Error> {
        self.receiver.next_event().await
    }

    /// Sends a message. Does not wait, and copies it if it is below 8 KiB.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] once a close frame was sent or the connection is over.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.sender.send(message)
    }

    /// Sends a text message, which is copied.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_text(&self, text: &str) -> Result<(), Error> {
        self.sender.send_text(text)
    }

    /// Sends a binary message, which is copied.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_binary(&self, bytes: &[u8]) -> Result<(), Error> {
        self.sender.send_binary(bytes)
    }

    /// Sends a message that many connections get.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_prepared(&self, message: &Prepared) -> Result<(), Error> {
        self.sender.send_prepared(message)
    }

    /// Sends a ping; of `payload` at most 125 bytes. The answer is an [`Event::Pong`]. The
    /// [heartbeat](super::Options::heartbeat) does this by itself.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.sender.ping(payload)
    }

    /// Waits until at most 1 MiB waits to be sent.
    ///
    /// # Errors
    ///
    /// Why the connection is over, or [`Error::Closed`].
    pub async fn ready(&self) -> Result<(), Error> {
        self.sender.ready().await
    }

    /// Sends a close frame after everything else that was sent. Nothing can be sent any more, but
    /// [`recv`](Self::recv) gives what the peer sends until it has answered. Does nothing if the
    /// connection is closed already.
    ///
    /// Of `reason` at most 123 bytes are sent. The answer and the end of the stream may take
    /// [`Options::close_timeout`](super::Options::close_timeout).
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.sender.close(code, reason);
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.sender.protocol()
    }

    /// How the peer ended the connection, once it has.
    pub fn closed_by_peer(&self) -> Option<Closed> {
        self.receiver.closed_by_peer()
    }

    /// One half that sends and can be cloned, and the one that receives.
    pub fn split(self) -> (Sender, Receiver) {
        self.sender.shared.share();
        (self.sender, self.receiver)
    }

    /// A sender for this connection, to be kept elsewhere.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("is_closed", &self.sender.is_closed()).finish()
    }
}

/// The half of a [`WebSocket`] that receives. The connection is closed when it is dropped and
/// its handler has returned.
pub struct Receiver {
    shared: Arc<Shared>,
    /// Here until it is dropped.
    reading: Option<Box<Reading>>,
}

impl Receiver {
    /// See [`WebSocket::recv`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::recv`].
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        if let Some(reading) = &mut self.reading
            && let Some(message) = reading.next_whole()
        {
            return Ok(Some(message));
        }
        loop {
            match self.next_event().await? {
                Event::Message(message) => return Ok(Some(message)),
                Event::Ping(_) | Event::Pong(_) => (),
                Event::Closed(_) => return Ok(None),
            }
        }
    }

    /// See [`WebSocket::next_event`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::next_event`].
    pub async fn next_event(&mut self) -> Result<Event, Error> {
        let Some(reading) = &mut self.reading else { return Err(Error::Closed) };
        poll_fn(|cx| reading.poll_event(&self.shared, cx)).await
    }

    /// Receives to the end, for connections whose messages nobody wants: pings are answered, and
    /// the connection stays open.
    ///
    /// # Errors
    ///
    /// See [`WebSocket::recv`].
    pub async fn discard(mut self) -> Result<(), Error> {
        while self.recv().await?.is_some() {}
        Ok(())
    }

    /// See [`WebSocket::closed_by_peer`].
    pub fn closed_by_peer(&self) -> Option<Closed> {
        self.shared.closed()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.shared.command(Command::Return(reading));
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// The half of a [`WebSocket`] that sends, from any task or thread. Clones send on the same
/// connection. Senders do not keep it open.
pub struct Sender {
    shared: Arc<Shared>,
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.shared.share();
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Sender {
    /// See [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::send`].
    pub fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.shared.send(message.into())
    }

    /// See [`WebSocket::send_text`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::send`].
    pub fn send_text(&self, text: &str) -> Result<(), Error> {
        self.shared.send_copy(switchboard_ws::Message::Text(text))
    }

    /// See [`WebSocket::send_binary`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::send`].
    pub fn send_binary(&self, bytes: &[u8]) -> Result<(), Error> {
        self.shared.send_copy(switchboard_ws::Message::Binary(bytes))
    }

    /// See [`WebSocket::send_prepared`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::send`].
    pub fn send_prepared(&self, message: &Prepared) -> Result<(), Error> {
        self.shared.send_prepared(message)
    }

    /// See [`WebSocket::ping`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::send`].
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.shared.ping(payload)
    }

    /// See [`WebSocket::ready`].
    ///
    /// # Errors
    ///
    /// See [`WebSocket::ready`].
    pub async fn ready(&self) -> Result<(), Error> {
        self.shared.ready().await
    }

    /// See [`WebSocket::close`].
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.shared.close(Some(code), reason);
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// See [`WebSocket::protocol`].
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol()
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
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Sender {}
