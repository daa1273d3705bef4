//! The peer `tokio-tungstenite`: an echo on one thread, default settings.
//!
//! Reads a message and writes it. With the argument `batched` it forwards the stream of messages into its own sink, as
//! the crate's example `echo-server` does: that flushes when no more messages are there. It cannot compress.
//! Serves on a free port and prints the address as its only line.

use std::io::Write;

use futures_util::{SinkExt, StreamExt, TryStreamExt, future};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Error;

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
        if is_batched {
            tokio::spawn(forward(stream));
        } else {
            tokio::spawn(echo(stream));
        }
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn forward(stream: TcpStream) -> Result<(), Error> {
    let (write, read) = tokio_tungstenite::accept_async(stream).await?.split();
    let messages =
        read.try_filter(|message| future::ready(message.is_text() || message.is_binary()));
    messages.forward(write).await
}
