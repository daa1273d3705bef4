//! Handlers: plain async functions whose arguments say what they want to know.

use std::pin::Pin;
use std::sync::Arc;

use crate::error::{ConnectError, EventError};
use crate::extract::{Context, FromContext, Rejection};

/// An async function or closure that the library calls for an event, a connection, a disconnect,
/// or as a middleware.
///
/// Up to eight arguments, each an extractor: [`Socket`](crate::Socket), [`Data`](crate::Data),
/// [`TryData`](crate::TryData), [`Args`](crate::Args), [`Ack`](crate::Ack),
/// [`Auth`](crate::Auth), [`State`](crate::State), [`EventName`](crate::EventName),
/// [`Rooms`](crate::Rooms), [`DisconnectReason`](crate::DisconnectReason), [`EventError`],
/// [`Handshake`](crate::Handshake), a type of your own that implements [`FromContext`], or an
/// `Option` or `Result` of one. Event handlers return nothing, a middleware returns
/// `Result<(), `[`ConnectError`]`>`, an event middleware `Result<(), `[`EventError`]`>`. A closure
/// may capture what is `Clone + Send + Sync`:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use switchboard::{Ack, Server};
///
/// let io = Server::builder().build();
/// let counter = Arc::new(AtomicU64::new(0));
/// io.of("/").on("count", async move |ack: Ack| {
///     ack.send(&counter.fetch_add(1, Ordering::Relaxed)).ok();
/// });
/// ```
///
/// The future runs inside the connection's task: a handler that blocks its thread stalls its
/// connection, so move such work into `tokio::task::spawn_blocking`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle this",
    label = "not an async function of extractors",
    note = "a handler is an async function or closure of up to eight extractors, such as `Socket`, \
            `Data<T>` and `Ack`; plain data is no extractor: write `Data<String>`, not `String`",
    note = "it returns `()`; a middleware returns `Result<(), ConnectError>`, an event middleware \
            `Result<(), EventError>`",
    note = "its future must be `Send`, and what it captures `Clone + Send + Sync + 'static`"
)]
pub trait Handler<Params, Out>: Send + Sync + 'static {
    /// Takes the arguments out of `context`, and gives back what is to run.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] of the first argument that cannot be had.
    fn call(&self, context: &Context<'_>) -> Result<HandlerFuture<Out>, Rejection>;

    /// How many events of one socket it may have in hand at once: 1, unless it is wrapped in
    /// [`concurrent`].
    fn concurrency(&self) -> usize {
        1
    }
}

/// A handler that gives the order of events up: up to `count` events of one socket are in its hand
/// at once, and the socket's next event does not wait for it.
///
/// It begins its events in the order in which they were sent. One event more than `count` waits,
/// and so do those behind it. At most 64; for events alone, occasions such as `connection` and
/// `disconnect` keep their order. Costs a place in a list for each event in hand.
///
/// ```
/// use switchboard::{Ack, Data, Server, concurrent};
///
/// async fn fetch(Data(url): Data<String>, ack: Ack) {
///     // A slow answer holds up neither the next request nor anything else.
///     ack.send(&url.len()).ok();
/// }
///
/// let io = Server::builder().build();
/// io.on("fetch", concurrent(8, fetch));
/// ```
pub fn concurrent<H>(count: usize, handler: H) -> Concurrent<H> {
    Concurrent { count, handler }
}

/// See [`concurrent`].
#[derive(Clone, Copy, Debug)]
pub struct Concurrent<H> {
    count: usize,
    handler: H,
}

impl<P, H: Handler<P, ()>> Handler<P, ()> for Concurrent<H> {
    fn call(&self, context: &Context<'_>) -> Result<HandlerFuture<()>, Rejection> {
        self.handler.call(context)
    }

    fn concurrency(&self) -> usize {
        self.count
    }
}

/// What a handler does, not yet begun.
pub type HandlerFuture<Out> = Pin<Box<dyn Future<Output = Out> + Send>>;

/// A handler whose argument types are forgotten.
pub(crate) type Erased<Out> =
    Arc<dyn Fn(&Context<'_>) -> Result<HandlerFuture<Out>, Rejection> + Send + Sync>;
pub(crate) type EventHandler = Erased<()>;
pub(crate) type Middleware = Erased<Result<(), ConnectError>>;
pub(crate) type EventCheck = Erased<Result<(), EventError>>;

pub(crate) fn erase<Out, P>(handler: impl Handler<P, Out>) -> Erased<Out> {
    Arc::new(move |context| handler.call(context))
}

macro_rules! impl_handler {
    ($($param:ident),*) => {
        #[allow(non_snake_case, unused_variables, reason = "also written out for no parameters")]
        impl<Function, Fut, Out, $($param,)*> Handler<($($param,)*), Out> for Function
        where
            Function: FnOnce($($param,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Out> + Send + 'static,
            $($param: FromContext,)*
        {
            fn call(&self, context: &Context<'_>) -> Result<HandlerFuture<Out>, Rejection> {
                $(let $param = $param::from_context(context)?;)*
                Ok(Box::pin((self.clone())($($param,)*)))
            }
        }
    };
}

impl_handler!();
impl_handler!(A);
impl_handler!(A, B);
impl_handler!(A, B, C);
impl_handler!(A, B, C, D);
impl_handler!(A, B, C, D, E);
impl_handler!(A, B, C, D, E, F);
impl_handler!(A, B, C, D, E, F, G);
impl_handler!(A, B, C, D, E, F, G, H);
