//! Events between servers: to the others of a cluster, not to clients.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, RwLock};

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, ArgsError, EncodeError, Payload};
use tokio::runtime::Handle;
use tracing::warn;

use super::hear::Asker;
use super::message::{self, Body, Heard, Message};
use super::replies::Replies;
use crate::sync::{read, write};
use crate::{Id, Namespace, Server};

/// An event from another server, for the handlers of
/// [`Namespace::on_server_side`](crate::Namespace::on_server_side).
#[derive(Clone, Debug)]
pub struct ServerSide {
    payload: Payload<'static>,
    server: Id,
    asker: Option<Asker>,
}

impl ServerSide {
    pub(crate) fn new(payload: Payload<'static>, server: Id, asker: Option<Asker>) -> Self {
        Self { payload, server, asker }
    }

    /// The name of the event.
    pub fn event(&self) -> Cow<'_, str> {
        self.payload.event_name()
    }

    /// The first argument.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] when it is not what `T` asks for.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.payload.arg()
    }

    /// All arguments, as a tuple or a `Vec`.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] when they are not what `T` asks for.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.payload.args()
    }

    /// The server that sent it: an id that changes with every start.
    pub fn server(&self) -> Id {
        self.server
    }

    /// Whether the other server waits for an answer.
    pub fn is_reply_wanted(&self) -> bool {
        self.asker.is_some()
    }

    /// Answers. Only the first answer of a server counts; nothing happens where none is wanted.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn reply(self, args: impl Args) -> Result<(), EncodeError> {
        if let Some(asker) = self.asker {
            asker.answer(Heard::ServerSide(asker.own_id(), message::reply(args)?));
        }
        Ok(())
    }
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handler and the runtime in which it was registered.
#[derive(Clone)]
pub(crate) struct Handler {
    start: Arc<dyn Fn(ServerSide) -> Running + Send + Sync>,
    runtime: Option<Handle>,
}

impl Handler {
    pub(crate) fn run(&self, event: ServerSide, runtime: Option<Handle>) {
        let runtime = self.runtime.clone().or(runtime);
        let Some(runtime) = runtime else {
            warn!("no runtime to handle a server-side event in");
            return;
        };
        let start = Arc::clone(&self.start);
        // Called inside the task too: it is the application's code, and may panic.
        runtime.spawn(async move { start(event).await });
    }
}

/// The handlers of one namespace.
#[derive(Default)]
pub(crate) struct Handlers(RwLock<HashMap<Box<str>, Vec<Handler>>>);

impl Handlers {
    pub(crate) fn find(&self, event: &str) -> Vec<Handler> {
        read(&self.0).get(event).cloned().unwrap_or_default()
    }

    fn add(&self, event: &str, handler: Handler) {
        write(&self.0).entry(event.into()).or_default().push(handler);
    }

    /// Drops them all, for after the end.
    pub(crate) fn clear(&self) {
        let handlers = std::mem::take(&mut *write(&self.0));
        drop(handlers);
    }
}

/// An event to other servers that waits for their answers: `.await` it. From
/// [`Namespace::server_side_emit_with_ack`](crate::Namespace::server_side_emit_with_ack).
#[must_use = "await it to get the answers"]
#[derive(Debug)]
pub struct ServerSideAck<T> {
    replies: Result<Option<Replies>, EncodeError>,
    answer: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> ServerSideAck<T> {
    async fn collect(self) -> Result<Vec<T>, ServerSideAckError<T>> {
        let replies = self.replies.map_err(ServerSideAckError::Encode)?;
        let (mut answers, mut unreadable) = (Vec::new(), 0);
        let Some(replies) = replies else { return Ok(answers) };
        let silent = replies.collect(|heard| {
            let Heard::ServerSide(_, payload) = heard else { return false };
            match payload.arg() {
                Ok(answer) => answers.push(answer),
                Err(_other_type) => unreadable += 1,
            }
            true
        });
        let servers_missing = silent.await + unreadable;
        if servers_missing == 0 {
            return Ok(answers);
        }
        Err(ServerSideAckError::Incomplete { answers, servers_missing })
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for ServerSideAck<T> {
    type Output = Result<Vec<T>, ServerSideAckError<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.collect())
    }
}

/// Why not every server has answered.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerSideAckError<T> {
    /// The event could not be encoded: nobody was asked.
    Encode(EncodeError),
    /// Some have not answered within 5 s, or with something of another type.
    #[non_exhaustive]
    Incomplete {
        /// The answers that came, in the order of their arrival.
        answers: Vec<T>,
        /// How many servers have not answered.
        servers_missing: usize,
    },
}

