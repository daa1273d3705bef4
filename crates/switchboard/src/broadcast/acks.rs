//! Acknowledgements of broadcasts: one event, many answers.
//!
//! All recipients get the same bytes, and so the same ack id. Each holds a [`Share`] among the acks
//! that it waits for, which tells when the client answers and also when it is dropped: a client
//! that leaves is missing at once, and nobody waits for it. Whoever stops waiting takes the shares
//! back, so that nothing is left of a question that nobody answered.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, ArgsError, EncodeError, Payload, RawArgs};
use tokio::time::Sleep;

use super::Broadcast;
use super::target::Target;
use crate::Id;
use crate::cluster::OpenRequest;
use crate::cluster::answers::{self, Answers, Hearing};
use crate::cluster::message::{self, Body, Heard, Question};
use crate::error::AckError;
use crate::namespace::NamespaceInner;
use crate::prepared::Prepared;
use crate::session::flusher::FanOut;
use crate::socket::Socket;

/// An event to many that waits for their acknowledgements, from
/// [`Broadcast::emit_with_ack`]: `.await` it for all answers, or take them one by one from
/// [`stream`](Self::stream).
#[must_use = "await it to get the acknowledgements"]
#[derive(Debug)]
pub struct BroadcastAck<T> {
    gathering: Result<Gathering, EncodeError>,
    decode: Decode<T>,
}

/// What is taken of an acknowledgement: its first argument, or all.
pub(crate) type Decode<T> = fn(&Payload<'static>) -> Result<T, ArgsError>;

impl<T> BroadcastAck<T> {
    pub(crate) fn new(gathering: Result<Gathering, EncodeError>, decode: Decode<T>) -> Self {
        Self { gathering, decode }
    }

    pub(crate) fn decode(mut self, decode: Decode<T>) -> Self {
        self.decode = decode;
        self
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.gathering.as_ref().map_or(Duration::ZERO, |it| it.timeout)
    }

    /// The answers as they come, one item for each socket.
    ///
    /// ```
    /// # async fn run(io: switchboard::Server) -> Result<(), switchboard::EncodeError> {
    /// let mut answers = io.emit_with_ack::<String>("who", ()).stream()?;
    /// while let Some((id, answer)) = answers.next().await {
    ///     match answer {
    ///         Ok(name) => println!("{id} is {name}"),
    ///         Err(error) => println!("{id} did not say: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments could not be written as JSON: nobody was asked.
    pub fn stream(self) -> Result<BroadcastAnswers<T>, EncodeError> {
        Ok(BroadcastAnswers { gathering: self.gathering?, decode: self.decode })
    }
}

impl<T: DeserializeOwned> BroadcastAck<T> {
    async fn collect(self) -> Result<Vec<T>, BroadcastAckError<T>> {
        let mut stream = self.stream().map_err(BroadcastAckError::Encode)?;
        stream.gathering.answers.is_kept = true;
        let (mut answers, mut missing) = (Vec::new(), Vec::new());
        while let Some((id, answer)) = stream.next().await {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) => missing.push((id, error)),
            }
        }
        let servers_missing = stream.servers_missing();
        if missing.is_empty() && servers_missing == 0 {
            return Ok(answers);
        }
        Err(BroadcastAckError::Incomplete { answers, missing, servers_missing })
    }

    /// For the one socket that the broadcast was for.
    pub(crate) async fn single(self) -> Result<T, AckError> {
        let mut stream = self.stream().map_err(AckError::Encode)?;
        match stream.next().await {
            Some((_, answer)) => answer,
            None if stream.servers_missing() != 0 => Err(AckError::Timeout),
            None => Err(AckError::Disconnected),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for BroadcastAck<T> {
    type Output = Result<Vec<T>, BroadcastAckError<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.collect())
    }
}

/// The answers to a broadcast as they come, from [`BroadcastAck::stream`].
#[derive(Debug)]
pub struct BroadcastAnswers<T> {
    gathering: Gathering,
    decode: Decode<T>,
}

