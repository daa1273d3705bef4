//! The sockets of one connection: what waits for their handlers, and which handler runs.
//!
//! A socket is an actor: its events are handled one after the other, in the order of their
//! arrival, and not before its connection handler has returned. Handlers run inside the
//! connection's task; most end at their first poll, so that an event that finds its socket idle is
//! never copied.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use switchboard_sio::Payload;
use tracing::{debug, error};

use crate::error::{ConnectError, DisconnectReason};
use crate::extract::{Context, Rejection};
use crate::handler::{EventHandler, HandlerFuture, Middleware};
use crate::socket::Socket;

/// A handler panicked. Its connection must end.
#[derive(Debug)]
pub(crate) struct Panicked;

/// One socket and its work.
pub(crate) struct Slot {
    pub(crate) socket: Socket,
    phase: Phase,
    running: Option<Running>,
    /// The disconnect handlers, which run beside whatever still runs.
    farewell: Option<HandlerFuture<()>>,
    queue: VecDeque<Waiting>,
    queue_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Middleware decides; the client has not been answered.
    Checking,
    /// Connected.
    Live,
    /// Disconnected or refused. Events that came before are still handled.
    Gone,
}

enum Running {
    Check(HandlerFuture<Result<(), ConnectError>>, Box<str>),
    Handler(HandlerFuture<()>),
}

/// An event whose turn has not come.
struct Waiting {
    id: Option<u64>,
    payload: Payload<'static>,
}

impl Slot {
    /// A socket whose client has sent CONNECT with `auth`.
    pub(crate) fn connect(socket: Socket, auth: &str) -> Self {
        let mut slot = Self {
            socket,
            phase: Phase::Checking,
            running: None,
            farewell: None,
            queue: VecDeque::new(),
            queue_bytes: 0,
        };
        let checks = slot.socket.namespace_inner().middleware();
        if checks.is_empty() {
            slot.accept(auth);
        } else {
            let check = run_middleware(checks, slot.socket.clone(), auth.to_owned());
            slot.running = Some(Running::Check(Box::pin(check), auth.into()));
        }
        slot
    }

    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    pub(crate) fn is_checking(&self) -> bool {
        self.phase == Phase::Checking
    }

    /// Whether this is the client's current socket in that namespace.
    pub(crate) fn is_current(&self, namespace: &str) -> bool {
        self.phase != Phase::Gone && self.socket.namespace() == namespace
    }

    /// Nothing left to run.
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Gone
            && self.running.is_none()
            && self.farewell.is_none()
            && self.queue.is_empty()
    }

    /// Whether so much waits that the connection should not be read.
    pub(crate) fn is_full(&self) -> bool {
        let is_over =
            |times| EVENTS_MAX * times <= self.queue.len() || BYTES_MAX * times <= self.queue_bytes;
        // A handler that waits for an ack needs reading to go on, or it would starve itself.
        is_over(1) && (is_over(4) || !self.socket.waits_for_ack())
    }

    /// Handles an event now if the socket is idle, else later.
    pub(crate) fn event(
        &mut self,
        id: Option<u64>,
        payload: Payload<'_>,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), Panicked> {
        if self.running.is_some() || !self.queue.is_empty() {
            self.queue_bytes += payload_len(&payload);
            self.queue.push_back(Waiting { id, payload: payload.into_owned() });
            return Ok(());
        }
        self.start(id, payload)?;
        self.poll(cx)
    }

    /// Ends the socket: it leaves its rooms at once, and its disconnect handlers start.
    pub(crate) fn end(&mut self, reason: DisconnectReason) {
        let was = std::mem::replace(&mut self.phase, Phase::Gone);
        match was {
            Phase::Gone => (),
            // Never connected: nobody is told, and the check is of no use any more.
            Phase::Checking => self.running = None,
            Phase::Live => {
                self.socket.detach();
                let mut handlers = self.socket.disconnect_handlers();
                handlers.extend(self.socket.namespace_inner().disconnect_handlers());
                if !handlers.is_empty() {
                    let farewell = run_farewell(handlers, self.socket.clone(), reason);
                    self.farewell = Some(Box::pin(farewell));
                }
            }
        }
    }

    /// Drops everything that still runs or waits.
    pub(crate) fn abandon(&mut self) {
        self.running = None;
        self.farewell = None;
        self.queue = VecDeque::new();
        self.queue_bytes = 0;
    }

    /// Runs what can run.
    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Result<(), Panicked> {
        if let Some(farewell) = &mut self.farewell
            && poll_caught(farewell, cx)?.is_ready()
        {
            self.farewell = None;
        }
        loop {
            match &mut self.running {
                None => {
                    let Some(Waiting { id, payload }) = self.queue.pop_front() else {
                        self.queue = VecDeque::new();
                        return Ok(());
                    };
                    self.queue_bytes -= payload_len(&payload);
                    self.start(id, payload)?;
                }
                Some(Running::Handler(handler)) => {
                    if poll_caught(handler, cx)?.is_pending() {
                        return Ok(());
                    }
                    self.running = None;
                }
                Some(Running::Check(check, auth)) => {
                    let Poll::Ready(checked) = poll_caught(check, cx)? else { return Ok(()) };
                    let auth = std::mem::take(auth);
                    self.running = None;
                    match checked {
                        Ok(()) => self.accept(&auth),
                        Err(refusal) => self.refuse(&refusal),
                    }
                }
            }
        }
    }

    fn accept(&mut self, auth: &str) {
        self.phase = Phase::Live;
        self.socket.attach();
        let handlers = self.socket.namespace_inner().connection_handlers();
        if !handlers.is_empty() {
            let start = run_connection(handlers, self.socket.clone(), auth.to_owned());
            self.running = Some(Running::Handler(Box::pin(start)));
        }
    }

    fn refuse(&mut self, refusal: &ConnectError) {
        self.phase = Phase::Gone;
        let namespace = self.socket.namespace();
        let (message, data) = (refusal.message(), refusal.raw_data());
        let encoding = &self.socket.namespace_inner().encoding;
        let packet = if self.socket.session().dialect.is_v3() {
            encoding.connect_error_v3(namespace, message, data)
        } else {
            encoding.connect_error(namespace, message, data)
        };
        self.socket.session().outbox.push_packet(&packet);
    }

    fn start(&mut self, id: Option<u64>, payload: Payload<'_>) -> Result<(), Panicked> {
        let name = payload.event_name();
        let own = self.socket.handlers(&name);
        let shared = self.socket.namespace_inner().handlers(&name);
        let handlers = match (own, shared) {
            (None, None) => return Ok(()),
            (Some(handlers), None) | (None, Some(handlers)) => handlers,
            (Some(own), Some(shared)) => own.iter().chain(shared.iter()).cloned().collect(),
        };
        let handler = match &*handlers {
            [handler] => {
                let context = event_context(&self.socket, &name, id, &payload);
                // Extractors may be the application's code.
                let started = catch_unwind(AssertUnwindSafe(|| handler(&context)));
                match started.map_err(|_panic| Panicked)? {
                    Ok(handler) => handler,
                    Err(rejection) => {
                        reject(&context, &rejection);
                        return Ok(());
                    }
                }
            }
            _ => {
                drop(name);
                let all = run_event(handlers, self.socket.clone(), id, payload.into_owned());
                Box::pin(all)
            }
        };
        self.running = Some(Running::Handler(handler));
        Ok(())
    }
}

