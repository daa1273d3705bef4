//! The Socket.IO door: the rooms as events of the namespace `/`.
//!
//! | file | what it is |
//! |---|---|
//! | `call` | one event from a client: who, what, how often, and its ack |
//! | `events` | what clients may ask for, one function each |
//! | `deliver` | what the server tells clients by itself |
//!
//! Every event but `typing` is answered by its ack: `{ok: true, ...}`, or `{ok: false, error}`
//! with the same status, title and detail that REST would give.
//!
//! Who is at the other end is said once, when the socket connects, by the token in its auth
//! payload; without a valid one it does not get in.

mod call;
mod deliver;
mod events;

use switchboard::{Auth, ConnectError, Server, Socket};

pub use deliver::deliver_all;

use crate::limits::Limits;
use crate::rooms::{Error, Rooms, Token};
use call::{Call, Session};

/// A Socket.IO server for these rooms, to be served.
pub fn server(rooms: &Rooms, limits: &Limits) -> Server {
    let io = Server::builder().build();
    let (rooms, limits) = (rooms.clone(), limits.clone());
    io.middleware(async move |socket: Socket, Auth(auth): Auth<serde_json::Value>| {
        let token = auth.get("token").and_then(serde_json::Value::as_str).unwrap_or_default();
        match rooms.guest_of_token(&Token::claimed(token)).await {
            Ok(guest) => {
                let id = socket.id();
                socket.insert(Session::new(rooms, guest.id, id.as_str(), &limits));
                Ok(())
            }
            Err(error) => Err(refusal(&error)),
        }
    });
    io.on("connection", async |call: Call| {
        call.socket.join(call.person_channel());
        call.rooms().open_tab(call.tab().clone(), call.guest().clone());
    });
    io.on("disconnect", async |call: Call| call.rooms().close_tab(call.tab()).await);
    events::register(&io);
    io
}

fn refusal(error: &Error) -> ConnectError {
    let problem = error.problem();
    let message = match problem.status {
        401 => "unauthorized",
        _ => {
            tracing::error!(%error, "a socket could not be let in");
            "unavailable"
        }
    };
    ConnectError::new(message).data(&problem)
}
