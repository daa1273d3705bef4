//! Handlers of Engine.IO connections: plain async functions.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use switchboard_ws::CloseCode;

use super::Socket;
use crate::ws::Outcome;

/// An async function or closure that runs on an Engine.IO connection, as long as it likes.
///
/// It takes a [`Socket`], and gives back nothing or a `Result`. When it has returned, what it sent
/// is written and the connection is closed: a WebSocket with 1000, or with 1011 after an error or a
/// panic. A closure may capture what is `Clone + Send + Sync`.
///
/// The future runs inside the connection's task: a handler that blocks its thread stalls its
/// connection, so move such work into `tokio::task::spawn_blocking`. When the connection is over,
/// the handler has 30 s to notice and return, then it is dropped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle an Engine.IO connection",
    label = "not an async function of `switchboard::engine::Socket`",
    note = "its future must be `Send`, and what it captures `Clone + Send + Sync + 'static`",
    note = "it gives back `()`, or a `Result<(), E>` where `E` can be displayed"
)]
pub trait Handler: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(self, socket: Socket) -> Begun;
}

impl<F, Fut> Handler for F
where
    F: FnOnce(Socket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    fn start(self, socket: Socket) -> Begun {
        let handling = self(socket);
        Begun(Box::pin(async move { handling.await.code() }))
    }
}

/// A handler that has begun.
#[doc(hidden)]
#[allow(unnameable_types, reason = "only the library begins handlers")]
pub struct Begun(Handling);

/// A handler's future: ends with the code to close with.
pub(crate) type Handling = Pin<Box<dyn Future<Output = CloseCode> + Send>>;

/// Begins a handler on each connection.
#[derive(Clone)]
pub(crate) struct Starter(Arc<dyn Fn(Socket) -> Handling + Send + Sync>);

impl Starter {
    pub(super) fn new(handler: impl Handler) -> Self {
        Self(Arc::new(move |socket| handler.clone().start(socket).0))
    }

    /// Runs code of the application, which may panic.
    pub(crate) fn start(&self, socket: Socket) -> Handling {
        (self.0)(socket)
    }
}

impl fmt::Debug for Starter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Starter").finish_non_exhaustive()
    }
}
