//! The events of the benchmark, over Socket.IO.

use std::hint::black_box;
use std::io::{Result, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use switchboard::ws::Deflate;
use switchboard::{Ack, Args, Data, Serve, Server, Socket};

use crate::plain::tls;

/// Rounds of multiplying and mixing in the event `work`: some 20 µs.
const ROUNDS: u32 = 16_000;

/// What is served beside the usual.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    Nothing,
    /// Level 1, every message by itself, from 1 KiB on: all as by default.
    Deflate,
    /// TLS, with a certificate that nobody knows.
    Tls,
    /// A handler for those who leave, that counts them, and the event `gone` that tells how many.
    Leaving,
    /// The event `work`: an echo that computes something before it answers.
    Work,
}

/// Serves until the process is ended.
pub(crate) async fn serve(extra: Extra) -> Result<()> {
    let mut builder = Server::builder();
    if extra == Extra::Deflate {
        builder = builder.per_message_deflate(Deflate::default());
    }
    let io = builder.build();
    io.on("connection", async |socket: Socket| {
        let _ = socket.join("everybody");
    });
    io.on("echo", async |Data(text): Data<String>, ack: Ack| {
        let _ = ack.send(&text);
    });
    let all = io.clone();
    io.on("publish", async move |Data(text): Data<String>| {
        let _ = all.to("everybody").emit("message", &text);
    });
    rooms(&io);
    match extra {
        Extra::Leaving => leaving(&io),
        Extra::Work => work(&io),
        Extra::Nothing | Extra::Deflate | Extra::Tls => {}
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let mut serve = Serve::new(io);
    if extra == Extra::Tls {
        serve = serve.tls(tls()?);
    }
    serve.run(listener, std::future::pending()).await
}

fn rooms(io: &Server) {
    io.on("join", async |socket: Socket, Args((first, count)): Args<(u32, u32)>, ack: Ack| {
        let rooms: Vec<String> = (first..first + count).map(|room| format!("r{room}")).collect();
        if socket.join(rooms).is_ok() {
            let _ = ack.send(&first);
        }
    });
    let all = io.clone();
    io.on("tell", async move |Args((room, text)): Args<(u32, String)>| {
        let _ = all.to(format!("r{room}")).emit("message", &text);
    });
}

fn leaving(io: &Server) {
    let gone = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&gone);
    io.on("disconnect", async move |_socket: Socket| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    io.on("gone", async move |ack: Ack| {
        let _ = ack.send(&gone.load(Ordering::Relaxed));
    });
}

fn work(io: &Server) {
    io.on("work", async |Data(text): Data<String>, ack: Ack| {
        black_box(mixed(black_box(text.len() as u64)));
        let _ = ack.send(&text);
    });
}

/// Nothing useful: each round waits for the one before, and none touches memory.
fn mixed(mut value: u64) -> u64 {
    for _ in 0..ROUNDS {
        value = (value ^ value >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    value
}
