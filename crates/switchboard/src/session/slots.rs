//! The sockets of one connection: what waits for their handlers, and which handler runs.
//!
//! A socket is an actor: its events are handled one after the other, in the order of their
//! arrival, and not before its connection handler has returned. Handlers run inside the
//! connection's task; most end at their first poll, so that an event that finds its socket idle is
//! never copied.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use switchboard_sio::Payload;
use tokio::sync::oneshot;
use tracing::error;

use super::occasion::{self, Turn};
use crate::error::{ConnectError, DisconnectReason};
use crate::extract::Farewell;
use crate::handler::HandlerFuture;
use crate::listeners::{Claim, EventListener, HandlerId, Lifecycle};
use crate::namespaces::{Asked, Stay};
use crate::socket::Socket;
use choice::{Concurrency, Sole, concurrency, sole_handler};

mod choice;

/// A handler panicked. Its connection must end.
#[derive(Debug)]
pub(crate) struct Panicked;

/// One socket and its work.
pub(crate) struct Slot {
    pub(crate) socket: Socket,
    phase: Phase,
    running: Option<Running>,
    /// Of a socket that has its hands full. Apart, because most sockets are idle.
    busy: Option<Box<Busy>>,
    /// Keeps a dynamic namespace in being.
    stay: Option<Box<Stay>>,
}

/// What waits, and what runs beside.
#[derive(Default)]
struct Busy {
    /// The disconnect handlers, and events of handlers that are concurrent.
    beside: Vec<Beside>,
    queue: VecDeque<Waiting>,
    queue_bytes: usize,
    /// Waits, for its drop, until nothing runs beside any more.
    heir: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Somebody decides, such as middleware; the client has not been answered.
    Checking,
    /// Connected.
    Live,
    /// Disconnected or refused. Events that came before are still handled.
    Gone,
}

enum Running {
    /// Whether there is such a namespace.
    Ask(Admission<Asked>),
    Check(Admission<Result<(), ConnectError>>),
    /// The client's connection before must end.
    TakeOver(Admission<()>),
    Handler(HandlerFuture<()>),
    /// A concurrent handler has its hands full, and this is one event more.
    Crowded(Box<(Waiting, Concurrency)>),
}

/// What a client waits for that wants to join, and its auth payload. In a box, because it is over
/// before the socket rests.
type Admission<T> = Box<(HandlerFuture<T>, Box<str>)>;

/// What runs beside the socket's turn.
struct Beside {
    /// The concurrent handler that has it in hand; `None` for disconnect handlers.
    of: Option<HandlerId>,
    handler: HandlerFuture<()>,
}

/// An event whose turn has not come.
struct Waiting {
    id: Option<u64>,
    payload: Payload<'static>,
}

impl Slot {
    /// A socket whose client has sent CONNECT with `auth`.
    pub(crate) fn connect(socket: Socket, auth: &str) -> Self {
        let mut slot = Self::new(socket);
        slot.check(auth);
        slot
    }

    /// A socket of a namespace that may not exist. `socket` is only good for its name.
    pub(crate) fn ask(socket: Socket, auth: &str, asking: HandlerFuture<Asked>) -> Self {
        let mut slot = Self::new(socket);
        slot.running = Some(Running::Ask(Box::new((asking, auth.into()))));
        slot
    }

    /// Keeps the dynamic namespace of its socket in being.
    pub(crate) fn staying(mut self, stay: Option<Box<Stay>>) -> Self {
        self.stay = stay;
        self
    }

    fn new(socket: Socket) -> Self {
        Self { socket, phase: Phase::Checking, running: None, busy: None, stay: None }
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
            && self.busy.as_ref().is_none_or(|it| it.beside.is_empty() && it.queue.is_empty())
    }

    /// Whether so many times as much waits as one socket may let wait.
    fn is_over(&self, times: usize) -> bool {
        self.busy.as_ref().is_some_and(|it| {
            EVENTS_MAX * times <= it.queue.len() || BYTES_MAX * times <= it.queue_bytes
        })
    }

