//! The methods that register handlers, the same on servers, namespaces, families and sockets.
//!
//! Written once, as a macro, so that the four cannot drift apart. A type brings
//! `change(|owner, listeners| ..)`, which runs the closure under its lock, and `watching()`, the
//! number of closures that watch what is emitted.

/// Gives a type the registration methods.
macro_rules! registration {
    ($type:ident, $scope:literal) => {
        impl $type {
            /// Like [`on`](Self::on), for the first occasion alone: the handler is taken out
            /// before it is called, also if its arguments do not decode then.
            ///
            #[doc = concat!("The first occasion is that of ", $scope, ".")]
            ///
            /// ```
            /// use switchboard::{Server, Socket};
            ///
            /// let io = Server::builder().build();
            /// io.once("connection", async |socket: Socket| println!("{} is first", socket.id()));
            /// ```
            pub fn once<H, P>(&self, event: &str, handler: H) -> $crate::HandlerId
            where
                H: $crate::handler::Handler<P, ()>,
            {
                let listener = $crate::listeners::Listener::once(handler);
                self.change(|owner, listeners| listeners.add(owner, event, listener))
            }

            /// Takes out every handler of that event. An event that is being handled goes on.
            pub fn off(&self, event: &str) {
                let removed = self.change(|owner, listeners| listeners.remove_event(owner, event));
                drop(removed);
            }

            /// Takes out one handler of whatever kind; `false` if it is not here (any more). Costs
            /// a look at every handler.
            pub fn off_handler(&self, id: $crate::HandlerId) -> bool {
                let removed = self.change(|_owner, listeners| listeners.remove(id));
                self.watch_less(removed.watchers_count());
                !removed.is_empty()
            }

            /// Registers a handler for every event from clients, whatever its name, which
            /// [`EventName`](crate::EventName) tells. It runs before the handlers of that event;
            /// connects and disconnects are no events. If an ack is wanted, it may answer.
            ///
            /// ```
            /// use switchboard::{EventName, Server};
            ///
            /// let io = Server::builder().build();
            /// io.on_any(async |EventName(name): EventName| println!("{name}"));
            /// assert_eq!(io.listeners_any(), 1);
            /// ```
            pub fn on_any<H, P>(&self, handler: H) -> $crate::HandlerId
            where
                H: $crate::handler::Handler<P, ()>,
            {
                let listener = $crate::listeners::Listener::of(handler);
                self.change(|_owner, listeners| {
                    listeners.add_any(listener, $crate::listeners::At::Back)
                })
            }

            /// Like [`on_any`](Self::on_any), in front of the others.
            pub fn prepend_any<H, P>(&self, handler: H) -> $crate::HandlerId
            where
                H: $crate::handler::Handler<P, ()>,
            {
                let listener = $crate::listeners::Listener::of(handler);
                self.change(|_owner, listeners| {
                    listeners.add_any(listener, $crate::listeners::At::Front)
                })
            }

            /// Takes out every [`on_any`](Self::on_any) handler. For one of them there is
            /// [`off_handler`](Self::off_handler).
            pub fn off_any(&self) {
                let removed = self.change(|_owner, listeners| listeners.remove_any());
                drop(removed);
            }

            /// How many [`on_any`](Self::on_any) handlers there are.
            pub fn listeners_any(&self) -> usize {
                self.change(|_owner, listeners| listeners.any_count())
            }

            /// Registers a closure that sees every event that is emitted, acks excepted, before it
            /// is sent.
            ///
            #[doc = concat!("It sees the emits of ", $scope, ": a broadcast once for a namespace,")]
            /// and once for each receiving socket that has a closure of its own. It runs inside
            /// `emit`, so it must not block. As long as anybody watches in a namespace (in a
            /// family: in any of its namespaces), each emit there writes its arguments twice and a
            /// broadcast lists its sockets; otherwise it costs one relaxed load.
            ///
            /// ```
            /// use switchboard::{Outgoing, Server};
            ///
            /// let io = Server::builder().build();
            /// io.on_any_outgoing(|outgoing: &Outgoing<'_>| println!("{}", outgoing.event()));
            /// assert_eq!(io.listeners_any_outgoing(), 1);
            /// ```
            pub fn on_any_outgoing(
                &self,
                watcher: impl Fn(&$crate::Outgoing<'_>) + Send + Sync + 'static,
            ) -> $crate::HandlerId {
                self.watch(std::sync::Arc::new(watcher), $crate::listeners::At::Back)
            }

            /// Like [`on_any_outgoing`](Self::on_any_outgoing), in front of the others.
            pub fn prepend_any_outgoing(
                &self,
                watcher: impl Fn(&$crate::Outgoing<'_>) + Send + Sync + 'static,
            ) -> $crate::HandlerId {
                self.watch(std::sync::Arc::new(watcher), $crate::listeners::At::Front)
            }

            /// Takes out every [`on_any_outgoing`](Self::on_any_outgoing) closure. For one of them
            /// there is [`off_handler`](Self::off_handler).
            pub fn off_any_outgoing(&self) {
                let removed = self.change(|_owner, listeners| listeners.remove_watchers());
                self.watch_less(removed.watchers_count());
            }

            /// How many [`on_any_outgoing`](Self::on_any_outgoing) closures there are.
            pub fn listeners_any_outgoing(&self) -> usize {
                self.change(|_owner, listeners| listeners.watchers_count())
            }

            fn watch(
                &self,
                watcher: $crate::outgoing::Watcher,
                at: $crate::listeners::At,
            ) -> $crate::HandlerId {
                self.change(|_owner, listeners| {
                    // Counted under the lock, so that whoever clears the table counts it too.
                    self.watching().fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    listeners.add_watcher(watcher, at)
                })
            }

            fn watch_less(&self, count: usize) {
                self.watching().fetch_sub(count, std::sync::atomic::Ordering::Relaxed);
            }
        }
    };
}

pub(crate) use registration;
