//! The handlers of a namespace, or of a family of dynamic namespaces.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use crate::handler::{EventHandler, Middleware};
use crate::listeners::{Lifecycle, List, Listeners, Owner, Plan};
use crate::outgoing::Watcher;
use crate::sync::{read, write};

/// Handlers, and the checks that new sockets pass.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    table: RwLock<Table>,
    /// How many closures watch what is emitted: those of the namespace, of its sockets, and of its
    /// whole family.
    watching: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Table {
    listeners: Listeners,
    middleware: Vec<Middleware>,
}

impl Registry {
    /// Handlers of a child; it is watched whenever somebody watches in the family.
    pub(crate) fn in_family(family: &Self) -> Self {
        Self { watching: Arc::clone(&family.watching), ..Self::default() }
    }

    /// Changes the handlers. What the change gives back is dropped without the lock.
    pub(crate) fn change<R>(&self, change: impl FnOnce(Owner, &mut Listeners) -> R) -> R {
        change(Owner::Namespace, &mut write(&self.table).listeners)
    }

    pub(crate) fn add_middleware(&self, check: Middleware) {
        write(&self.table).middleware.push(check);
    }

    pub(crate) fn middleware(&self) -> Vec<Middleware> {
        read(&self.table).middleware.clone()
    }

    pub(crate) fn plan(&self, event: &str) -> Plan {
        read(&self.table).listeners.plan(event)
    }

    pub(crate) fn lifecycle(&self, occasion: Lifecycle) -> List<EventHandler> {
        read(&self.table).listeners.lifecycle(occasion)
    }

    pub(crate) fn watchers(&self) -> List<Watcher> {
        read(&self.table).listeners.watchers()
    }

    pub(crate) fn watching(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.watching)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Relaxed) != 0
    }

    /// Drops everything: a handler that holds the server would otherwise keep it alive.
    pub(crate) fn clear(&self) {
        let table = std::mem::take(&mut *write(&self.table));
        drop(table);
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
