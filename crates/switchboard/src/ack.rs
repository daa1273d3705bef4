//! Acknowledgements, in both directions.

use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, EncodeError, Payload};
use tokio::sync::oneshot;

use crate::broadcast::acks::{BroadcastAck, Decode};
use crate::error::AckError;
use crate::socket::Socket;

/// The client's wish to hear back. An extractor for event handlers.
///
/// A client that did not ask for an ack does not get one: then [`send`](Self::send) does nothing.
/// Acks go out at once, also while other events of the socket wait.
#[derive(Clone, Debug)]
pub struct Ack {
    socket: Socket,
    id: Option<u64>,
}

impl Ack {
    pub(crate) fn new(socket: Socket, id: Option<u64>) -> Self {
        Self { socket, id }
    }

    /// Whether the client waits for an answer.
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Answers: `&value` is one argument, `(a, b)` are several, `()` is none. Only the first
    /// answer to an event counts for the client.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn send<A: Args>(self, args: A) -> Result<(), EncodeError> {
        let Some(id) = self.id else { return Ok(()) };
        self.socket.send_ack(id, args)
    }
}

/// An event that waits for the client's acknowledgement: `.await` it, after
/// [`timeout`](Self::timeout) if the default (30 s) does not suit.
///
/// The event is on its way before the first `.await`.
#[must_use = "await it to get the acknowledgement"]
#[derive(Debug)]
pub struct EmitWithAck<T> {
    waiting: Result<Waiting<T>, AckError>,
    timeout: Duration,
    decode: Decode<T>,
}

#[derive(Debug)]
enum Waiting<T> {
    /// The socket is one of ours.
    Here(oneshot::Receiver<Payload<'static>>, Place),
    /// The socket may be another server's.
    Elsewhere(BroadcastAck<T>),
}

impl<T: DeserializeOwned> EmitWithAck<T> {
    pub(crate) fn new(
        sent: Result<(oneshot::Receiver<Payload<'static>>, Place), AckError>,
        timeout: Duration,
    ) -> Self {
        let waiting = sent.map(|(answer, place)| Waiting::Here(answer, place));
        Self { waiting, timeout, decode: |it| it.arg() }
    }

    pub(crate) fn elsewhere(asked: BroadcastAck<T>) -> Self {
        let timeout = asked.timeout();
        Self { waiting: Ok(Waiting::Elsewhere(asked)), timeout, decode: |it| it.arg() }
    }

    /// How long to wait for the client.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes all arguments of the acknowledgement, as a tuple. By default it is the first.
    ///
    /// ```
    /// use switchboard::{AckError, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// io.on("connection", async |socket: Socket| {
    ///     let place: Result<(f64, f64), AckError> = socket.emit_with_ack("where", ()).args().await;
    ///     println!("{place:?}");
    /// });
    /// ```
    pub fn args(mut self) -> Self {
        self.decode = |it| it.args();
        self
    }
}

impl<T: DeserializeOwned> EmitWithAck<T> {
    async fn answer(self) -> Result<T, AckError> {
        let (answer, place) = match self.waiting? {
            Waiting::Here(answer, place) => (answer, place),
            Waiting::Elsewhere(asked) => {
                let answer =
                    tokio::time::timeout(self.timeout, asked.decode(self.decode).single()).await;
                return answer.unwrap_or(Err(AckError::Timeout));
            }
        };
        let answer = tokio::time::timeout(self.timeout, answer).await;
        drop(place);
        match answer {
            Err(_elapsed) => Err(AckError::Timeout),
            Ok(Err(_dropped)) => Err(AckError::Disconnected),
            Ok(Ok(payload)) => (self.decode)(&payload).map_err(AckError::Decode),
        }
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for EmitWithAck<T> {
    type Output = Result<T, AckError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.answer())
    }
}

/// A place among the acks that a socket waits for, given back when nobody waits any more.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}
