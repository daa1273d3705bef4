//! The namespaces of a server, and who gets into which.
//!
//! Those that the application names exist until the end. A dynamic one is counted: each slot that
//! is in it, or on its way in, holds a [`Stay`], taken under the lock of the table. So a namespace
//! that nobody stays in can be removed under that lock without losing a client that just arrives.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, RwLock};

use crate::cluster::Node;
use crate::encoding::Encoding;
use crate::engine::{Config, Engine};
use crate::handler::HandlerFuture;
use crate::namespace::dynamic::{Child, Family};
use crate::namespace::{Namespace, NamespaceInner, Reach};
use crate::recovery::Switch;
use crate::session::flusher::Flusher;
use crate::state::StateMap;
use crate::sync::{read, write};

/// Called with every namespace that begins to exist.
pub(crate) type Announcer = Arc<dyn Fn(&Namespace) + Send + Sync>;

/// All namespaces of a server.
pub(crate) struct Namespaces {
    table: RwLock<Table>,
    families: RwLock<Vec<Arc<Family>>>,
    announcers: RwLock<Vec<Announcer>>,
    options: ChildOptions,
    /// About how many children nobody stays in: whether looking for them is worth it.
    idle: AtomicIsize,
    encoding: Encoding,
    reach: Reach,
    state: Arc<StateMap>,
}

/// What a server does with dynamic namespaces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildOptions {
    pub(crate) count_max: usize,
    /// Whether one ends with its last socket.
    pub(crate) cleanup: bool,
}

impl Default for ChildOptions {
    fn default() -> Self {
        Self { count_max: CHILDREN_MAX, cleanup: false }
    }
}

#[derive(Default)]
struct Table {
    by_name: HashMap<Box<str>, Arc<NamespaceInner>>,
    children: usize,
}

/// The answer to a client that wants to join a namespace.
pub(crate) enum Admission {
    /// Come in.
    Open(Arc<NamespaceInner>, Option<Box<Stay>>),
    /// Somebody has to be asked first.
    Ask(HandlerFuture<Asked>),
    /// There is no such namespace, and there are no families.
    Unknown,
}

/// What asking led to: a namespace, or the words with which the client is refused.
pub(crate) type Asked = Result<(Arc<NamespaceInner>, Option<Box<Stay>>), &'static str>;

impl Namespaces {
    pub(crate) fn new(
        config: &Config,
        state: StateMap,
        node: Option<Arc<Node>>,
        recovery: Switch,
        flusher: Arc<Flusher>,
    ) -> Self {
        let (encoding, options) = (config.encoding.clone(), config.children);
        Self {
            reach: Reach { ack_timeout: config.ack_timeout, node, recovery, flusher },
            table: RwLock::default(),
            families: RwLock::default(),
            announcers: RwLock::default(),
            options,
            idle: AtomicIsize::new(0),
            encoding,
            state: Arc::new(state),
        }
    }

