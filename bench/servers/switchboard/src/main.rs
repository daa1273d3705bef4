//! Ours: the library with its default settings, serving by itself, on one thread.
//!
//! Serves the events of the benchmark on a free port and prints the address as its only line. With the argument `plain`,
//! `deflate` or `tls` it serves an echo over plain WebSocket instead ([`plain`]), with `socket.io-deflate` and
//! `socket.io-tls` the events compressed or over TLS.

mod plain;

use std::io::Write;
use std::sync::Arc;

use rustls::ServerConfig;
use switchboard::ws::Deflate;
use switchboard::{Ack, Data, Serve, Server, Socket};

use crate::plain::Layer;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match std::env::args().nth(1).as_deref() {
        None => runtime.block_on(serve(None, None)),
        Some("socket.io-deflate") => runtime.block_on(serve(Some(Deflate::default()), None)),
        Some("socket.io-tls") => runtime.block_on(serve(None, Some(plain::tls()?))),
        Some("plain") => runtime.block_on(plain::serve(Layer::Nothing)),
        Some("deflate") => runtime.block_on(plain::serve(Layer::Deflate)),
        Some("tls") => runtime.block_on(plain::serve(Layer::Tls(plain::tls()?))),
        Some(other) => Err(std::io::Error::other(format!("cannot serve {other:?}"))),
    }
}

async fn serve(deflate: Option<Deflate>, tls: Option<Arc<ServerConfig>>) -> std::io::Result<()> {
    let io = Server::builder().per_message_deflate(deflate).build();
    io.on("connection", async |socket: Socket| {
        let _ = socket.join("everybody");
    });
    io.on("echo", async |Data(text): Data<String>, ack: Ack| {
        let _ = ack.send(&text);
    });
    let everybody = io.to("everybody");
    io.on("publish", async move |Data(text): Data<String>| {
        let _ = everybody.emit("message", &text);
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let mut serve = Serve::new(io);
    if let Some(config) = tls {
        serve = serve.tls(config);
    }
    serve.run(listener, std::future::pending()).await
}
