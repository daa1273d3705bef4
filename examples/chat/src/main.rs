//! `cargo run --manifest-path examples/Cargo.toml -p chat`: what one says, the others hear.
//!
//! Talk to it from Node with `npm install socket.io-client`:
//!
//! ```js
//! const { io } = require("socket.io-client");
//! const socket = io("http://127.0.0.1:3000", { auth: { name: "Ada" } });
//! socket.on("said", (name, text) => console.log(`${name}: ${text}`));
//! socket.on("count", (people) => console.log(`${people} people are here`));
//! process.stdin.on("data", (line) => socket.emit("say", `${line}`.trim()));
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use switchboard::{Ack, Auth, Data, Server, Socket};

#[derive(serde::Deserialize)]
struct Guest {
    name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let io = Server::builder().build();

    let everybody = io.clone();
    io.on("connection", async move |socket: Socket, Auth(guest): Auth<Guest>| {
        socket.insert(guest);
        everybody.emit("count", &everybody.sockets().len()).ok();
    });
    io.on("say", async |socket: Socket, Data(text): Data<String>, ack: Ack| {
        if let Some(guest) = socket.extension::<Guest>() {
            socket.broadcast().emit("said", (&guest.name, text)).ok();
        }
        ack.send("delivered").ok();
    });

    let port = std::env::args().nth(1).unwrap_or_else(|| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    switchboard::serve(listener, io, ctrl_c).await
}
