//! Tables of handlers: those of a namespace, of a family of dynamic namespaces, or of one socket.
//!
//! A list is shared as it is with whoever calls it, so that no lock is held while code of the
//! application runs, and a handler that is taken out does not disturb an event that is on its way.
//! What a change takes out is handed back, for the caller to drop when its lock is gone: handlers
//! own values of the application, whose `Drop` may do anything.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::event_names::NameHashing;
use crate::handler::{EventCheck, EventHandler, Handler, erase};
use crate::outgoing::Watcher;

/// Names one registered handler, so that it can be taken out again.
///
/// Every registration gives one; it is never used twice in a process.
///
/// ```
/// use switchboard::Server;
///
/// let io = Server::builder().build();
/// let id = io.of("/").on("ping", async || ());
/// assert!(io.of("/").off_handler(id));
/// assert!(!io.of("/").off_handler(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandlerId(u64);

impl HandlerId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One registration.
#[derive(Clone)]
pub(crate) struct Listener<F> {
    pub(crate) id: HandlerId,
    /// Of a handler that is called once: whether it has been.
    spent: Option<Arc<AtomicBool>>,
    /// How many events of one socket it may have in hand at once.
    concurrency: usize,
    pub(crate) call: F,
}

impl Listener<EventHandler> {
    pub(crate) fn of<P>(handler: impl Handler<P, ()>) -> Self {
        let concurrency = handler.concurrency().clamp(1, CONCURRENCY_MAX);
        Self { concurrency, ..Self::new(erase(handler)) }
    }

    /// Called for the first occasion alone.
    pub(crate) fn once<P>(handler: impl Handler<P, ()>) -> Self {
        Self { spent: Some(Arc::default()), ..Self::of(handler) }
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }
}

impl<F> Listener<F> {
    pub(crate) fn new(call: F) -> Self {
        Self { id: HandlerId::next(), spent: None, concurrency: 1, call }
    }

    /// Takes the one call of a handler that is called once.
    pub(crate) fn claim(&self) -> Claim {
        match &self.spent {
            None => Claim::Standing,
            Some(spent) if spent.swap(true, Ordering::AcqRel) => Claim::Spent,
            Some(_) => Claim::Last,
        }
    }
}

/// What a listener says when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Call it, as always.
    Standing,
    /// Call it, and take it out of its table.
    Last,
    /// It has been called already.
    Spent,
}

/// Registrations in the order of their calls; most lists are empty.
pub(crate) type List<F> = Option<Arc<[Listener<F>]>>;
pub(crate) type EventListener = Listener<EventHandler>;

/// When a handler is called that no event of a client can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    Connection,
    Disconnecting,
    Disconnect,
    Error,
}

impl Lifecycle {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Disconnecting => "disconnecting",
            Self::Disconnect => "disconnect",
            Self::Error => "error",
        }
    }
}

/// Whose table it is: the same name may mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Namespace,
    Socket,
}

/// All handlers that somebody has.
#[derive(Default)]
pub(crate) struct Listeners {
    lifecycle: [List<EventHandler>; 4],
    events: HashMap<Box<str>, Arc<[EventListener]>, NameHashing>,
    any: List<EventHandler>,
    checks: List<EventCheck>,
    watchers: List<Watcher>,
}

/// What a table knows of one event.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) checks: List<EventCheck>,
    pub(crate) any: List<EventHandler>,
    pub(crate) own: List<EventHandler>,
}

impl Plan {
    /// Whether the event's own handlers are all there is.
    pub(crate) fn is_plain(&self) -> bool {
        self.checks.is_none() && self.any.is_none()
    }

    /// Whether the event meets nothing here.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_plain() && self.own.is_none()
    }

    /// The one handler of the event, called one event at a time, if that is all there is.
    pub(crate) fn sole(&self) -> Option<&EventListener> {
        match self.own.as_deref() {
            Some([sole]) if self.is_plain() && sole.concurrency == 1 => Some(sole),
            _ => None,
        }
    }
}

/// What was taken out of a table, to be dropped when its lock is gone.
#[derive(Default)]
#[must_use = "drop it after the lock"]
pub(crate) struct Removed {
    handlers: Vec<EventListener>,
    lists: Vec<Arc<[EventListener]>>,
    watchers: Vec<Listener<Watcher>>,
    watcher_list: List<Watcher>,
}

impl Removed {
    pub(crate) fn is_empty(&self) -> bool {
        self.handlers.is_empty() && self.lists.is_empty() && self.watchers_count() == 0
    }

    pub(crate) fn watchers_count(&self) -> usize {
        self.watchers.len() + len(&self.watcher_list)
    }
}

impl Listeners {
    pub(crate) fn add(&mut self, owner: Owner, event: &str, listener: EventListener) -> HandlerId {
        let id = listener.id;
        match lifecycle(owner, event) {
            Some(occasion) => push(self.of_mut(occasion), listener, At::Back),
            None => {
                let mut list = self.events.remove(event);
                push(&mut list, listener, At::Back);
                self.events.extend(list.map(|list| (event.into(), list)));
            }
        }
        id
    }

