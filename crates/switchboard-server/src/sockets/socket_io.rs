//! The Socket.IO door: the rooms as events of the namespace `/`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use switchboard::{
    Ack, Auth, ConnectError, Context, FromContext, Rejection, Server, Socket, TryData,
};

use super::call::{Call, Events, Kind, Line, Session, answer};
use super::{client, events};
use crate::limits::Limits;
use crate::rooms::{Error, Rooms, Token};

/// A Socket.IO server for these rooms, to be served.
pub fn server(rooms: &Rooms, limits: &Limits) -> Server {
    let builder = Server::builder().client_bundles(client::bundles());
    let mut io = builder.packet_rate(limits.packets).build();
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
    io.on("connection", async |call: Call| call.open());
    io.on("disconnect", async |call: Call| call.rooms().close_tab(call.tab()).await);
    events::register(&mut io);
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

impl FromContext for Call {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let socket = context.socket().clone();
        // The middleware puts it there, or does not let the socket in.
        let session = socket.extension::<Session>();
        let session = session.ok_or(Rejection::Absent("the session of a guest"))?;
        Ok(Self::new(Line::SocketIo(socket), session))
    }
}

impl Events for Server {
    fn on<T, R, W, F>(&mut self, event: &'static str, kind: Kind, work: W)
    where
        T: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        W: Fn(Call, T) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        Self::on(self, event, async move |call: Call, TryData(request): TryData<T>, ack: Ack| {
            if let Err(error) = ack.send(&answer(call, kind, request, work).await) {
                tracing::error!(%error, "an answer could not be encoded");
            }
        });
    }
}
