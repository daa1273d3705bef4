//! `cargo run --manifest-path examples/Cargo.toml -p engine-echo`: every message comes back, whatever
//! the transport.
//!
//! With `npm install engine.io-client`:
//! `new Socket("ws://127.0.0.1:3000").on("open", function () { this.send("hello") }).on("message", console.log)`
#![allow(clippy::print_stdout, reason = "a program for people")]

use switchboard::engine::{self, Event, Socket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let echo = engine::Server::builder().build_engine(async |mut socket: Socket| {
        println!("a client came by {}", socket.transport());
        loop {
            match socket.next_event().await {
                Event::Message(message) => socket.send(message),
                Event::Upgraded => println!("it goes on by {}", socket.transport()),
                Event::Closed(closed) => return println!("it left: {}", closed.reason()),
                _ => (),
            }
        }
    });

    let port = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    engine::serve(listener, echo, ctrl_c).await
}