    /// Handles an event now if the socket is idle, else later.
    pub(crate) fn event(
        &mut self,
        id: Option<u64>,
        payload: Payload<'_>,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), Panicked> {
        if self.running.is_some() || self.busy.as_ref().is_some_and(|it| !it.queue.is_empty()) {
            let busy = self.busy.get_or_insert_default();
            busy.queue_bytes += payload.bytes_len();
            busy.queue.push_back(Waiting { id, payload: payload.into_owned() });
            return Ok(());
        }
        self.start(id, payload, cx)
    }

    /// Ends the socket: it leaves its rooms at once, and its disconnect handlers start.
    pub(crate) fn end(&mut self, farewell: Farewell) {
        let was = std::mem::replace(&mut self.phase, Phase::Gone);
        match was {
            Phase::Gone => (),
            // Never connected: nobody is told, and the check is of no use any more.
            Phase::Checking => {
                drop_caught(self.running.take());
                self.socket.detach(None);
            }
            Phase::Live => {
                self.socket.detach(Some(farewell.reason));
                let disconnecting = self.farewell_handlers(Lifecycle::Disconnecting);
                let disconnect = self.farewell_handlers(Lifecycle::Disconnect);
                if disconnecting.is_empty() {
                    self.socket.forget_rooms();
                }
                if !(disconnecting.is_empty() && disconnect.is_empty()) {
                    let handlers = [disconnecting, disconnect];
                    let farewell = occasion::farewell(handlers, self.socket.clone(), farewell);
                    let beside = Beside { of: None, handler: Box::pin(farewell) };
                    self.busy.get_or_insert_default().beside.push(beside);
                }
            }
        }
        if self.is_finished() {
            // What the client asks for next may need the place.
            self.stay = None;
        }
    }

    /// Ends the socket because the server wants it, and tells the client if it is connected.
    pub(crate) fn put_out(&mut self) {
        if self.is_live() {
            self.socket.say_goodbye();
        }
        self.end(DisconnectReason::ServerNamespace.into());
    }

    fn farewell_handlers(&self, occasion: Lifecycle) -> Vec<EventListener> {
        occasion::handlers(&self.socket, occasion)
    }

    /// Ends the socket, and drops `heir` when its disconnect handlers have returned.
    pub(crate) fn end_for(&mut self, heir: oneshot::Sender<()>, farewell: Farewell) {
        self.busy.get_or_insert_default().heir = Some(heir);
        self.end(farewell);
        if let Some(busy) = self.busy.as_mut().filter(|it| it.beside.is_empty()) {
            busy.heir = None;
        }
    }

    /// Drops everything that still runs or waits.
    pub(crate) fn abandon(&mut self) {
        drop_caught(self.running.take());
        if let Some(mut busy) = self.busy.take() {
            busy.beside.drain(..).for_each(drop_caught);
        }
    }

