//! One event from a client: who sent it, whether they may, what it says, and its answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use switchboard::{Ack, Context, FromContext, Rejection, Server, Socket, TryData};

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

/// Who sent an event, and over which socket. An extractor of handlers.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) socket: Socket,
    session: Arc<Session>,
}

impl Call {
    pub(super) fn rooms(&self) -> &Rooms {
        &self.session.rooms
    }

    pub(super) fn guest(&self) -> &GuestId {
        &self.session.guest
    }

    pub(super) fn tab(&self) -> &TabId {
        &self.session.tab
    }

    /// The library's room that all sockets of this person are in.
    pub(super) fn person_channel(&self) -> String {
        super::deliver::person_channel(&self.session.guest)
    }
}

impl FromContext for Call {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let socket = context.socket().clone();
        // The middleware puts it there, or does not let the socket in.
        let session = socket.extension::<Session>();
        let session = session.ok_or(Rejection::Absent("the session of a guest"))?;
        Ok(Self { socket, session })
    }
}

/// Answers an event by `work`.
pub(super) fn on<T, R, W, F>(io: &Server, event: &str, kind: Kind, work: W)
where
    T: DeserializeOwned + Send + 'static,
    R: Serialize + Send,
    W: Fn(Call, T) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<R, Error>> + Send,
{
    io.on(event, async move |call: Call, TryData(request): TryData<T>, ack: Ack| {
        let answer = match (call.session.allow(kind), request) {
            (Err(error), _) => Err(error),
            (_, Err(error)) => {
                let reason = format!("does not have the form it should: {error}");
                Err(Error::Invalid(Invalid { field: "data", reason }))
            }
            (Ok(()), Ok(request)) => work(call, request).await,
        };
        let sent = match &answer {
            Ok(value) => ack.send(&Good { ok: true, value }),
            Err(error) => ack.send(&Bad { ok: false, error: problem(error) }),
        };
        if let Err(error) = sent {
            tracing::error!(%error, "an answer could not be encoded");
        }
    });
}

#[derive(Serialize)]
struct Good<'a, T> {
    ok: bool,
    #[serde(flatten)]
    value: &'a T,
}

#[derive(Serialize)]
struct Bad {
    ok: bool,
    error: Problem,
}

fn problem(error: &Error) -> Problem {
    let problem = error.problem();
    if 500 <= problem.status && problem.status != 503 {
        tracing::error!(%error, "an event failed");
    }
    problem
}
