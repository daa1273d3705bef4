//! What an application may do at the door: let in, name, add headers, hear of refusals.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderMap, header};

use super::refusal::{Refusal, Refused};
use super::request::RequestInfo;
use crate::Id;
use crate::engine::Engine;

/// Why [`allow_request`](crate::ServerBuilder::allow_request) lets a request not in: what the
/// client is told. `Refuse::default()` says "Forbidden".
///
/// ```
/// assert_eq!(switchboard::Refuse::new("no seats left").message(), "no seats left");
/// ```
#[derive(Clone, Debug)]
pub struct Refuse {
    message: Box<str>,
}

impl Refuse {
    /// A refusal in words, which the client can read.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into().into() }
    }

    /// The words.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Default for Refuse {
    fn default() -> Self {
        Self::new(Refusal::Forbidden.message())
    }
}

/// A request that got no connection. From
/// [`on_connection_error`](crate::ServerBuilder::on_connection_error).
#[derive(Clone, Debug)]
pub struct ConnectionError {
    request: RequestInfo,
    code: u8,
    message: &'static str,
    context: Vec<(&'static str, String)>,
}

impl ConnectionError {
    /// The request.
    pub fn request(&self) -> &RequestInfo {
        &self.request
    }

    /// Engine.IO's number: 0 transport unknown, 1 session id unknown, 2 bad handshake method, 3
    /// bad request, 4 forbidden, 5 unsupported protocol version.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// The number in words, such as `Session ID unknown`.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// What else is known, by the names of the official server: `transport`, `sid`, `name` (of the
    /// rule that was broken, such as `TRANSPORT_MISMATCH`), `method`, `protocol`, `message` (of a
    /// [`Refuse`]), `origin`. The values are the client's, however long and strange.
    pub fn context(&self, name: &str) -> Option<&str> {
        self.context.iter().find_map(|(it, value)| (*it == name).then_some(&**value))
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for ConnectionError {}

/// The application's functions, all of them optional.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(super) allow_request: Option<AllowRequest>,
    pub(super) generate_id: Option<GenerateId>,
    pub(super) initial_headers: Vec<HeaderHook>,
    pub(super) headers: Vec<HeaderHook>,
    pub(super) connection_error: Vec<ErrorHook>,
}

pub(super) type Verdict = Pin<Box<dyn Future<Output = Result<(), Refuse>> + Send>>;
pub(super) type AllowRequest = Arc<dyn Fn(RequestInfo) -> Verdict + Send + Sync>;
pub(super) type GenerateId = Arc<dyn Fn(&RequestInfo) -> String + Send + Sync>;
pub(super) type HeaderHook = Arc<dyn Fn(&mut HeaderMap, &RequestInfo) + Send + Sync>;
pub(super) type ErrorHook = Arc<dyn Fn(&ConnectionError) + Send + Sync>;

impl Hooks {
    /// Whether the application lets a handshake in.
    pub(super) async fn allow(&self, request: &RequestInfo) -> Result<(), Refused> {
        let Some(allow) = &self.allow_request else { return Ok(()) };
        let allowed = allow(request.clone()).await;
        allowed.map_err(|it| Refusal::Forbidden.because("message", it.message))
    }

    /// The id of a new session.
    pub(super) fn id(&self, engine: &Engine, request: &RequestInfo) -> Result<Id, Refused> {
        let Some(generate) = &self.generate_id else { return Ok(Id::random()) };
        let id = Id::parse(&generate(request));
        id.filter(|it| engine.sessions.find(*it).is_none()).ok_or_else(|| {
            let what = "an id is 20 base64url characters, and of one session only";
            Refusal::BadRequest.because("name", "ID_GENERATION_ERROR").and("error", what)
        })
    }

    /// Whether the application wants to see a request with its answer.
    pub(super) fn wants(&self, is_initial: bool) -> bool {
        !self.headers.is_empty() || is_initial && !self.initial_headers.is_empty()
    }

    /// Lets the application change the headers of an answer.
    pub(super) fn adorn(&self, is_initial: bool, request: &RequestInfo, headers: &mut HeaderMap) {
        let initial = self.initial_headers.iter().filter(|_| is_initial);
        for hook in initial.chain(&self.headers) {
            hook(headers, request);
        }
    }

    /// Lets the application add headers to the answer to a WebSocket handshake, which keeps those
    /// that make it one.
    pub(super) fn adorn_upgrade(
        &self,
        is_initial: bool,
        request: &RequestInfo,
        headers: &mut HeaderMap,
    ) {
        if !self.wants(is_initial) {
            return;
        }
        let mut more = HeaderMap::new();
        self.adorn(is_initial, request, &mut more);
        for name in HANDSHAKE {
            more.remove(name);
        }
        headers.extend(more);
    }

    /// Tells the application about a request that is refused.
    pub(super) fn refused(&self, request: &RequestInfo, refused: &Refused) {
        if self.connection_error.is_empty() {
            return;
        }
        let error = ConnectionError {
            request: request.clone(),
            code: refused.refusal as u8,
            message: refused.refusal.message(),
            context: refused.context.clone(),
        };
        for hook in &self.connection_error {
            hook(&error);
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("allow_request", &self.allow_request.is_some())
            .field("generate_id", &self.generate_id.is_some())
            .field("initial_headers", &self.initial_headers.len())
            .field("headers", &self.headers.len())
            .field("connection_error", &self.connection_error.len())
            .finish()
    }
}

const HANDSHAKE: [header::HeaderName; 7] = [
    header::CONNECTION,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
];
