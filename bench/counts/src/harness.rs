//! A server on a runtime of this thread, and its clients: blocking code that never blocks.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use switchboard::{Server, ServerBuilder};
use switchboard_ws::{Message, encode, encode_masked};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::yield_now;

use crate::apart::aside;

/// A runtime with one thread: this one.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A server as it is by default, except that its heartbeat comes too seldom to be counted.
pub(crate) fn server() -> ServerBuilder {
    Server::builder().ping_interval(Duration::from_secs(3_600))
}

/// Listens on a free port and hands the listener to what serves.
pub(crate) async fn listen<F>(serve: impl FnOnce(TcpListener) -> F) -> Result<SocketAddr>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));
    Ok(address)
}

/// The frame of a client, with a mask that has to be undone.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked(Message::Text(text), [0x37, 0xfa, 0x21, 0x3d], &mut frame);
    frame
}

/// The frame that the server has to send.
pub(crate) fn answer(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(Message::Text(text), &mut frame);
    frame
}

/// One client: a socket of this thread.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects; the kernel does, so the server need not run.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(64 * 1024) })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("the server does not read")
    }

    /// Whether all of `expected` is there. Takes it, if it is.
    pub(crate) fn has(&mut self, expected: &[u8]) -> Result<bool> {
        self.read()?;
        ensure!(
            expected.starts_with(&self.received),
            "expected {:?}, got {:?}",
            String::from_utf8_lossy(expected),
            String::from_utf8_lossy(&self.received)
        );
        let is_whole = self.received.len() == expected.len();
        if is_whole {
            self.received.clear();
        }
        Ok(is_whole)
    }

    /// Whether what is there begins with `start` and ends with `end`. Takes it, if so.
    pub(crate) fn has_between(&mut self, start: &[u8], end: &[u8]) -> Result<bool> {
        self.read()?;
        let len = start.len() + end.len();
        let is_whole = len <= self.received.len()
            && self.received.starts_with(start)
            && self.received.ends_with(end);
        if is_whole {
            self.received.clear();
        }
        Ok(is_whole)
    }

    fn read(&mut self) -> Result<()> {
        let mut scratch = [0; 16 * 1024];
        match self.stream.read(&mut scratch) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => {
                self.received.extend_from_slice(scratch.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lets the server run until `is_done`, which is asked aside after each turn of the runtime.
pub(crate) async fn until(mut is_done: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..TURNS_MAX {
        yield_now().await;
        if aside(&mut is_done).context("asked")?? {
            return Ok(());
        }
    }
    bail!("the server has not answered")
}

/// [`until`], where nothing is counted anyway.
pub(crate) async fn until_uncounted(mut is_done: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..TURNS_MAX {
        yield_now().await;
        if is_done()? {
            return Ok(());
        }
    }
    bail!("the server has not answered")
}

/// A client of Socket.IO that has joined `/`.
pub(crate) async fn join(address: SocketAddr) -> Result<Client> {
    let mut client = upgrade(address, "/socket.io/?EIO=4&transport=websocket").await?;
    until_uncounted(|| client.has_between(b"\x81", b"}")).await?;
    client.send(&frame("40"))?;
    until_uncounted(|| client.has_between(b"\x81\x2040{\"sid\":\"", b"\"}")).await?;
    Ok(client)
}

/// A client of a plain WebSocket.
pub(crate) async fn upgrade(address: SocketAddr, path: &str) -> Result<Client> {
    let mut client = Client::connect(address)?;
    client.send(request(path).as_bytes())?;
    // Engine.IO's first frame may be there already: only the head is taken.
    until_uncounted(|| {
        client.read()?;
        let end = client.received.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            client.received.drain(..end + 4);
        }
        Ok(end.is_some())
    })
    .await?;
    Ok(client)
}

/// The upgrade request of a browser, as in the benchmark.
pub(crate) fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: 127.0.0.1:3000\r\n\
         Connection: Upgrade\r\n\
         Pragma: no-cache\r\n\
         Cache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\n\
         Origin: http://127.0.0.1:3000\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
         Cookie: session=3f1c9a2be8d94d6c9f00b1a7c55e20d4; theme=dark\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    )
}

/// Far more turns of the runtime than any answer needs.
const TURNS_MAX: u32 = 1_000_000;