impl<T> fmt::Display for ServerSideAckError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => write!(f, "could not encode the event: {error}"),
            Self::Incomplete { answers, servers_missing } => {
                let all = answers.len() + servers_missing;
                write!(f, "only {} of {all} servers answered", answers.len())
            }
        }
    }
}

impl<T: fmt::Debug> std::error::Error for ServerSideAckError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Incomplete { .. } => None,
        }
    }
}

impl Namespace {
    /// Sends an event to the same namespace of every other server of the cluster, not to clients.
    /// Does nothing without a cluster.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn server_side_emit(&self, event: &str, args: impl Args) -> Result<(), EncodeError> {
        let event = message::event(event, args)?;
        if let Some(node) = self.0.node() {
            let body = Body::ServerSide { event: &event, request: None };
            node.publish(&Message { namespace: self.name(), body });
        }
        Ok(())
    }

    /// Sends an event to the same namespace of every other server, and waits at most 5 s for
    /// their answers. Without other servers there are none to wait for.
    ///
    /// ```
    /// use switchboard::{Server, cluster::{Local, ServerSide}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cluster = Local::new();
    /// let (a, b) = (Server::builder().cluster(&cluster).build(), Server::builder().cluster(&cluster).build());
    /// let count = b.clone();
    /// b.of("/").on_server_side("clients?", move |event: ServerSide| {
    ///     let count = count.clients_count();
    ///     async move { event.reply(&count).unwrap_or_default() }
    /// });
    /// let counts = a.of("/").server_side_emit_with_ack::<usize>("clients?", ()).await.unwrap();
    /// assert_eq!(counts, [0]);
    /// # }
    /// ```
    pub fn server_side_emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Args,
    ) -> ServerSideAck<T> {
        let ask = |event: Payload<'static>| {
            let replies = Replies::open(self.0.node()?);
            let body = Body::ServerSide { event: &event, request: Some(replies.request()) };
            let message = Message { namespace: self.name(), body };
            self.0.node()?.publish(&message);
            Some(replies)
        };
        ServerSideAck { replies: message::event(event, args).map(ask), answer: PhantomData }
    }

    /// Registers a handler for the events that other servers send with
    /// [`server_side_emit`](Self::server_side_emit). Several handlers of one event all run.
    ///
    /// A handler runs as a task of its own, in the runtime in which it was registered; registered
    /// outside of one, in the runtime of the server's connections.
    pub fn on_server_side<H, Fut>(&self, event: &str, handler: H)
    where
        H: Fn(ServerSide) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let start = Arc::new(move |event| -> Running { Box::pin(handler(event)) });
        self.0.server_side().add(event, Handler { start, runtime: Handle::try_current().ok() });
    }
}

impl Server {
    /// How many servers the cluster has, this one included: 1 without a cluster.
    pub fn server_count(&self) -> usize {
        self.engine.node.as_ref().map_or(1, |it| it.server_count())
    }

    /// See [`Namespace::server_side_emit`], for the default namespace.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the arguments cannot be written as JSON.
    pub fn server_side_emit(&self, event: &str, args: impl Args) -> Result<(), EncodeError> {
        self.of("/").server_side_emit(event, args)
    }

    /// See [`Namespace::server_side_emit_with_ack`], for the default namespace.
    pub fn server_side_emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: impl Args,
    ) -> ServerSideAck<T> {
        self.of("/").server_side_emit_with_ack(event, args)
    }

    /// See [`Namespace::on_server_side`], for the default namespace.
    pub fn on_server_side<H, Fut>(&self, event: &str, handler: H)
    where
        H: Fn(ServerSide) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.of("/").on_server_side(event, handler);
    }
}
