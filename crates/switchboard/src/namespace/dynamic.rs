//! Dynamic namespaces: made when a client asks for one whose name a rule allows.
//!
//! A family is such a rule, the handlers that all its namespaces have, and the namespaces, its
//! children. A child looks its family's handlers up when it needs them, so that handlers
//! registered later reach it too.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, Weak};

use regex::Regex;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::registry::Registry;
use super::{Namespace, NamespaceInner};
use crate::error::{ConnectError, EventError};
use crate::handler::{Handler, HandlerFuture, erase};
use crate::listeners::{HandlerId, Listener, Listeners, Owner};
use crate::registration::registration;
use crate::sync::{read, write};

/// A family of dynamic namespaces, from [`Server::of_matching`](crate::Server::of_matching) or
/// [`Server::of_fn`](crate::Server::of_fn). Cheap to clone.
///
/// Its handlers and middleware are those of every namespace of the family, also of those that
/// exist already when they are registered. Checks and connection handlers of the family run before
/// those that a child has of its own, all others after them.
///
/// A child begins to exist when the first client asks for it. It ends when it has no socket and
/// either [`cleanup_empty_child_namespaces`](crate::ServerBuilder::cleanup_empty_child_namespaces)
/// is on, or the place is needed for others
/// ([`max_child_namespaces`](crate::ServerBuilder::max_child_namespaces)).
///
/// ```
/// use regex::Regex;
/// use switchboard::{Data, Server, Socket};
///
/// # fn run() -> Result<(), regex::Error> {
/// let io = Server::builder().cleanup_empty_child_namespaces(true).build();
/// let projects = io.of_matching(Regex::new("^/project-[0-9]+$")?);
/// projects.on("say", async |socket: Socket, Data(text): Data<String>| {
///     println!("{} in {}: {text}", socket.id(), socket.namespace());
/// });
/// projects.emit("news", &"to everybody in every project").ok();
/// # Ok(())
/// # }
/// # run().unwrap();
/// ```
#[derive(Clone)]
pub struct ParentNamespace(pub(crate) Arc<Family>);

impl ParentNamespace {
    /// Registers a handler with every namespace of the family; see [`Namespace::on`].
    pub fn on<H, P>(&self, event: &str, handler: H) -> HandlerId
    where
        H: Handler<P, ()>,
    {
        let listener = Listener::of(handler);
        self.change(|owner, listeners| listeners.add(owner, event, listener))
    }

    /// Adds a check that every new socket of the family passes; see [`Namespace::middleware`].
    pub fn middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), ConnectError>>,
    {
        self.0.registry.add_middleware(erase(check));
    }

    /// Adds a check that every event of the family passes; see [`Namespace::event_middleware`].
    pub fn event_middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), EventError>>,
    {
        let check = erase(check);
        self.change(|_owner, listeners| listeners.add_check(check));
    }

    /// The namespaces that exist now.
    pub fn children(&self) -> Vec<Namespace> {
        let children = read(&self.0.children);
        children.values().filter_map(Weak::upgrade).map(Namespace).collect()
    }

    /// The namespace of that name, if it exists. Unlike [`Server::of`](crate::Server::of) this
    /// makes none.
    pub fn child(&self, name: &str) -> Option<Namespace> {
        read(&self.0.children).get(name).and_then(Weak::upgrade).map(Namespace)
    }

    fn change<R>(&self, change: impl FnOnce(Owner, &mut Listeners) -> R) -> R {
        self.0.registry.change(change)
    }

    fn watching(&self) -> Arc<AtomicUsize> {
        self.0.registry.watching()
    }
}

registration!(ParentNamespace, "the whole family, whichever the namespace");

impl fmt::Debug for ParentNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A rule, and the handlers of the namespaces that it allows.
pub(crate) struct Family {
    rule: Rule,
    registry: Registry,
    children: RwLock<HashMap<Box<str>, Weak<NamespaceInner>>>,
}

/// Which names are allowed.
pub(crate) enum Rule {
    Matching(Regex),
    Asking(Box<dyn Fn(String, Value) -> HandlerFuture<bool> + Send + Sync>),
}

impl Rule {
    pub(crate) fn asking<F, Fut>(ask: F) -> Self
    where
        F: FnOnce(String, Value) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self::Asking(Box::new(move |name, auth| Box::pin((ask.clone())(name, auth))))
    }
}

impl Family {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, registry: Registry::default(), children: RwLock::default() }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        matches!(&self.rule, Rule::Matching(pattern) if pattern.is_match(name))
    }

    /// Whether a client may have a namespace of that name.
    pub(crate) async fn allows(&self, name: &str, auth: &str) -> bool {
        match &self.rule {
            Rule::Matching(pattern) => pattern.is_match(name),
            Rule::Asking(ask) => match serde_json::from_str(auth) {
                Ok(auth) => ask(name.to_owned(), auth).await,
                Err(_too_deep) => false,
            },
        }
    }

    pub(crate) fn adopt(&self, child: &Arc<NamespaceInner>) {
        write(&self.children).insert(child.name().into(), Arc::downgrade(child));
    }

    pub(crate) fn forget(&self, name: &str) {
        write(&self.children).remove(name);
    }

    pub(crate) fn clear(&self) {
        self.registry.clear();
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule: &dyn fmt::Debug = match &self.rule {
            Rule::Matching(pattern) => pattern,
            Rule::Asking(_) => &"an async function",
        };
        f.debug_struct("Family").field("rule", rule).finish_non_exhaustive()
    }
}

/// What a dynamic namespace knows beyond others.
pub(crate) struct Child {
    pub(crate) family: Arc<Family>,
    /// Slots that are or want to be in it.
    pub(crate) users: AtomicUsize,
    /// Closed, that is passable, when `on_new_namespace` has had its say.
    announced: Semaphore,
}

impl Child {
    pub(crate) fn new(family: Arc<Family>) -> Self {
        Self { family, users: AtomicUsize::new(0), announced: Semaphore::new(0) }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.family.registry
    }

    pub(crate) fn is_used(&self) -> bool {
        self.users.load(Ordering::SeqCst) != 0
    }

    pub(crate) fn is_announced(&self) -> bool {
        self.announced.is_closed()
    }

    /// Runs `announce`, and lets clients in whatever becomes of it.
    pub(crate) fn announce(&self, announce: impl FnOnce()) {
        let announced = std::panic::catch_unwind(AssertUnwindSafe(announce));
        self.announced.close();
        if let Err(panic) = announced {
            std::panic::resume_unwind(panic);
        }
    }

    /// Waits until the namespace has been announced.
    pub(crate) async fn wait(&self) {
        // Never a permit: it ends by the closing.
        self.announced.acquire().await.map(drop).unwrap_or_default();
    }
}