impl<T: DeserializeOwned> BroadcastAnswers<T> {
    /// The next answer and whose it is; `None` once every socket has had its turn. Those that
    /// have not answered in time come last, each with [`AckError::Timeout`].
    ///
    /// Nothing is lost when this is dropped before it is ready.
    pub async fn next(&mut self) -> Option<(Id, Result<T, AckError>)> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What [`next`](Self::next) awaits.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, AckError>)>> {
        let next = std::task::ready!(self.gathering.poll_next(cx));
        let decode = |it: Payload<'static>| (self.decode)(&it).map_err(AckError::Decode);
        Poll::Ready(next.map(|(id, answer)| (id, answer.and_then(decode))))
    }
}

impl<T> BroadcastAnswers<T> {
    /// Servers of the cluster that did not say in time whom they have asked.
    pub fn servers_missing(&self) -> usize {
        self.gathering.servers.len()
    }
}

/// Why not everybody has answered a broadcast.
#[derive(Debug)]
#[non_exhaustive]
pub enum BroadcastAckError<T> {
    /// The event could not be encoded: nobody was asked.
    Encode(EncodeError),
    /// Some have answered, some have not.
    #[non_exhaustive]
    Incomplete {
        /// The answers that came, in the order of their arrival.
        answers: Vec<T>,
        /// Who has not answered, and why.
        missing: Vec<(Id, AckError)>,
        /// Servers of the cluster that did not say in time whom they have asked.
        servers_missing: usize,
    },
}

impl<T> fmt::Display for BroadcastAckError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => write!(f, "could not encode the event: {error}"),
            Self::Incomplete { answers, missing, .. } => {
                let (came, all) = (answers.len(), answers.len() + missing.len());
                write!(f, "only {came} of {all} clients acknowledged")
            }
        }
    }
}

impl<T: fmt::Debug> std::error::Error for BroadcastAckError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Incomplete { .. } => None,
        }
    }
}

/// The place of one recipient among the acks that it waits for.
#[derive(Debug)]
pub(crate) struct Share {
    socket: Id,
    /// Gone once there was an answer.
    answers: Option<Answers>,
}

impl Share {
    pub(crate) fn answer(mut self, answer: Result<Payload<'static>, AckError>) {
        if let Some(answers) = self.answers.take() {
            answers.send(Heard::Acked(self.socket, answer));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(answers) = self.answers.take() {
            answers.send(Heard::Acked(self.socket, Err(AckError::Disconnected)));
        }
    }
}

/// Answers that come in, and who still owes one.
pub(crate) struct Gathering {
    /// Holds at most one answer of each recipient.
    answers: Hearing,
    ack: u64,
    pending: HashMap<Id, Asked>,
    /// Those of a server that is gone.
    gone: Vec<Id>,
    /// Servers of which we do not know yet whom they have asked.
    servers: Vec<Id>,
    /// The question to those servers, open as long as this lives.
    request: Option<OpenRequest>,
    timeout: Duration,
    /// Starts with the first poll, which needs a runtime.
    sleep: Option<Pin<Box<Sleep>>>,
    asked_at: tokio::time::Instant,
    is_late: bool,
    /// Those who have not answered in time.
    late: Vec<Id>,
}

/// Somebody who owes an answer.
enum Asked {
    /// One of our sockets.
    Here(Socket),
    /// A socket of that server.
    There(Id),
}

impl Broadcast {
    /// The one way by which every broadcast with an ack goes.
    pub(super) fn gather(&self, event: &str, args: impl Args) -> Result<Gathering, EncodeError> {
        let namespace = &self.namespace;
        let ack = namespace.next_ack();
        let timeout = self.ack_timeout.unwrap_or_else(|| namespace.ack_timeout());
        let Some(node) = self.node() else {
            let packet = self.prepare(event, Some(ack), args)?;
            return Ok(Gathering::ask(namespace, &self.target, ack, &packet, timeout).0);
        };
        // Other servers have other ack ids: they are given the event.
        let event = message::event(event, args)?;
        let args = RawArgs { json: event.args_json(), attachments: event.attachments() };
        let packet = self.prepare(&event.event_name(), Some(ack), args)?;
        let (mut gathering, answers) =
            Gathering::ask(namespace, &self.target, ack, &packet, timeout);
        let (request, servers) = node.open(answers);
        let question = Question { event: &event, flags: self.flags, timeout };
        let body = Body::Ask { target: &self.target, question, request: request.id };
        gathering.servers = servers;
        gathering.request = Some(request);
        node.publish(&self.message(body));
        Ok(gathering)
    }
}

impl NamespaceInner {
    /// Hands a packet with an ack id to the sockets of this server that are meant.
    fn ask(
        &self,
        target: &Target,
        ack: u64,
        packet: &Prepared,
        answers: &Answers,
    ) -> HashMap<Id, Asked> {
        // Collected first: an answer may wake whoever waits, which no lock of a room should see.
        let sockets = target.sockets(self);
        let mut fan_out = FanOut::new();
        for socket in &sockets {
            let share = Share { socket: socket.id(), answers: Some(answers.clone()) };
            match socket.wait_with(ack, share) {
                Err((share, error)) => share.answer(Err(error)),
                Ok(()) => {
                    let is_sent = fan_out.push(socket.session(), packet);
                    if !is_sent && packet.flags().is_volatile {
                        socket.refuse_ack(ack, AckError::NotSent);
                    }
                }
            }
        }
        sockets.into_iter().map(|it| (it.id(), Asked::Here(it))).collect()
    }
}

impl Gathering {
    /// Asks the sockets of this server. Others may answer by the sender.
    pub(crate) fn ask(
        namespace: &NamespaceInner,
        target: &Target,
        ack: u64,
        packet: &Prepared,
        timeout: Duration,
    ) -> (Self, Answers) {
        let (answers, heard) = answers::open();
        let gathering = Self {
            pending: namespace.ask(target, ack, packet, &answers),
            answers: heard,
            ack,
            gone: Vec::new(),
            servers: Vec::new(),
            request: None,
            timeout,
            sleep: None,
            asked_at: tokio::time::Instant::now(),
            is_late: false,
            late: Vec::new(),
        };
        (gathering, answers)
    }

