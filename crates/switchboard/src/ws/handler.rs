//! Handlers of WebSockets: plain async functions.

use std::fmt;

use switchboard_ws::CloseCode;
use tracing::debug;

use super::WebSocket;
use super::driver::Handling;
use crate::Handshake;

/// An async function or closure that runs on a WebSocket, as long as it likes.
///
/// It takes a [`WebSocket`], or a [`WebSocket`] and the [`Handshake`] that began it, and gives back
/// nothing or a `Result`. When it has returned, what it sent is written and the connection is
/// closed: with 1000, or with 1011 after an error or a panic. A closure may capture what is
/// `Clone + Send + Sync`.
///
/// The future runs inside the connection's task: a handler that blocks its thread stalls its
/// connection, so move such work into `tokio::task::spawn_blocking`. When the connection fails,
/// the handler has 30 s to notice and return, then it is dropped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle a WebSocket",
    label = "not an async function of `WebSocket`, or of `WebSocket` and `Handshake`",
    note = "its future must be `Send`, and what it captures `Clone + Send + Sync + 'static`",
    note = "it gives back `()`, or a `Result<(), E>` where `E` can be displayed"
)]
pub trait Handler<Args>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(self, socket: WebSocket, handshake: Handshake) -> Begun;
}

/// A handler that has begun.
#[doc(hidden)]
#[allow(unnameable_types, reason = "only the library begins handlers")]
pub struct Begun(pub(super) Handling);

impl<F, Fut> Handler<(WebSocket,)> for F
where
    F: FnOnce(WebSocket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    fn start(self, socket: WebSocket, handshake: Handshake) -> Begun {
        // Most never look at it again.
        drop(handshake);
        Begun(Box::pin(self(socket)))
    }
}

impl<F, Fut> Handler<(WebSocket, Handshake)> for F
where
    F: FnOnce(WebSocket, Handshake) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    fn start(self, socket: WebSocket, handshake: Handshake) -> Begun {
        Begun(Box::pin(self(socket, handshake)))
    }
}

/// What a handler gives back: nothing, or a `Result` whose error closes with 1011.
pub trait Outcome {
    #[doc(hidden)]
    fn code(self) -> CloseCode;
}

impl Outcome for () {
    fn code(self) -> CloseCode {
        CloseCode::NORMAL
    }
}

impl<E: fmt::Display> Outcome for Result<(), E> {
    fn code(self) -> CloseCode {
        match self {
            Ok(()) => CloseCode::NORMAL,
            Err(error) => {
                debug!(%error, "the handler of a WebSocket failed");
                CloseCode::INTERNAL
            }
        }
    }
}
