//! `cargo run --manifest-path examples/Cargo.toml -p ws-chat`: what one says, all hear.
//!
//! Open <http://127.0.0.1:3000> in two windows: the page and the WebSocket share a port. From a
//! terminal: `cargo run --manifest-path examples/Cargo.toml -p wscat -- ws://127.0.0.1:3000/chat`.
//!
//! Clients that vanish without a word, as when a laptop is closed, are found by a ping and removed.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use switchboard::ws::{self, Options, Prepared, Sender, WebSocket};

/// Everybody who is here.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<Vec<Sender>>>);

impl Room {
    fn guests(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encoded once for all of them. Sending never waits: who does not read is cut off in time.
    fn say(&self, text: String) {
        let message = Prepared::new(text);
        for guest in self.guests().iter() {
            guest.send_prepared(&message).ok(); // it leaves the list by itself
        }
    }

    async fn visit(&self, mut socket: WebSocket) -> Result<(), ws::Error> {
        let guest = socket.sender();
        self.guests().push(guest.clone());
        self.say(format!("somebody came, we are {}", self.guests().len()));
        let outcome = self.listen(&mut socket).await;
        self.guests().retain(|it| *it != guest);
        let how = if outcome.is_ok() { "left" } else { "vanished" };
        self.say(format!("somebody {how}, we are {}", self.guests().len()));
        outcome
    }

    /// To the end of the connection: an error says that it was not in order.
    async fn listen(&self, socket: &mut WebSocket) -> Result<(), ws::Error> {
        while let Some(message) = socket.recv().await? {
            if let Some(text) = message.as_text() {
                self.say(text.to_owned());
            }
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let room = Room::default();
    // Who was silent for 2 s gets a ping; who does not even answer that within 2 s is gone. So
    // short that one can watch it: the default is 25 s and 20 s.
    let heartbeat = Some((Duration::from_secs(2), Duration::from_secs(2)));
    let options = Options::new().heartbeat(heartbeat).message_bytes_max(4096);
    let chat =
        ws::Server::with_options(options, async move |socket: WebSocket| room.visit(socket).await);

    let app = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route_service("/chat", chat.clone());
    let port = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    // WebSockets are not axum's any more, so they are closed apart.
    let closed = async move {
        tokio::signal::ctrl_c().await.unwrap_or_default();
        chat.close().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(closed).await
}
