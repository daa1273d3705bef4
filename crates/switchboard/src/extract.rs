//! Extractors: the types that a handler may have as arguments.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use switchboard_sio::{ArgsError, Payload};

use crate::ack::Ack;
use crate::error::{DisconnectReason, EventError};
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
    pub(crate) farewell: Option<Farewell>,
    pub(crate) error: Option<&'a EventError>,
}

/// How a socket has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell {
    pub(crate) reason: DisconnectReason,
    pub(crate) description: Option<&'static str>,
}

impl From<DisconnectReason> for Farewell {
    fn from(reason: DisconnectReason) -> Self {
        Self { reason, description: None }
    }
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
            `State<T>`, `EventName`, `Handshake`, `Rooms`, `DisconnectReason`, `EventError`, \
            `Option` or `Result` of one, and types that implement `FromContext`",
    note = "the first argument of the event is `Data<{Self}>`"
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

/// The `auth` payload with which the client connected. A missing payload counts as `{}`.
///
/// Event and disconnect handlers get it as far as it is kept: up to 16 KiB
/// (see [`Handshake::auth`]).
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> FromContext for Auth<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let auth = context.auth.or_else(|| context.socket.handshake().auth_json());
        let auth = auth.ok_or(Rejection::Absent("an auth payload that is too long to be kept"))?;
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
        let farewell = context.farewell.ok_or(Rejection::Absent("the reason of a disconnect"))?;
        Ok(farewell.reason)
    }
}

/// More about a disconnect than its [`DisconnectReason`], where there is more to say: which rule a
/// client broke, or which limit it reached. For people who read logs, not for programs.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct DisconnectDescription(pub Option<&'static str>);

impl FromContext for DisconnectDescription {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let farewell = context.farewell.ok_or(Rejection::Absent("the reason of a disconnect"))?;
        Ok(Self(farewell.description))
    }
}

/// The names of the rooms that the socket is in when the handler is called; in a `disconnecting`
/// handler those that it was in until then.
///
/// ```
/// use switchboard::{Rooms, Server, Socket};
///
/// let io = Server::builder().build();
/// io.on("disconnecting", async |socket: Socket, Rooms(rooms): Rooms| {
///     for room in &rooms {
///         socket.to(room).emit("left", &socket.id()).ok();
///     }
/// });
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "made to be taken apart in a pattern")]
pub struct Rooms(pub Vec<Arc<str>>);

impl FromContext for Rooms {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self(context.socket.rooms()))
    }
}

/// Why a packet middleware refused an event, for `error` handlers.
impl FromContext for EventError {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        context.error.cloned().ok_or(Rejection::Absent("the refusal of an event"))
    }
}

/// `None` where the value cannot be had.
impl<T: FromContext> FromContext for Option<T> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(T::from_context(context).ok())
    }
}

/// The reason instead of the value where it cannot be had. The handler is called in any case.
impl<T: FromContext> FromContext for Result<T, Rejection> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(T::from_context(context))
    }
}

impl FromContext for Handshake {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self::clone(context.socket.handshake()))
    }
}

impl FromContext for Arc<Handshake> {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self::clone(context.socket.handshake()))
    }
}
