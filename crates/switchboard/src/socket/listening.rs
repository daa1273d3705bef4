//! The handlers that a socket has of its own.
//!
//! A closure may hold its own socket; the handlers are dropped when the socket ends, and nothing is
//! kept for a socket that has ended, so that such a circle does not leak.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Own, Socket};
use crate::error::EventError;
use crate::handler::{EventHandler, Handler, erase};
use crate::listeners::{HandlerId, Lifecycle, List, Listener, Listeners, Owner, Plan};
use crate::outgoing::Watcher;
use crate::registration::registration;
use crate::sync::lock;

impl Socket {
    /// Registers a handler for this socket alone, until the socket ends.
    ///
    /// `disconnecting` and `disconnect` are called when the socket ends; `error` when a packet
    /// middleware refuses an event, and also for an event of that name from the client, as in the
    /// official server: a handler that takes an [`EventError`] is called for refusals alone. Every
    /// other name is an event from the client.
    pub fn on<H, P>(&self, event: &str, handler: H) -> HandlerId
    where
        H: Handler<P, ()>,
    {
        let listener = Listener::of(handler);
        self.change(|owner, listeners| listeners.add(owner, event, listener))
    }

    /// Adds a check that every event of this socket passes before any handler sees it, after those
    /// of [`Namespace::event_middleware`](crate::Namespace::event_middleware).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use switchboard::{EventError, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// io.on("connection", async |socket: Socket| {
    ///     let events = Arc::new(AtomicU32::new(0));
    ///     socket.middleware(async move || match events.fetch_add(1, Ordering::Relaxed) {
    ///         0..1000 => Ok(()),
    ///         _ => Err(EventError::new("enough for today")),
    ///     });
    /// });
    /// ```
    pub fn middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), EventError>>,
    {
        let check = erase(check);
        self.change(|_owner, listeners| listeners.add_check(check));
    }

    /// What an event meets in the socket's own table.
    #[inline]
    pub(crate) fn plan(&self, event: &str) -> Plan {
        if self.0.listens.load(Ordering::Acquire) { self.own_plan(event) } else { Plan::default() }
    }

    fn own_plan(&self, event: &str) -> Plan {
        let own = lock(&self.0.own);
        let listeners = own.as_ref().and_then(|own| own.listeners.as_ref());
        listeners.map(|it| it.plan(event)).unwrap_or_default()
    }

    /// The socket's own handlers of an occasion.
    pub(crate) fn lifecycle(&self, occasion: Lifecycle) -> List<EventHandler> {
        let own = lock(&self.0.own);
        let listeners = own.as_ref()?.listeners.as_ref()?;
        match occasion {
            // A name that clients may use too: no place of its own.
            Lifecycle::Error => listeners.event(occasion.name()),
            _ => listeners.lifecycle(occasion),
        }
    }

    pub(crate) fn watchers(&self) -> List<Watcher> {
        lock(&self.0.own).as_ref()?.listeners.as_ref()?.watchers()
    }

    /// Takes a handler out that has had its only call, wherever it is registered.
    pub(crate) fn forget_handler(&self, id: HandlerId) {
        if !self.off_handler(id) {
            self.0.namespace.forget_handler(id);
        }
    }

    /// Takes handlers and values out, to be dropped, once the last of its handlers has run.
    #[must_use = "drop it where a panic of the application does no harm"]
    pub(crate) fn clear(&self) -> impl Sized + use<> {
        let own = {
            let mut own = lock(&self.0.own);
            self.0.is_over.store(true, Ordering::Relaxed);
            own.take()
        };
        let listeners = own.as_ref().and_then(|own| own.listeners.as_ref());
        if let Some(count) = listeners.map(|it| it.watchers_count()).filter(|it| *it != 0) {
            self.watch_less(count);
        }
        own
    }

    /// Changes the handlers. What the change gives back is dropped without the lock.
    fn change<R>(&self, change: impl FnOnce(Owner, &mut Listeners) -> R) -> R {
        let mut late = Own::default();
        self.0.listens.store(true, Ordering::Release);
        let changed = self.with_own(&mut late, |own| {
            change(Owner::Socket, own.listeners.get_or_insert_default())
        });
        if let Some(listeners) = late.listeners {
            self.watch_less(listeners.watchers_count());
        }
        changed
    }

    /// Runs `change` on what the socket keeps; on `late`, which nobody will look at, when the
    /// socket has ended.
    pub(super) fn with_own<R>(&self, late: &mut Own, change: impl FnOnce(&mut Own) -> R) -> R {
        let mut own = lock(&self.0.own);
        // Stored under this lock.
        if self.0.is_over.load(Ordering::Relaxed) {
            drop(own);
            return change(late);
        }
        change(own.get_or_insert_default())
    }

    fn watching(&self) -> Arc<AtomicUsize> {
        self.0.namespace.watching()
    }
}

registration!(Socket, "this socket");
