//! `cargo run --manifest-path examples/Cargo.toml -p ws-echo`: every message comes back.
//!
//! Any WebSocket client will do, such as the one next door:
//! `cargo run --manifest-path examples/Cargo.toml -p wscat -- ws://127.0.0.1:3000 -x hello`
#![allow(clippy::print_stdout, reason = "a program for people")]

use switchboard::ws::{self, WebSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let echo = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
        while let Some(message) = socket.recv().await? {
            socket.send(message)?;
        }
        Ok(())
    });

    let port = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    ws::serve(listener, echo, ctrl_c).await
}
