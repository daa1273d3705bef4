//! The peer `socketioxide`: its default settings, on axum, on one thread.
//!
//! Serves the events of the benchmark on a free port and prints the address as its only line.
//! TCP_NODELAY is on, as it is by default in Node and in ours.

use std::io::Write;

use axum::serve::ListenerExt;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.join("everybody");
        socket.on("echo", async |Data(text): Data<String>, ack: AckSender| {
            let _ = ack.send(&text);
        });
        socket.on("publish", async |socket: SocketRef, Data(text): Data<String>| {
            let _ = socket.within("everybody").emit("message", &text).await;
        });
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
