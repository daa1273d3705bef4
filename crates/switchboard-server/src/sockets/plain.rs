//! The plain door: the rooms as JSON messages over a WebSocket, for those who need no Socket.IO.
//!
//! Events of one connection are answered one after the other, in the order in which they came.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::value::RawValue;
use switchboard::ws::{self, CloseCode, Deflate, Message, Options, WebSocket};
use tokio::time::timeout;

use super::call::{Call, Events, Kind, Line, Reply, Session, answer, problem};
use super::events;
use super::listeners::Listeners;
use crate::limits::Limits;
use crate::rooms::{Error, Guest, Person, Problem, Rooms, Token};

/// A server of plain WebSockets for these rooms, to be routed. Announcements reach its sockets
/// through `listeners`.
pub fn plain_server(rooms: &Rooms, limits: &Limits, listeners: &Listeners) -> ws::Server {
    let mut table = Table::default();
    events::register(&mut table);
    let door = Arc::new(Door {
        rooms: rooms.clone(),
        limits: limits.clone(),
        listeners: listeners.clone(),
        table,
        sockets: AtomicU64::new(0),
    });
    let options = Options::new().deflate(Deflate::default());
    ws::Server::with_options(options, async move |socket: WebSocket| door.serve(socket).await)
}

#[derive(Debug)]
struct Door {
    rooms: Rooms,
    limits: Limits,
    listeners: Listeners,
    table: Table,
    /// How many there were so far, to tell them apart.
    sockets: AtomicU64,
}

impl Door {
    async fn serve(&self, mut socket: WebSocket) {
        // An error of the connection has told the peer what it is to be told.
        let Ok(Ok(Some(first))) = timeout(self.limits.auth_timeout, socket.recv()).await else {
            return socket.close(CloseCode::POLICY, UNAUTHORIZED);
        };
        let Some((id, token)) = token_in(&first) else {
            return socket.close(CloseCode::POLICY, UNAUTHORIZED);
        };
        let guest = match self.rooms.guest_of_token(&token).await {
            Ok(guest) => guest,
            Err(error) => return refuse(&socket, id, &error),
        };
        let me = guest.person();
        let present = self.let_in(&socket, guest);
        reply(&socket, id, Reply::good(Welcome { me }));
        while let Ok(Some(message)) = socket.recv().await {
            match Request::parse(&message) {
                Ok(request) => self.answer(&present.call, request, &socket).await,
                Err(refusal) => return socket.close(refusal.code, refusal.reason),
            }
        }
    }

    fn let_in(&self, socket: &WebSocket, guest: Guest) -> Present {
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        // The colon keeps it apart from the ids of Socket.IO.
        let id = format!("plain:{number}");
        let session = Arc::new(Session::new(self.rooms.clone(), guest.id, &id, &self.limits));
        let listener = self.listeners.add(session.tab().clone(), socket.sender());
        let call = Call::new(Line::Plain(listener), session);
        call.open();
        Present { call }
    }

    async fn answer(&self, call: &Call, request: Request<'_>, socket: &WebSocket) {
        let Request { id, event, data } = request;
        let text = match self.table.handlers.get(&*event) {
            Some(handler) => handler(call.clone(), id, data.map_or("null", RawValue::get)).await,
            None => {
                let problem = match call.allow(Kind::Question) {
                    Err(error) => error.problem(),
                    Ok(()) if event == AUTH => {
                        Problem::new(409, "it was said already whose connection this is")
                    }
                    Ok(()) => Problem::new(404, "there is no such event"),
                };
                encode(id, Reply::<()>::bad(problem))
            }
        };
        send(socket, text);
    }
}

/// A socket whose person is known. However its handler ends, it leaves with this.
#[derive(Debug)]
struct Present {
    call: Call,
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Line::Plain(listener) = &self.call.line {
            listener.remove();
        }
        let call = self.call.clone();
        // Without a runtime the process ends, and all presence with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { call.rooms().close_tab(call.tab()).await });
        }
    }
}

/// A message of a client.
#[derive(Debug, Deserialize)]
struct Request<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// How a message that is no request closes the connection.
#[derive(Clone, Copy, Debug)]
struct Malformed {
    code: CloseCode,
    reason: &'static str,
}