    /// Those who have been asked and owe an answer.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = Id> {
        self.pending.keys().copied()
    }

    pub(crate) async fn next(&mut self) -> Option<(Id, Result<Payload<'static>, AckError>)> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Id, Result<Payload<'static>, AckError>)>> {
        loop {
            if let Some(id) = self.gone.pop() {
                if self.pending.remove(&id).is_some() {
                    return Poll::Ready(Some((id, Err(AckError::Disconnected))));
                }
                continue;
            }
            if self.pending.is_empty() && (self.servers.is_empty() || self.is_late) {
                return Poll::Ready(None);
            }
            match self.answers.poll_recv(cx) {
                Poll::Ready(Some(Heard::Acked(id, answer))) => {
                    if self.pending.remove(&id).is_some() {
                        return Poll::Ready(Some((id, answer)));
                    }
                    continue;
                }
                Poll::Ready(Some(heard)) => {
                    self.hear(heard);
                    continue;
                }
                // Every share has had its say, so that nobody can be pending.
                Poll::Ready(None) => self.is_late = true,
                Poll::Pending => (),
            }
            if self.is_late {
                return Poll::Ready(self.next_late());
            }
            std::task::ready!(self.poll_sleep(cx));
            self.is_late = true;
        }
    }

    /// A server has said whom it has asked, or is gone.
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Asked(server, sockets) => {
                self.servers.retain(|it| *it != server);
                self.pending.extend(sockets.into_iter().map(|id| (id, Asked::There(server))));
            }
            Heard::Lost(server) => {
                self.servers.retain(|it| *it != server);
                let is_there = |it: &Asked| matches!(it, Asked::There(at) if *at == server);
                let gone = self.pending.iter().filter(|(_, asked)| is_there(asked));
                self.gone.extend(gone.map(|(id, _)| *id));
            }
            // Not what was asked.
            Heard::Acked(..) | Heard::Sockets(..) | Heard::ServerSide(..) => (),
        }
    }

    /// One of those who have not answered in time.
    fn next_late(&mut self) -> Option<(Id, Result<Payload<'static>, AckError>)> {
        loop {
            if self.late.is_empty() {
                // All at once: to find the next one takes the longer the more have gone before it.
                self.late.extend(self.pending.keys());
            }
            let id = self.late.pop()?;
            let Some(asked) = self.pending.remove(&id) else { continue };
            if let Asked::Here(socket) = asked {
                socket.forget_ack(self.ack);
            }
            return Some((id, Err(AckError::Timeout)));
        }
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.timeout.saturating_sub(self.asked_at.elapsed());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        sleep.as_mut().poll(cx)
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        for asked in self.pending.values() {
            if let Asked::Here(socket) = asked {
                socket.forget_ack(self.ack);
            }
        }
    }
}

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathering").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}