    /// The namespace of that name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<NamespaceInner>> {
        read(&self.table).by_name.get(name).cloned()
    }

    /// The namespace of that name, made if it is new: as a child, where the name matches the
    /// pattern of a family.
    pub(crate) fn of(&self, name: &str) -> Arc<NamespaceInner> {
        if let Some(namespace) = read(&self.table).by_name.get(name) {
            return Arc::clone(namespace);
        }
        let family = read(&self.families).iter().find(|it| it.matches(name)).cloned();
        let (namespace, is_new) = {
            let mut table = write(&self.table);
            match table.by_name.get(name) {
                Some(namespace) => (Arc::clone(namespace), false),
                None => (self.insert(&mut table, name, family), true),
            }
        };
        if is_new {
            if namespace.child().is_some() {
                self.idle.fetch_add(1, Ordering::Relaxed);
            }
            self.announce(&namespace);
        }
        namespace
    }

    pub(crate) fn add_family(&self, family: Family) -> Arc<Family> {
        let family = Arc::new(family);
        write(&self.families).push(Arc::clone(&family));
        family
    }

    pub(crate) fn add_announcer(&self, announcer: Announcer) {
        write(&self.announcers).push(announcer);
    }

    /// A client wants to join.
    pub(crate) fn admit(engine: &Arc<Engine>, name: &str, auth: &str) -> Admission {
        let this = &engine.namespaces;
        {
            let table = read(&this.table);
            if let Some(namespace) = table.by_name.get(name)
                && namespace.child().is_none_or(Child::is_announced)
            {
                return Admission::Open(Arc::clone(namespace), Stay::begin(engine, namespace));
            }
        }
        if read(&this.families).is_empty() {
            return Admission::Unknown;
        }
        let (engine, name, auth) = (Arc::clone(engine), Box::from(name), Box::from(auth));
        Admission::Ask(Box::pin(ask(engine, name, auth)))
    }

    /// A namespace that is in no table: what a client's socket is in while somebody is asked.
    pub(crate) fn unlisted(&self, name: &str) -> NamespaceInner {
        let (state, reach) = (Arc::clone(&self.state), self.reach.clone());
        NamespaceInner::new(name, state, self.encoding.clone(), reach)
    }

    /// Drops all handlers, which may hold the server that holds them. For after the end.
    pub(crate) fn clear(&self) {
        let namespaces: Vec<_> = read(&self.table).by_name.values().cloned().collect();
        namespaces.iter().for_each(|it| it.clear());
        let families = std::mem::take(&mut *write(&self.families));
        families.iter().for_each(|it| it.clear());
        let announcers = std::mem::take(&mut *write(&self.announcers));
        drop(announcers);
    }

    /// Lets a client into the child of that name, which is made if it is new.
    fn enter(
        &self,
        engine: &Arc<Engine>,
        family: &Arc<Family>,
        name: &str,
    ) -> Result<(Arc<NamespaceInner>, Option<Box<Stay>>), &'static str> {
        let mut evicted = Vec::new();
        let (namespace, stay) = {
            let mut table = write(&self.table);
            if let Some(namespace) = table.by_name.get(name) {
                // Made in the meantime.
                return Ok((Arc::clone(namespace), Stay::begin(engine, namespace)));
            }
            if self.options.count_max <= table.children {
                self.evict(&mut table, &mut evicted);
            }
            if self.options.count_max <= table.children {
                return Err("Too many namespaces");
            }
            let namespace = self.insert(&mut table, name, Some(Arc::clone(family)));
            self.idle.fetch_add(1, Ordering::Relaxed);
            let stay = Stay::begin(engine, &namespace);
            (namespace, stay)
        };
        drop(evicted);
        self.announce(&namespace);
        Ok((namespace, stay))
    }

    fn insert(
        &self,
        table: &mut Table,
        name: &str,
        family: Option<Arc<Family>>,
    ) -> Arc<NamespaceInner> {
        let namespace = self.unlisted(name);
        let namespace = match family {
            None => Arc::new(namespace),
            Some(family) => {
                table.children += 1;
                let namespace = Arc::new(namespace.in_family(Child::new(Arc::clone(&family))));
                family.adopt(&namespace);
                namespace
            }
        };
        table.by_name.insert(name.into(), Arc::clone(&namespace));
        namespace
    }

    /// Removes the children that nobody stays in. They are dropped without the lock.
    fn evict(&self, table: &mut Table, evicted: &mut Vec<Arc<NamespaceInner>>) {
        if self.idle.load(Ordering::Relaxed) <= 0 {
            return;
        }
        let is_idle = |it: &Arc<NamespaceInner>| it.child().is_some_and(|it| !it.is_used());
        evicted.extend(table.by_name.extract_if(|_name, it| is_idle(it)).map(|it| it.1));
        table.children -= evicted.len();
        self.idle.store(0, Ordering::Relaxed);
        for namespace in &*evicted {
            if let Some(child) = namespace.child() {
                child.family.forget(namespace.name());
            }
        }
    }

    /// Somebody has left a child.
    fn left(&self, namespace: &Arc<NamespaceInner>, child: &Child) {
        let removed = {
            let mut table = write(&self.table);
            if child.users.fetch_sub(1, Ordering::SeqCst) != 1 {
                return;
            }
            let is_listed =
                table.by_name.get(namespace.name()).is_some_and(|it| Arc::ptr_eq(it, namespace));
            if !self.options.cleanup || !is_listed {
                self.idle.fetch_add(isize::from(is_listed), Ordering::Relaxed);
                return;
            }
            table.children -= 1;
            child.family.forget(namespace.name());
            table.by_name.remove(namespace.name())
        };
        drop(removed);
    }

    fn announce(&self, namespace: &Arc<NamespaceInner>) {
        let announcers = read(&self.announcers).clone();
        let announce = || {
            let namespace = Namespace(Arc::clone(namespace));
            announcers.iter().for_each(|it| it(&namespace));
        };
        match namespace.child() {
            Some(child) => child.announce(announce),
            // The application makes it itself, and the default one before anybody could listen.
            None => announce(),
        }
    }
}

impl fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespaces").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A client's presence in a dynamic namespace, which exists at least so long.
pub(crate) struct Stay {
    engine: Arc<Engine>,
    namespace: Arc<NamespaceInner>,
}

impl Stay {
    /// Must be called under the lock of the table.
    fn begin(engine: &Arc<Engine>, namespace: &Arc<NamespaceInner>) -> Option<Box<Self>> {
        let child = namespace.child()?;
        if child.users.fetch_add(1, Ordering::SeqCst) == 0 {
            engine.namespaces.idle.fetch_sub(1, Ordering::Relaxed);
        }
        let (engine, namespace) = (Arc::clone(engine), Arc::clone(namespace));
        Some(Box::new(Self { engine, namespace }))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if let Some(child) = self.namespace.child() {
            self.engine.namespaces.left(&self.namespace, child);
        }
    }
}

/// Asks the families in their order.
async fn ask(engine: Arc<Engine>, name: Box<str>, auth: Box<str>) -> Asked {
    let families = read(&engine.namespaces.families).clone();
    for family in families {
        if !family.allows(&name, &auth).await {
            continue;
        }
        let (namespace, stay) = engine.namespaces.enter(&engine, &family, &name)?;
        if let Some(child) = namespace.child() {
            child.wait().await;
        }
        return Ok((namespace, stay));
    }
    Err(UNKNOWN)
}

/// What a client hears that asks for a namespace that nobody has, in the official words.
pub(crate) const UNKNOWN: &str = "Invalid namespace";
/// Dynamic namespaces of one server. One costs some 3 kB while it is empty.
const CHILDREN_MAX: usize = 10_000;
