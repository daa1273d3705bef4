//! The peer `socketioxide`: its default settings, on axum, on one thread.
//!
//! Serves the events of the benchmark on a free port and prints the address as its only line. With the argument
//! `socket.io-leaving` it counts who leaves. TCP_NODELAY is on, as it is by default in Node and in ours.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::serve::ListenerExt;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::new_layer();
    let counts_leaving = std::env::args().any(|argument| argument == "socket.io-leaving");
    let gone = Arc::new(AtomicU64::new(0));
    io.ns("/", async move |socket: SocketRef| {
        socket.join("everybody");
        socket.on("echo", async |Data(text): Data<String>, ack: AckSender| {
            let _ = ack.send(&text);
        });
        socket.on("publish", async |socket: SocketRef, Data(text): Data<String>| {
            let _ = socket.within("everybody").emit("message", &text).await;
        });
        socket.on(
            "join",
            async |socket: SocketRef, Data(rooms): Data<(u32, u32)>, ack: AckSender| {
                let (first, count) = rooms;
                let names: Vec<String> =
                    (first..first + count).map(|room| format!("r{room}")).collect();
                socket.join(names);
                let _ = ack.send(&first);
            },
        );
        socket.on("tell", async |socket: SocketRef, Data((room, text)): Data<(u32, String)>| {
            let _ = socket.within(format!("r{room}")).emit("message", &text).await;
        });
        if counts_leaving {
            let counter = Arc::clone(&gone);
            socket.on_disconnect(async move || {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            socket.on("gone", async move |ack: AckSender| {
                let _ = ack.send(&gone.load(Ordering::Relaxed));
            });
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