fn poll_caught<Out>(
    future: &mut HandlerFuture<Out>,
    cx: &mut TaskContext<'_>,
) -> Result<Poll<Out>, Panicked> {
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
    polled.map_err(|_panic| {
        // The panic hook has printed where; this line says what it costs.
        error!("a handler panicked; its connection is closed");
        Panicked
    })
}

async fn run_middleware(
    checks: Vec<Middleware>,
    socket: Socket,
    auth: String,
) -> Result<(), ConnectError> {
    for check in checks {
        let checking = check(&lifecycle_context(&socket, "connection", Some(&auth), None));
        checking.map_err(|rejection| ConnectError::new(rejection.to_string()))?.await?;
    }
    Ok(())
}

async fn run_connection(handlers: Vec<EventHandler>, socket: Socket, auth: String) {
    for handler in handlers {
        let started = handler(&lifecycle_context(&socket, "connection", Some(&auth), None));
        match started {
            Ok(handler) => handler.await,
            Err(rejection) => debug!(%rejection, "a connection handler was not called"),
        }
    }
}

async fn run_farewell(handlers: Vec<EventHandler>, socket: Socket, reason: DisconnectReason) {
    for handler in handlers {
        let started = handler(&lifecycle_context(&socket, "disconnect", None, Some(reason)));
        match started {
            Ok(handler) => handler.await,
            Err(rejection) => debug!(%rejection, "a disconnect handler was not called"),
        }
    }
}

async fn run_event(
    handlers: Arc<[EventHandler]>,
    socket: Socket,
    id: Option<u64>,
    payload: Payload<'static>,
) {
    for handler in handlers.iter() {
        let name = payload.event_name();
        let started = {
            let context = event_context(&socket, &name, id, &payload);
            handler(&context).map_err(|rejection| reject(&context, &rejection))
        };
        if let Ok(handler) = started {
            handler.await;
        }
    }
}

fn event_context<'a>(
    socket: &'a Socket,
    event: &'a str,
    ack: Option<u64>,
    payload: &'a Payload<'a>,
) -> Context<'a> {
    Context { socket, event, payload: Some(payload), auth: None, ack, reason: None }
}

fn lifecycle_context<'a>(
    socket: &'a Socket,
    event: &'a str,
    auth: Option<&'a str>,
    reason: Option<DisconnectReason>,
) -> Context<'a> {
    Context { socket, event, payload: None, auth, ack: None, reason }
}

/// The client must not wait for an answer that nobody will give.
fn reject(context: &Context<'_>, rejection: &Rejection) {
    debug!(event = ?context.event, %rejection, "a handler was not called");
    if let Some(id) = context.ack {
        let answer = serde_json::json!({ "error": rejection.to_string() });
        context.socket.send_ack(id, &answer).ok();
    }
}

fn payload_len(payload: &Payload<'_>) -> usize {
    payload.json().len() + payload.attachments().iter().map(bytes::Bytes::len).sum::<usize>()
}

/// Events that may wait on one socket before reading stops.
const EVENTS_MAX: usize = 256;
/// Bytes that may wait on one socket before reading stops.
const BYTES_MAX: usize = 1_000_000;