    /// Takes out every handler of that name.
    pub(crate) fn remove_event(&mut self, owner: Owner, event: &str) -> Removed {
        let taken = match lifecycle(owner, event) {
            Some(occasion) => self.of_mut(occasion).take(),
            None => self.events.remove(event),
        };
        Removed { lists: taken.into_iter().collect(), ..Removed::default() }
    }

    /// Takes out one handler of whatever kind.
    pub(crate) fn remove(&mut self, id: HandlerId) -> Removed {
        let mut removed = Removed::default();
        let lists = self.lifecycle.iter_mut().chain([&mut self.any]);
        removed.handlers.extend(lists.filter_map(|list| pull(list, id)).take(1));
        if !removed.is_empty() {
            return removed;
        }
        removed.watchers.extend(pull(&mut self.watchers, id));
        if !removed.is_empty() {
            return removed;
        }
        let is_in = |list: &Arc<[EventListener]>| list.iter().any(|it| it.id == id);
        let Some(event) = self.events.iter().find(|it| is_in(it.1)).map(|it| it.0.clone()) else {
            return removed;
        };
        let mut list = self.events.remove(&event);
        removed.handlers.extend(pull(&mut list, id));
        self.events.extend(list.map(|list| (event, list)));
        removed
    }

    pub(crate) fn add_any(&mut self, listener: EventListener, at: At) -> HandlerId {
        let id = listener.id;
        push(&mut self.any, listener, at);
        id
    }

    pub(crate) fn remove_any(&mut self) -> Removed {
        Removed { lists: self.any.take().into_iter().collect(), ..Removed::default() }
    }

    pub(crate) fn any_count(&self) -> usize {
        len(&self.any)
    }

    pub(crate) fn add_check(&mut self, check: EventCheck) {
        push(&mut self.checks, Listener::new(check), At::Back);
    }

    pub(crate) fn add_watcher(&mut self, watcher: Watcher, at: At) -> HandlerId {
        let listener = Listener::new(watcher);
        let id = listener.id;
        push(&mut self.watchers, listener, at);
        id
    }

    pub(crate) fn remove_watchers(&mut self) -> Removed {
        Removed { watcher_list: self.watchers.take(), ..Removed::default() }
    }

    pub(crate) fn watchers_count(&self) -> usize {
        len(&self.watchers)
    }

    pub(crate) fn watchers(&self) -> List<Watcher> {
        self.watchers.clone()
    }

    /// What an event of a client meets.
    pub(crate) fn plan(&self, event: &str) -> Plan {
        let own = self.events.get(event).cloned();
        Plan { checks: self.checks.clone(), any: self.any.clone(), own }
    }

    /// The handlers of an ordinary event alone.
    pub(crate) fn event(&self, event: &str) -> List<EventHandler> {
        self.events.get(event).cloned()
    }

    pub(crate) fn lifecycle(&self, occasion: Lifecycle) -> List<EventHandler> {
        self.of(occasion).clone()
    }

    fn of(&self, occasion: Lifecycle) -> &List<EventHandler> {
        let [connection, disconnecting, disconnect, error] = &self.lifecycle;
        match occasion {
            Lifecycle::Connection => connection,
            Lifecycle::Disconnecting => disconnecting,
            Lifecycle::Disconnect => disconnect,
            Lifecycle::Error => error,
        }
    }

    fn of_mut(&mut self, occasion: Lifecycle) -> &mut List<EventHandler> {
        let [connection, disconnecting, disconnect, error] = &mut self.lifecycle;
        match occasion {
            Lifecycle::Connection => connection,
            Lifecycle::Disconnecting => disconnecting,
            Lifecycle::Disconnect => disconnect,
            Lifecycle::Error => error,
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}

/// Where a new handler stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Front,
    Back,
}

/// The occasion that a name stands for, if it is none that clients can send.
fn lifecycle(owner: Owner, event: &str) -> Option<Lifecycle> {
    match (owner, event) {
        (Owner::Namespace, "connection" | "connect") => Some(Lifecycle::Connection),
        // A socket's own "error" is an event like others, which a refusal calls too.
        (Owner::Namespace, "error") => Some(Lifecycle::Error),
        (_, "disconnecting") => Some(Lifecycle::Disconnecting),
        (_, "disconnect") => Some(Lifecycle::Disconnect),
        _ => None,
    }
}

fn len<F>(list: &List<F>) -> usize {
    list.as_ref().map_or(0, |it| it.len())
}

fn push<F: Clone>(list: &mut List<F>, listener: Listener<F>, at: At) {
    let before = list.iter().flat_map(|it| it.iter()).cloned();
    *list = Some(match at {
        At::Back => before.chain([listener]).collect(),
        At::Front => [listener].into_iter().chain(before).collect(),
    });
}

fn pull<F: Clone>(list: &mut List<F>, id: HandlerId) -> Option<Listener<F>> {
    let all = list.as_ref()?;
    let pulled = all.iter().find(|it| it.id == id)?.clone();
    let rest: Arc<[Listener<F>]> = all.iter().filter(|it| it.id != id).cloned().collect();
    *list = (!rest.is_empty()).then_some(rest);
    Some(pulled)
}

/// Events of one socket that a handler may have in hand at once, whatever it asks for: each of
/// them is looked at whenever the connection has something to do.
const CONCURRENCY_MAX: usize = 64;
