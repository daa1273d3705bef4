//! Thousands of clients on one epoll loop in one thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::client::{Buffers, Client};

/// After so long without any message the answers that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Source addresses that the clients share: each stays far below its 28,000 ports.
const SOURCES: usize = 8;
/// Longest wait for something to read.
const WAIT_MILLIS: u8 = 100;

/// All clients of one run.
pub(crate) struct Crowd {
    epoll: Epoll,
    clients: Vec<Option<Client>>,
    ready: usize,
    server: SocketAddr,
    head: Vec<u8>,
    buffers: Buffers,
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
            buffers: Buffers::new(),
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
        self.turn_for(WAIT_MILLIS, received)
    }

    /// The same, but waits for at most `millis` milliseconds; with 0 not at all.
    pub(crate) fn turn_for(
        &mut self,
        millis: u8,
        received: &mut impl FnMut(usize, &[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(millis)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let client = self.clients.get_mut(number).and_then(Option::as_mut);
            let client = client.context("an event for nobody")?;
            let was_blocked = client.is_blocked();
            if was_blocked {
                client.flush()?;
            }
            if event.events().intersects(!EpollFlags::EPOLLOUT) {
                let became_ready = client.receive(&mut self.buffers, &mut |text, answers| {
                    received(number, text, answers)
                })?;
                self.ready += usize::from(became_ready);
            }
            if client.is_blocked() != was_blocked {
                watch(&self.epoll, client, number)?;
            }
        }
        if count > 0 {
            self.heard_at = Instant::now();
        } else if self.heard_at.elapsed() > PATIENCE {
            bail!("the server has been silent for {PATIENCE:?}: messages are lost");
        }
        Ok(())
    }

    /// Lets everybody be for some time: whoever gets a message is wrong.
    pub(crate) fn idle_for(&mut self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.heard_at = Instant::now();
            self.turn(&mut |_, text, _| {
                bail!("an idle client received {:?}", String::from_utf8_lossy(text))
            })?;
        }
        Ok(())
    }

    /// Sends whole frames as one client.
    pub(crate) fn send(&mut self, client: usize, frames: &[u8]) -> Result<()> {
        let place = self.clients.get_mut(client).and_then(Option::as_mut);
        let place = place.context("no such client")?;
        place.send(frames)?;
        if place.is_blocked() { watch(&self.epoll, place, client) } else { Ok(()) }
    }

    /// Ends a client's connection at once, with a reset or as a program that ends.
    pub(crate) fn kill(&mut self, client: usize, with_reset: bool) -> Result<()> {
        let dead = self.clients.get_mut(client).and_then(Option::take).context("no such client")?;
        if with_reset { dead.reset_at_end() } else { Ok(()) }
    }

    fn add(&mut self) -> Result<()> {
        let number = self.clients.len();
        let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % SOURCES)?);
        let client = Client::connect(source, self.server, &self.head)?;
        self.epoll.add(client.fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        self.clients.push(Some(client));
        Ok(())
    }
}

/// Waits for room in the socket, too, if the client needs it.
fn watch(epoll: &Epoll, client: &Client, number: usize) -> Result<()> {
    let mut interest = EpollFlags::EPOLLIN;
    interest.set(EpollFlags::EPOLLOUT, client.is_blocked());
    Ok(epoll.modify(client.fd(), &mut EpollEvent::new(interest, number as u64))?)
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
