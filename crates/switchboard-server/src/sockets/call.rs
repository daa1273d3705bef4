//! One event from a client: who sent it, whether they may, what it says, and its answer.
//!
//! The same for both doors. What differs between them is how a socket listens ([`Line`]) and how
//! an event comes by name ([`Events`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use switchboard::Socket;

use super::listeners::Listener;
use crate::limits::{Limits, Rate};
use crate::rooms::{Bucket, Error, GuestId, Invalid, Problem, Rooms, TabId};

/// What the server knows of a socket, from its connection to its end.
#[derive(Debug)]
pub(super) struct Session {
    rooms: Rooms,
    guest: GuestId,
    tab: TabId,
    rates: [Rate; 2],
    /// What is left of each rate: of all events, and of those that change something.
    buckets: Mutex<[Bucket; 2]>,
}

impl Session {
    pub(super) fn new(rooms: Rooms, guest: GuestId, socket_id: &str, limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            rooms,
            guest,
            tab: TabId::new(socket_id),
            rates: [limits.socket_events, limits.socket_writes],
            buckets: Mutex::new([Bucket::new(now); 2]),
        }
    }

    pub(super) fn tab(&self) -> &TabId {
        &self.tab
    }

    fn allow(&self, kind: Kind) -> Result<(), Error> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let ([events, writes], [event_rate, write_rate]) = (&mut *buckets, self.rates);
        events.take(event_rate, now)?;
        if kind == Kind::Change { writes.take(write_rate, now) } else { Ok(()) }
    }
}

/// Whether an event changes what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads, or changes only what its sender sees.
    Question,
    /// It changes what others see.
    Change,
}

/// A socket of either door, as what hears announcements: the channels that it is in.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// A Socket.IO socket; channels are the library's rooms.
    SocketIo(Socket),
    /// A plain WebSocket.
    Plain(Listener),
}

impl Line {
    pub(super) fn is_in(&self, channel: &str) -> bool {
        match self {
            Self::SocketIo(socket) => socket.rooms().iter().any(|it| **it == *channel),
            Self::Plain(listener) => listener.is_in(channel),
        }
    }

    pub(super) fn join(&self, channel: &str) -> Result<(), Error> {
        match self {
            Self::SocketIo(socket) => socket.join(channel).map_err(|_limit| Error::TooManyRooms),
            Self::Plain(listener) => {
                listener.join(channel);
                Ok(())
            }
        }
    }

    pub(super) fn leave(&self, channel: &str) {
        match self {
            Self::SocketIo(socket) => socket.leave(channel),
            Self::Plain(listener) => listener.leave(channel),
        }
    }
}

/// Who sent an event, and over which socket.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) line: Line,
    session: Arc<Session>,
}

impl Call {
    pub(super) fn new(line: Line, session: Arc<Session>) -> Self {
        Self { line, session }
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.session.rooms
    }

    pub(super) fn guest(&self) -> &GuestId {
        &self.session.guest
    }

    pub(super) fn tab(&self) -> &TabId {
        &self.session.tab
    }

    /// The socket is open from now on, and hears what concerns its person.
    pub(super) fn open(&self) {
        // The first channel of a socket: no limit is in the way.
        self.line.join(&super::deliver::person_channel(self.guest())).ok();
        self.rooms().open_tab(self.tab().clone(), self.guest().clone());
    }

    /// Counts an event, and says if it is one too many.
    pub(super) fn allow(&self, kind: Kind) -> Result<(), Error> {
        self.session.allow(kind)
    }
}

/// What a door does with the events that clients may send.
pub(super) trait Events {
    /// Answers `event` by `work`.
    fn on<T, R, W, F>(&mut self, event: &'static str, kind: Kind, work: W)
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        W: Fn(Call, T) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static;
}

/// Does what an event asks for, if it may be.
pub(super) async fn answer<T, R, E, F>(
    call: Call,
    kind: Kind,
    request: Result<T, E>,
    work: impl FnOnce(Call, T) -> F,
) -> Reply<R>
where
    E: std::error::Error,
    F: Future<Output = Result<R, Error>>,
{
    let answer = match (call.allow(kind), request) {
        (Err(error), _) => Err(error),
        (_, Err(error)) => {
            // What the library says around the cause, we say in our own words.
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            let reason = format!("does not have the form it should: {cause}");
            Err(Error::Invalid(Invalid { field: "data", reason }))
        }
        (Ok(()), Ok(request)) => work(call, request).await,
    };
    match answer {
        Ok(value) => Reply::good(value),
        Err(error) => Reply::bad(problem(&error)),
    }
}

/// The answer to an event, as both doors send it.
#[derive(Debug, Serialize)]
pub(super) struct Reply<R> {
    /// Which event it answers, where the protocol does not say so by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u64>,
    ok: bool,
    #[serde(flatten)]
    value: Option<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

impl<R> Reply<R> {
    pub(super) fn good(value: R) -> Self {
        Self { id: None, ok: true, value: Some(value), error: None }
    }

    pub(super) fn bad(error: Problem) -> Self {
        Self { id: None, ok: false, value: None, error: Some(error) }
    }
}

/// What the client is told of an error. What is our fault is logged.
pub(super) fn problem(error: &Error) -> Problem {
    let problem = error.problem();
    if 500 <= problem.status && problem.status != 503 {
        tracing::error!(%error, "an event failed");
    }
    problem
}
