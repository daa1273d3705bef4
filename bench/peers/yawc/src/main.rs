//! The peer `yawc`: an echo on one thread, on hyper, as the crate's documentation shows it.
//!
//! Reads a message and writes it, with UTF-8 checked as RFC 6455 demands. With the argument `batched` it flushes once for
//! up to 32 messages that are there, with the buffers that the crate's README tells for its own benchmark. With
//! `deflate` it agrees on permessage-deflate: no context takeover, pooled state, level 1, from 64 B on.
//! Serves on a free port and prints the address as its only line.

use std::io::Write;

use futures_util::{FutureExt, SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use yawc::{DeflatePool, Frame, OpCode, Options, UpgradeFut, WebSocket};

/// The generator's largest message is 1 MiB.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
const BATCH_MAX: usize = 32;
/// One thread compresses one message at a time.
const POOLED_STATES: usize = 4;

fn main() -> std::io::Result<()> {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let is_batched = has("batched");
    let mut options =
        Options::default().with_limits(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX).with_utf8();
    if is_batched {
        options =
            options.with_read_buffer_capacity(128 * 1024).with_backpressure_boundary(64 * 1024);
    }
    if has("deflate") {
        options = options
            .with_low_latency_compression()
            .with_compression_threshold(64)
            .with_deflate_pool(DeflatePool::new(POOLED_STATES));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(options, is_batched))
}

async fn serve(options: Options, is_batched: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let options = options.clone();
        let service = service_fn(move |request| accept(request, options.clone(), is_batched));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

async fn accept(
    mut request: Request<Incoming>,
    options: Options,
    is_batched: bool,
) -> yawc::Result<Response<Empty<Bytes>>> {
    let (response, upgrade) = WebSocket::upgrade_with_options(&mut request, options)?;
    tokio::spawn(async move {
        if is_batched { echo_batches(upgrade).await } else { echo(upgrade).await }
    });
    Ok(response)
}

async fn echo(upgrade: UpgradeFut) -> yawc::Result<()> {
    let mut socket = upgrade.await?;
    while let Some(frame) = socket.next().await {
        if is_data(&frame) {
            socket.send(frame).await?;
        }
    }
    Ok(())
}

async fn echo_batches(upgrade: UpgradeFut) -> yawc::Result<()> {
    let mut socket = upgrade.await?;
    while let Some(frame) = socket.next().await {
        let mut next = Some(frame);
        for _ in 0..BATCH_MAX {
            let Some(frame) = next.take() else { break };
            if is_data(&frame) {
                socket.feed(frame).await?;
            }
            next = socket.next().now_or_never().flatten();
        }
        if let Some(frame) = next.filter(is_data) {
            socket.feed(frame).await?;
        }
        socket.flush().await?;
    }
    Ok(())
}

fn is_data(frame: &Frame) -> bool {
    matches!(frame.opcode(), OpCode::Text | OpCode::Binary)
}
