//! Extractors: the types that a handler may have as arguments.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use switchboard_sio::{ArgsError, Payload};

use crate::ack::Ack;
use crate::error::DisconnectReason;
use crate::handshake::Handshake;
use crate::socket::Socket;

/// What is known when a handler is called.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) event: &'a str,
    pub(crate) payload: Option<&'a Payload<'a>>,
    pub(crate) auth: Option<&'a str>,
    pub(crate) ack: Option<u64>,
    pub(crate) reason: Option<DisconnectReason>,
}

impl<'a> Context<'a> {
    /// The socket in question.
    pub fn socket(&self) -> &Socket {
        self.socket
    }

    /// The name of the event.
    pub fn event(&self) -> &str {
        self.event
    }

    /// The event's arguments, not decoded. `None` outside of events.
    pub fn payload(&self) -> Option<&'a Payload<'a>> {
        self.payload
    }
}

/// A type that a handler may take as an argument.
///
/// ```
/// use switchboard::{Context, FromContext, Rejection, Server};
///
/// struct Language(String);
///
/// impl FromContext for Language {
///     fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
///         let header = context.socket().handshake().header("accept-language");
///         Ok(Self(header.unwrap_or("en").to_owned()))
///     }
/// }
///
/// let io = Server::builder().build();
/// io.on("connection", async |Language(language): Language| println!("speaks {language}"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something that a handler can ask for",
    label = "not an extractor",
    note = "handlers take `Socket`, `Data<T>`, `TryData<T>`, `Args<T>`, `Ack`, `Auth<T>`, \
            `State<T>`, `EventName`, `DisconnectReason`, `Arc<Handshake>` and types that \
            implement `FromContext`; wrap a plain value as `Data<{Self}>`"
)]
pub trait FromContext: Sized {
    /// Takes the value out of `context`.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]: the handler is not called, and an ack is answered with
    /// `{"error": "…"}`.
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection>;
}

/// Why a handler could not be called.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The client's arguments are not of the type that the handler asks for.
    Decode(ArgsError),
    /// The client's auth payload is not of the type that the handler asks for.
    Auth(serde_json::Error),
    /// The handler asks for something that this occasion does not have.
    Absent(&'static str),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Auth(error) => write!(f, "could not read the auth payload: {error}"),
            Self::Absent(what) => write!(f, "the handler asks for {what}, which is not there"),
        }
    }
}

impl std::error::Error for Rejection {}

/// The first argument of the event, decoded. A missing argument counts as `null`.
///
/// ```
/// use switchboard::{Binary, Data, Server};
///
/// #[derive(serde::Deserialize)]
/// struct Upload { name: String, bytes: Binary }
///
/// let io = Server::builder().build();
/// io.of("/").on("upload", async |Data(it): Data<Upload>| {
///     println!("{}: {} bytes", it.name, it.bytes.0.len());
/// });
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned> FromContext for Data<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let payload = context.payload.ok_or(Rejection::Absent("the data of an event"))?;
        payload.arg().map(Self).map_err(Rejection::Decode)
    }
}

/// Like [`Data`], but the handler is called and told when the argument does not decode.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct TryData<T>(pub Result<T, ArgsError>);

impl<T: DeserializeOwned> FromContext for TryData<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let payload = context.payload.ok_or(Rejection::Absent("the data of an event"))?;
        Ok(Self(payload.arg()))
    }
}

/// All arguments of the event, as a tuple or a `Vec`.
///
/// ```
/// use switchboard::{Args, Server};
///
/// let io = Server::builder().build();
/// io.of("/").on("move", async |Args((x, y)): Args<(f64, f64)>| println!("{x}, {y}"));
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned> FromContext for Args<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let payload = context.payload.ok_or(Rejection::Absent("the data of an event"))?;
        payload.args().map(Self).map_err(Rejection::Decode)
    }
}

/// The `auth` payload with which the client connected, for connection handlers and middleware.
/// A missing payload counts as `{}`.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> FromContext for Auth<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let auth = context.auth.ok_or(Rejection::Absent("the auth payload of a connection"))?;
        serde_json::from_str(auth).map(Self).map_err(Rejection::Auth)
    }
}

/// A clone of a value that was given to
/// [`ServerBuilder::state`](crate::ServerBuilder::state), found by its type.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromContext for State<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let state = context.socket.namespace_inner().state.find::<T>();
        let state = state.ok_or(Rejection::Absent("a state that was not given to the builder"))?;
        Ok(Self(T::clone(&state)))
    }
}

/// The name of the event.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct EventName(pub String);

impl FromContext for EventName {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self(context.event.to_owned()))
    }
}

impl FromContext for Socket {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(context.socket.clone())
    }
}

impl FromContext for Ack {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self::new(context.socket.clone(), context.ack))
    }
}

impl FromContext for DisconnectReason {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        context.reason.ok_or(Rejection::Absent("the reason of a disconnect"))
    }
}

impl FromContext for Arc<Handshake> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self::clone(context.socket.handshake()))
    }
}
