//! What a server has beyond its namespaces by name: families, and registration on the default one.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use regex::Regex;
use serde_json::Value;

use crate::error::EventError;
use crate::handler::Handler;
use crate::listeners::{Listeners, Owner};
use crate::namespace::Namespace;
use crate::namespace::dynamic::{Family, ParentNamespace, Rule};
use crate::registration::registration;
use crate::server::Server;

impl Server {
    /// Lets clients make namespaces whose names match `pattern`.
    ///
    /// A match anywhere in the name counts, so begin with `^/` and end with `$`. Names have at most
    /// 255 bytes, and matching takes time linear in them. Where several families fit, the first
    /// one counts.
    ///
    /// ```
    /// use regex::Regex;
    /// use switchboard::{Server, Socket};
    ///
    /// # fn run() -> Result<(), regex::Error> {
    /// let io = Server::builder().build();
    /// io.of_matching(Regex::new("^/game-[0-9]+$")?).on("connection", async |socket: Socket| {
    ///     println!("somebody plays in {}", socket.namespace());
    /// });
    /// # Ok(())
    /// # }
    /// # run().unwrap();
    /// ```
    pub fn of_matching(&self, pattern: Regex) -> ParentNamespace {
        let family = Family::new(Rule::Matching(pattern));
        ParentNamespace(self.engine.namespaces.add_family(family))
    }

    /// Lets clients make namespaces that `ask` allows, which gets the name and the client's auth
    /// payload (`{}` if it gave none).
    ///
    /// It is asked when a client wants a namespace that does not exist. While it waits, the
    /// client's other sockets go on. It is one of the things that the client can make the server
    /// do before anybody has checked who it is: keep it cheap.
    ///
    /// ```
    /// use switchboard::Server;
    ///
    /// let io = Server::builder().build();
    /// let tenants = io.of_fn(async |name, auth| {
    ///     name.strip_prefix("/tenant-").is_some_and(|tenant| auth["tenant"] == tenant)
    /// });
    /// ```
    pub fn of_fn<F, Fut>(&self, ask: F) -> ParentNamespace
    where
        F: FnOnce(String, Value) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        ParentNamespace(self.engine.namespaces.add_family(Family::new(Rule::asking(ask))))
    }

    /// Calls `announce` with every namespace that begins to exist from now on, before a client is
    /// let in: the place to register handlers with a single child of a family. It must not block,
    /// and not ask for the same namespace by [`of`](Self::of).
    ///
    /// ```
    /// let io = switchboard::Server::builder().build();
    /// io.on_new_namespace(|namespace| println!("{} begins", namespace.name()));
    /// io.of("/chat");
    /// ```
    pub fn on_new_namespace(&self, announce: impl Fn(&Namespace) + Send + Sync + 'static) {
        self.engine.namespaces.add_announcer(Arc::new(announce));
    }

    /// Adds a check of every event in the default namespace; see
    /// [`Namespace::event_middleware`].
    pub fn event_middleware<H, P>(&self, check: H)
    where
        H: Handler<P, Result<(), EventError>>,
    {
        self.of("/").event_middleware(check);
    }

    fn change<R>(&self, change: impl FnOnce(Owner, &mut Listeners) -> R) -> R {
        self.of("/").change(change)
    }

    fn watching(&self) -> Arc<AtomicUsize> {
        self.of("/").watching()
    }
}

registration!(Server, "the default namespace, whichever the socket");
