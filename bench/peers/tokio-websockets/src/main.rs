//! The peer `tokio-websockets`: an echo on one thread, as the crate's example `echo_server`.
//!
//! Reads a message and writes it; like the example it does not take part in tokio's budget. With the argument `batched`
//! it flushes once for all messages that are there. It cannot compress.
//! Serves on a free port and prints the address as its only line.

use std::io::Write;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{Config, Error, Limits, ServerBuilder};

fn main() -> std::io::Result<()> {
    let is_batched = std::env::args().any(|argument| argument == "batched");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(is_batched))
}

async fn serve(is_batched: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(tokio::task::unconstrained(echo(stream, is_batched)));
    }
}

async fn echo(stream: TcpStream, is_batched: bool) -> Result<(), Error> {
    let builder = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX))
        .limits(Limits::unlimited());
    let (_, mut socket) = builder.accept(stream).await?;
    let mut batch = Vec::new();
    while let Some(message) = socket.next().await {
        batch.push(message?);
        // Reading flushes what was fed before: first all messages are read, then they are fed.
        while is_batched && let Some(Some(message)) = socket.next().now_or_never() {
            batch.push(message?);
        }
        for message in batch.drain(..).filter(|message| message.is_text() || message.is_binary()) {
            socket.feed(message).await?;
        }
        socket.flush().await?;
    }
    Ok(())
}
