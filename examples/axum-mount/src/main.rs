//! `cargo run --manifest-path examples/Cargo.toml -p axum-mount`: Socket.IO inside an axum app.
//!
//! axum answers `GET /` and `POST /news`; everything below `/socket.io/` is the layer's.
//! `curl -d '"hello"' -H 'content-type: application/json' http://127.0.0.1:3000/news` reaches
//! every connected client as the event `news`.
#![allow(clippy::print_stdout, reason = "a program for people")]

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use switchboard::{Ack, Server, Socket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let io = Server::builder().build();
    io.on("connection", async |socket: Socket| {
        socket.emit("hello", &socket.id()).ok();
    });
    io.on("ping me", async |ack: Ack| {
        ack.send("pong").ok();
    });

    let app = Router::new()
        .route("/", get(async || "This page is axum's; Socket.IO is below /socket.io/.\n"))
        .route("/news", post(publish))
        .with_state(io.clone())
        .layer(io.layer());

    let port = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    // axum waits for connections to end, so those of Socket.IO are closed when the signal comes.
    let closed = async move {
        tokio::signal::ctrl_c().await.unwrap_or_default();
        io.close().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(closed).await
}

async fn publish(State(io): State<Server>, Json(news): Json<serde_json::Value>) -> StatusCode {
    match io.emit("news", &news) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_cannot_be_sent) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
