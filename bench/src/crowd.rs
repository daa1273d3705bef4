//! Thousands of clients on one epoll loop in one thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::client::Client;

/// After so long without any message the answers that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clients that share one source address: far below its 28,000 ports.
const CLIENTS_PER_SOURCE: usize = 4_000;

/// All clients of one run.
pub(crate) struct Crowd {
    epoll: Epoll,
    clients: Vec<Client>,
    ready: usize,
    server: SocketAddr,
    head: Vec<u8>,
    scratch: Vec<u8>,
    heard_at: Instant,
}

impl Crowd {
    /// Nobody yet; everybody will connect to `server`.
    pub(crate) fn new(server: SocketAddr) -> Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            clients: Vec::new(),
            ready: 0,
            server,
            head: request(server, Request::EngineIo),
            scratch: vec![0; 64 * 1024],
            heard_at: Instant::now(),
        })
    }

    /// Connects `count` more clients, `at_once` handshakes at a time, and returns when all have joined the namespace.
    pub(crate) fn grow(&mut self, count: usize, at_once: usize) -> Result<()> {
        let wanted = self.clients.len() + count;
        self.heard_at = Instant::now();
        while self.ready < wanted {
            while self.clients.len() < wanted && self.clients.len() - self.ready < at_once {
                self.add()?;
            }
            self.turn(&mut |_, text, _| {
                bail!("a message during the handshakes: {:?}", String::from_utf8_lossy(text))
            })?;
        }
        Ok(())
    }

    /// Waits for something to read and hands every message, with its client's number, to `received`; what that appends
    /// to the buffer is sent to the same client in one write.
    ///
    /// # Errors
    /// A connection broke, a server said something wrong, or nothing came for ten seconds.
    pub(crate) fn turn(
        &mut self,
        received: &mut impl FnMut(usize, &[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(100_u8)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let client = self.clients.get_mut(number).context("an event for nobody")?;
            let became_ready = client
                .receive(&mut self.scratch, &mut |text, answers| received(number, text, answers))?;
            self.ready += usize::from(became_ready);
        }
        if count > 0 {
            self.heard_at = Instant::now();
        } else if self.heard_at.elapsed() > PATIENCE {
            bail!("the server has been silent for {PATIENCE:?}: messages are lost");
        }
        Ok(())
    }

    /// Sends whole frames as one client.
    pub(crate) fn send(&mut self, client: usize, frames: &[u8]) -> Result<()> {
        self.clients.get_mut(client).context("no such client")?.send(frames)
    }

    fn add(&mut self) -> Result<()> {
        let number = self.clients.len();
        let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number / CLIENTS_PER_SOURCE)?);
        let client = Client::connect(source, self.server, &self.head)?;
        self.epoll.add(client.fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        self.clients.push(client);
        Ok(())
    }
}

/// What an upgrade request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Engine.IO over WebSocket, with the offer of compression that browsers make.
    EngineIo,
    /// A WebSocket without compression.
    Plain,
    /// A WebSocket with compression, each message by itself.
    PlainDeflated,
}

/// The upgrade request of a browser, with the sample key of RFC 6455.
pub(crate) fn request(server: SocketAddr, kind: Request) -> Vec<u8> {
    let (path, extensions) = match kind {
        Request::EngineIo => (
            "/socket.io/?EIO=4&transport=websocket",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        ),
        Request::Plain => ("/", ""),
        Request::PlainDeflated => (
            "/",
            "Sec-WebSocket-Extensions: permessage-deflate; \
             server_no_context_takeover; client_no_context_takeover\r\n",
        ),
    };
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: {server}\r\n\
         Connection: Upgrade\r\n\
         Pragma: no-cache\r\n\
         Cache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\n\
         Origin: http://{server}\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
         Cookie: session=3f1c9a2be8d94d6c9f00b1a7c55e20d4; theme=dark\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         {extensions}\r\n"
    )
    .into_bytes()
}