impl<'a> Request<'a> {
    fn parse(message: &'a Message) -> Result<Self, Malformed> {
        let no_request = Malformed {
            code: CloseCode::POLICY,
            reason: "a message is a JSON object with `event`, and perhaps `id` and `data`",
        };
        let text = message.as_text().ok_or(no_request)?;
        let request =
            serde_json::from_str::<Self>(text).map_err(|error| match error.classify() {
                Category::Data => no_request,
                _ => Malformed { code: CloseCode::INVALID_DATA, reason: "this is not JSON" },
            })?;
        // A list of the three would do for serde.
        let is_object = text.trim_ascii_start().starts_with('{');
        let is_request = is_object && request.id.is_none_or(|it| it <= ID_MAX);
        if is_request { Ok(request) } else { Err(no_request) }
    }
}

#[derive(Deserialize)]
struct Identity {
    token: String,
}

#[derive(Serialize)]
struct Welcome {
    me: Person,
}

/// What the first message must say.
fn token_in(first: &Message) -> Option<(Option<u64>, Token)> {
    let request = Request::parse(first).ok().filter(|it| it.event == AUTH)?;
    let identity: Identity = serde_json::from_str(request.data?.get()).ok()?;
    Some((request.id, Token::claimed(&identity.token)))
}

fn refuse(socket: &WebSocket, id: Option<u64>, error: &Error) {
    let problem = problem(error);
    let (code, reason) = match problem.status {
        401 => (CloseCode::POLICY, UNAUTHORIZED),
        _ => (CloseCode::INTERNAL, "unavailable"),
    };
    reply(socket, id, Reply::<()>::bad(problem));
    socket.close(code, reason);
}

/// What to do for each event, by its name.
#[derive(Default)]
struct Table {
    handlers: HashMap<&'static str, Handler>,
}

/// Takes who asks, the `id` and the data, and gives the answer as text, if one is wanted.
type Handler = Box<dyn Fn(Call, Option<u64>, &str) -> Answering + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

impl Events for Table {
    fn on<T, R, W, F>(&mut self, event: &'static str, kind: Kind, work: W)
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        W: Fn(Call, T) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let handler = move |call: Call, id: Option<u64>, data: &str| -> Answering {
            let request = serde_json::from_str::<T>(data);
            let work = work.clone();
            Box::pin(async move { encode(id, answer(call, kind, request, work).await) })
        };
        self.handlers.insert(event, Box::new(handler));
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

fn reply<R: Serialize>(socket: &WebSocket, id: Option<u64>, reply: Reply<R>) {
    send(socket, encode(id, reply));
}

/// The answer as text; `None` if nobody asked for one.
fn encode<R: Serialize>(id: Option<u64>, mut reply: Reply<R>) -> Option<String> {
    reply.id = Some(id?);
    let text = serde_json::to_string(&reply);
    text.inspect_err(|error| tracing::error!(%error, "an answer could not be encoded")).ok()
}

fn send(socket: &WebSocket, text: Option<String>) {
    if let Some(text) = text {
        // Whoever has left needs no answer.
        socket.send(text).ok();
    }
}

/// The event that says who somebody is.
const AUTH: &str = "auth";
/// Why nobody was let in.
const UNAUTHORIZED: &str = "unauthorized";
/// The largest integer that JavaScript, and so most JSON, has exactly.
const ID_MAX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::rooms::{GuestName, live};
    use crate::store::Store;

    #[tokio::test]
    async fn whoever_has_gone_is_forgotten() {
        let (dir, limits) = (tempfile::tempdir().unwrap(), Limits::default());
        let (announcements, mut feed) = live();
        tokio::spawn(async move { while feed.next().await.is_some() {} });
        let store = Store::open(dir.path(), &limits).unwrap();
        let rooms = Rooms::new(store, announcements, limits.clone());
        let (_, token) = rooms.new_guest(GuestName::parse("Ada").unwrap()).await.unwrap();

        let listeners = Listeners::default();
        let server = plain_server(&rooms, &limits, &listeners);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let served = tokio::spawn(ws::serve(listener, server, stopped));

        let mut socket = ws::connect(format!("ws://{address}/")).await.unwrap();
        let auth = json!({ "event": "auth", "data": { "token": token.reveal() } });
        socket.send(auth.to_string()).unwrap();
        socket.send(r#"{"id":1,"event":"room:enter","data":{"room":"lobby"}}"#).unwrap();
        let answer = socket.recv().await.unwrap().unwrap();
        let answer: Value = serde_json::from_str(answer.as_text().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(1), &json!(true)), "{answer}");
        assert!(!listeners.is_empty());
        drop(stop);
        assert_eq!(socket.recv().await.unwrap(), None);
        served.await.unwrap().unwrap();
        assert!(listeners.is_empty());
    }
}
