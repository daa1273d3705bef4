//! `cargo run -p switchboard --example parsers -- msgpack 3000`
//!
//! An echo in the format that the first argument names, `json` or `msgpack`, for clients that are
//! given the same one: `io("http://localhost:3000", { parser: require("socket.io-msgpack-parser") })`.
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use std::io;

use switchboard::{Ack, ConnectError, Data, Parser, Raw, Server, Socket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let parser = match args.next().as_deref() {
        Some("msgpack") => Parser::msgpack(),
        _ => Parser::json(),
    };
    let port = args.next().and_then(|it| it.parse().ok()).unwrap_or(3000);

    let server = Server::builder().parser(parser).build();
    for name in ["/", "/chat"] {
        let namespace = server.of(name);
        namespace.on("echo", async |socket: Socket, raw: Raw| {
            socket.emit("echo", raw).ok();
        });
        namespace.on("echo with ack", async |raw: Raw, ack: Ack| {
            ack.send(raw).ok();
        });
        namespace.on("ask", async |socket: Socket, Data(question): Data<String>| {
            let answer: Option<String> = socket.emit_with_ack("question", &question).await.ok();
            socket.emit("answer", &answer).ok();
        });
    }
    server.of("/closed").middleware(async || {
        let error = ConnectError::new("closed").data(&serde_json::json!({ "until": "Monday" }));
        Err::<(), _>(error)
    });

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    switchboard::serve(listener, server, ctrl_c).await
}
