//! What runs on which occasion: the handlers of an event, a connection, a disconnect, one after
//! the other, as one future.

use switchboard_sio::Payload;
use tracing::debug;

use crate::error::{ConnectError, EventError};
use crate::extract::{Context, Farewell, Rejection};
use crate::handler::{EventCheck, Middleware};
use crate::listeners::{Claim, EventListener, Lifecycle, List, Listener, Plan};
use crate::socket::Socket;

/// The handlers of an occasion: the socket's own, then those of the namespace.
pub(super) fn handlers(socket: &Socket, occasion: Lifecycle) -> Vec<EventListener> {
    let shared = socket.namespace_inner().lifecycle(occasion);
    match socket.lifecycle(occasion) {
        None => shared,
        Some(own) => own.iter().cloned().chain(shared).collect(),
    }
}

/// The checks of a new socket.
pub(super) async fn middleware(
    checks: Vec<Middleware>,
    socket: Socket,
    auth: String,
) -> Result<(), ConnectError> {
    for check in checks {
        let checking = check(&Context { auth: Some(&auth), ..context(&socket, "connection") });
        checking.map_err(|rejection| ConnectError::new(rejection.to_string()))?.await?;
    }
    Ok(())
}

/// A socket has been let in.
pub(super) async fn connection(handlers: Vec<EventListener>, socket: Socket, auth: String) {
    let occasion = Occasion { auth: Some(auth), ..Occasion::new(Lifecycle::Connection) };
    occasion.run(&handlers, &socket).await;
}

/// A socket has gone: `disconnecting`, while it knows its rooms, then `disconnect`.
pub(super) async fn farewell(
    [disconnecting, disconnect]: [Vec<EventListener>; 2],
    socket: Socket,
    farewell: Farewell,
) {
    let farewell = Some(farewell);
    let occasion = Occasion { farewell, ..Occasion::new(Lifecycle::Disconnecting) };
    occasion.run(&disconnecting, &socket).await;
    socket.forget_rooms();
    let occasion = Occasion { farewell, ..Occasion::new(Lifecycle::Disconnect) };
    occasion.run(&disconnect, &socket).await;
}

/// A moment in the life of a socket that no event of a client can bring about.
struct Occasion {
    kind: Lifecycle,
    auth: Option<String>,
    farewell: Option<Farewell>,
    error: Option<EventError>,
}

impl Occasion {
    fn new(kind: Lifecycle) -> Self {
        Self { kind, auth: None, farewell: None, error: None }
    }

    async fn run(&self, handlers: &[EventListener], socket: &Socket) {
        for handler in handlers.iter().filter(|it| is_due(it, socket)) {
            let started = (handler.call)(&Context {
                auth: self.auth.as_deref(),
                farewell: self.farewell,
                error: self.error.as_ref(),
                ..context(socket, self.kind.name())
            });
            match started {
                Ok(handler) => handler.await,
                Err(rejection) => debug!(occasion = self.kind.name(), %rejection, "not called"),
            }
        }
    }
}

/// Everything that one event meets.
pub(super) struct Turn {
    checks: Vec<Listener<EventCheck>>,
    /// Catch-all handlers, then those of the event.
    handlers: Vec<EventListener>,
}

impl Turn {
    pub(super) fn new(own: Plan, shared: Plan, family: Option<Plan>) -> Self {
        let family = family.unwrap_or_default();
        // Checks from the general to the special, handlers the other way.
        let checks = listed(&[family.checks, shared.checks, own.checks]);
        let mut handlers = listed(&[own.any, shared.any, family.any]);
        handlers.extend(listed(&[own.own, shared.own, family.own]));
        Self { checks, handlers }
    }

    pub(super) async fn run(self, socket: Socket, id: Option<u64>, payload: Payload<'static>) {
        for check in &self.checks {
            let checking = {
                let name = payload.event_name();
                (check.call)(&event_context(&socket, &name, id, &payload))
            };
            let refusal = match checking {
                Ok(checking) => checking.await,
                Err(rejection) => Err(EventError::new(rejection.to_string())),
            };
            if let Err(error) = refusal {
                return refuse(error, &socket, id).await;
            }
        }
        for handler in self.handlers.iter().filter(|it| is_due(it, &socket)) {
            let started = {
                let name = payload.event_name();
                let context = event_context(&socket, &name, id, &payload);
                (handler.call)(&context).map_err(|rejection| reject(&context, &rejection))
            };
            if let Ok(handler) = started {
                handler.await;
            }
        }
    }
}

/// Whether a handler may be called; one that is called once is taken out.
fn is_due(handler: &EventListener, socket: &Socket) -> bool {
    match handler.claim() {
        Claim::Standing => true,
        Claim::Spent => false,
        Claim::Last => {
            socket.forget_handler(handler.id);
            true
        }
    }
}

/// A check has refused an event.
async fn refuse(error: EventError, socket: &Socket, id: Option<u64>) {
    debug!(%error, "an event was refused");
    if let Some(id) = id {
        socket.send_ack(id, &error).ok();
    }
    let handlers = handlers(socket, Lifecycle::Error);
    let occasion = Occasion { error: Some(error), ..Occasion::new(Lifecycle::Error) };
    occasion.run(&handlers, socket).await;
}

pub(super) fn event_context<'a>(
    socket: &'a Socket,
    event: &'a str,
    ack: Option<u64>,
    payload: &'a Payload<'a>,
) -> Context<'a> {
    Context { payload: Some(payload), ack, ..context(socket, event) }
}

/// The client must not wait for an answer that nobody will give.
pub(super) fn reject(context: &Context<'_>, rejection: &Rejection) {
    debug!(event = ?context.event, %rejection, "a handler was not called");
    if let Some(id) = context.ack {
        let answer = serde_json::json!({ "error": rejection.to_string() });
        context.socket.send_ack(id, &answer).ok();
    }
}

fn context<'a>(socket: &'a Socket, event: &'a str) -> Context<'a> {
    Context { socket, event, payload: None, auth: None, ack: None, farewell: None, error: None }
}

fn listed<F: Clone>(lists: &[List<F>; 3]) -> Vec<Listener<F>> {
    lists.iter().flatten().flat_map(|it| it.iter()).cloned().collect()
}
