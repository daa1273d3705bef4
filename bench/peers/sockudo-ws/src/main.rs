//! The peer `sockudo-ws`: an echo on one thread, as the crate's examples do it.
//!
//! Reads a message and writes it. With the argument `batched` it feeds the messages and lets the reading flush, as the
//! crate's README advises for echoes. With `deflate` it agrees on permessage-deflate: no context takeover, level 1,
//! from 64 B on.
//! Serves on a free port and prints the address as its only line.

use std::io::Write;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::deflate::{DeflateConfig, negotiate_server_deflate};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{CompressedWebSocketStream, Config, Error, Message, Result, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the command line asks for.
#[derive(Clone, Copy)]
struct Wanted {
    batching: bool,
    deflate: bool,
}

fn main() -> std::io::Result<()> {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let wanted = Wanted { batching: has("batched"), deflate: has("deflate") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(wanted))
}

async fn serve(wanted: Wanted) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, wanted));
    }
}

async fn connection(mut stream: TcpStream, wanted: Wanted) -> Result<()> {
    let agreed = handshake(&mut stream, wanted.deflate).await?;
    let config = Config::default();
    match agreed {
        Some(deflate) => {
            echo(CompressedWebSocketStream::server(stream, config, deflate), wanted.batching).await
        }
        None => echo(WebSocketStream::server(stream, config), wanted.batching).await,
    }
}

/// The generator sends nothing before the answer, so that nothing is left over behind the request.
async fn handshake(stream: &mut TcpStream, may_deflate: bool) -> Result<Option<DeflateConfig>> {
    let policy = DeflateConfig {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        compression_level: 1,
        compression_threshold: 64,
        ..DeflateConfig::default()
    };
    let mut received = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        let Some((request, _)) = parse_request(&received)? else { continue };
        let offers = request.extensions.filter(|_| may_deflate);
        let agreed = offers.and_then(|offers| negotiate_server_deflate(offers, &policy));
        let extension = agreed.as_ref().map(|agreed| agreed.to_response_header());
        let key = generate_accept_key(request.key);
        stream.write_all(&build_response(&key, None, extension.as_deref())).await?;
        return Ok(agreed.map(|agreed| agreed.config));
    }
}

async fn echo<S>(mut socket: S, batching: bool) -> Result<()>
where
    S: Stream<Item = Result<Message>> + Sink<Message, Error = Error> + Unpin,
{
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) if batching => {
                socket.feed(message).await?;
            }
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Close(_) => break,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    Ok(())
}