    /// Runs what can run.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Result<(), Panicked> {
        let has_nothing = |it: &Busy| it.queue.is_empty() && it.beside.is_empty();
        let rests = self.running.is_none() && self.busy.as_deref().is_none_or(has_nothing);
        if rests { Ok(()) } else { self.poll_work(cx) }
    }

    fn poll_work(&mut self, cx: &mut TaskContext<'_>) -> Result<(), Panicked> {
        self.poll_beside(cx)?;
        loop {
            match &mut self.running {
                None => {
                    let Some(Waiting { id, payload }) = self.next_waiting() else {
                        return Ok(());
                    };
                    self.start(id, payload, cx)?;
                    if self.running.is_some() {
                        // It has been polled.
                        return Ok(());
                    }
                }
                Some(Running::Crowded(crowded)) => {
                    let (_, concurrency) = **crowded;
                    if self.is_crowded(concurrency) {
                        return Ok(());
                    }
                    if let Some(Running::Crowded(crowded)) = self.running.take() {
                        let (event, _) = *crowded;
                        self.start(event.id, event.payload, cx)?;
                    }
                    if self.running.is_some() {
                        return Ok(());
                    }
                }
                Some(Running::Handler(handler)) => {
                    if poll_caught(handler, cx)?.is_pending() {
                        return Ok(());
                    }
                    self.running = None;
                }
                Some(Running::Ask(running)) => {
                    let (asking, auth) = &mut **running;
                    let Poll::Ready(asked) = poll_caught(asking, cx)? else { return Ok(()) };
                    let auth = std::mem::take(auth);
                    self.running = None;
                    match asked {
                        Ok((namespace, stay)) => {
                            let session = Arc::clone(self.socket.session());
                            let (socket, auth) = Socket::admit(namespace, session, &auth);
                            self.socket = socket;
                            self.stay = stay;
                            self.check(&auth);
                        }
                        Err(refusal) => self.refuse(&ConnectError::new(refusal)),
                    }
                }
                Some(Running::Check(running)) => {
                    let (check, auth) = &mut **running;
                    let Poll::Ready(checked) = poll_caught(check, cx)? else { return Ok(()) };
                    let auth = std::mem::take(auth);
                    self.running = None;
                    match checked {
                        Ok(()) => self.accept(&auth),
                        Err(refusal) => self.refuse(&refusal),
                    }
                }
                Some(Running::TakeOver(running)) => {
                    let (cut, auth) = &mut **running;
                    if poll_caught(cut, cx)?.is_pending() {
                        return Ok(());
                    }
                    let auth = std::mem::take(auth);
                    self.running = None;
                    self.replace(self.socket.take_over(&auth));
                    self.check(&auth);
                }
            }
        }
    }

    /// The event whose turn it is, if nothing else runs.
    fn next_waiting(&mut self) -> Option<Waiting> {
        let busy = self.busy.as_mut()?;
        if let Some(event) = busy.queue.pop_front() {
            busy.queue_bytes -= event.payload.bytes_len();
            return Some(event);
        }
        busy.queue = VecDeque::new();
        if busy.beside.is_empty() {
            self.busy = None;
        }
        None
    }

    /// The namespace exists: middleware decides, if there is any.
    fn check(&mut self, auth: &str) {
        let checks = self.socket.namespace_inner().middleware();
        if checks.is_empty() || self.socket.skips_middlewares() {
            self.accept(auth);
        } else {
            let check = occasion::middleware(checks, self.socket.clone(), auth.to_owned());
            self.running = Some(Running::Check(Box::new((Box::pin(check), auth.into()))));
        }
    }

    fn accept(&mut self, auth: &str) {
        if let Some(cut) = self.socket.cut_rival() {
            self.running = Some(Running::TakeOver(Box::new((cut, auth.into()))));
            return;
        }
        if !self.socket.attach() {
            // It cannot have its state back, so it begins anew, with another id.
            self.replace(self.socket.begin_anew(auth));
            self.check(auth);
            return;
        }
        self.phase = Phase::Live;
        let handlers = self.socket.namespace_inner().lifecycle(Lifecycle::Connection);
        if !handlers.is_empty() {
            let start = occasion::connection(handlers, self.socket.clone(), auth.to_owned());
            self.running = Some(Running::Handler(Box::pin(start)));
        }
    }

    /// Goes on with another socket for the same client.
    fn replace(&mut self, socket: Socket) {
        let before = std::mem::replace(&mut self.socket, socket);
        drop_caught(before.clear());
    }

    fn refuse(&mut self, refusal: &ConnectError) {
        self.phase = Phase::Gone;
        // The middleware may have put it into rooms, which would keep it.
        self.socket.detach(None);
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

    fn poll_beside(&mut self, cx: &mut TaskContext<'_>) -> Result<(), Panicked> {
        let Some(busy) = self.busy.as_mut().filter(|it| !it.beside.is_empty()) else {
            return Ok(());
        };
        let mut polled = Ok(());
        busy.beside.retain_mut(|it| match poll_caught(&mut it.handler, cx) {
            Ok(it) => it.is_pending(),
            Err(panicked) => {
                polled = Err(panicked);
                false
            }
        });
        if busy.beside.is_empty() {
            busy.beside = Vec::new();
            busy.heir = None;
        }
        polled
    }

    /// Runs what an event has begun: in its turn, or beside what comes. Most handlers end here.
    fn begin(
        &mut self,
        mut handler: HandlerFuture<()>,
        concurrency: Option<Concurrency>,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), Panicked> {
        match poll_caught(&mut handler, cx) {
            Err(panicked) => {
                drop_caught(handler);
                return Err(panicked);
            }
            Ok(Poll::Ready(())) => return Ok(()),
            Ok(Poll::Pending) => (),
        }
        match concurrency {
            None => self.running = Some(Running::Handler(handler)),
            Some(Concurrency { of, .. }) => {
                let beside = &mut self.busy.get_or_insert_default().beside;
                beside.push(Beside { of: Some(of), handler });
            }
        }
        Ok(())
    }

    /// Whether a handler has as many events in hand as it may.
    fn is_crowded(&self, Concurrency { of, count }: Concurrency) -> bool {
        let beside = self.busy.iter().flat_map(|it| &it.beside);
        count <= beside.filter(|it| it.of == Some(of)).count()
    }

    fn start(
        &mut self,
        id: Option<u64>,
        payload: Payload<'_>,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), Panicked> {
        let name = payload.event_name();
        let own = self.socket.plan(&name);
        let namespace = self.socket.namespace_inner();
        let shared = namespace.plan(&name);
        let family = namespace.family_plan(&name);
        if own.is_empty()
            && family.is_none()
            && let Some(handler) = shared.sole()
        {
            return self.call(handler, (&name, id, &payload), None, cx);
        }
        let concurrency = concurrency([Some(&own), Some(&shared), family.as_ref()]);
        if let Some(concurrency) = concurrency
            && self.is_crowded(concurrency)
        {
            drop(name);
            let event = Waiting { id, payload: payload.into_owned() };
            self.running = Some(Running::Crowded(Box::new((event, concurrency))));
            return Ok(());
        }
        let handler = match sole_handler(&own, &shared, family.as_ref()) {
            Sole::Nobody => return Ok(()),
            Sole::One(handler) => handler,
            Sole::Several => {
                let turn = Turn::new(own, shared, family);
                drop(name);
                let all = turn.run(self.socket.clone(), id, payload.into_owned());
                return self.begin(Box::pin(all), concurrency, cx);
            }
        };
        self.call(handler, (&name, id, &payload), concurrency, cx)
    }

    fn call(
        &mut self,
        handler: &EventListener,
        (name, id, payload): (&str, Option<u64>, &Payload<'_>),
        concurrency: Option<Concurrency>,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), Panicked> {
        match handler.claim() {
            Claim::Standing => (),
            Claim::Last => self.socket.forget_handler(handler.id),
            Claim::Spent => return Ok(()),
        }
        let context = occasion::event_context(&self.socket, name, id, payload);
        // Extractors may be the application's code, and so may the parser that writes an answer.
        let start =
            || (handler.call)(&context).map_err(|rejection| occasion::reject(&context, &rejection));
        match catch_unwind(AssertUnwindSafe(start)).map_err(panicked)? {
            Ok(handler) => self.begin(handler, concurrency, cx),
            Err(()) => Ok(()),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // However it ends: what a socket keeps may hold the socket.
        drop_caught(self.socket.clear());
    }
}

/// Whether so much waits on one of these sockets that their connection should not be read.
pub(crate) fn are_full(slots: &[Slot]) -> bool {
    // A handler that waits for an ack needs reading to go on, or it would starve itself. It may
    // have asked another socket of its client.
    let waits_for_ack = || slots.iter().any(|it| it.socket.waits_for_ack());
    slots.iter().any(|it| it.is_over(1))
        && (slots.iter().any(|it| it.is_over(4)) || !waits_for_ack())
}

fn poll_caught<Out>(
    future: &mut HandlerFuture<Out>,
    cx: &mut TaskContext<'_>,
) -> Result<Poll<Out>, Panicked> {
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
    polled.map_err(panicked)
}

fn panicked(_panic: Box<dyn Any + Send>) -> Panicked {
    // The panic hook has printed where; this line says what it costs.
    error!("a handler panicked; its connection is closed");
    Panicked
}

/// Drops what the application may have made: a panic in there must not end the task, which has
/// other sockets to end.
fn drop_caught<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        error!("something that a handler kept panicked when it was dropped");
    }
}

/// Events that may wait on one socket before reading stops.
const EVENTS_MAX: usize = 256;
/// Bytes that may wait on one socket before reading stops.
const BYTES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_socket_is_small() {
        assert!(size_of::<Slot>() <= 56, "{}", size_of::<Slot>());
    }
}
