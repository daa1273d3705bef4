//! Thousands of plain WebSocket clients on one epoll loop in one thread.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::client::{Client, Stage};
use super::messages::Messages;
use super::transport::Transport;
use crate::crowd::{Request, request};

/// After so long without any message the answers that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Source addresses that the clients share: each stays far below its 28,000 ports.
const SOURCES: usize = 8;
/// What one read takes at most.
const SCRATCH_BYTES: usize = 256 * 1024;

/// All clients of one run.
pub(crate) struct Swarm<T> {
    epoll: Epoll,
    clients: Vec<Option<Client<T>>>,
    opened: usize,
    ready: usize,
    server: SocketAddr,
    request: Vec<u8>,
    scratch: Vec<u8>,
    heard_at: Instant,
}

/// What came back in some time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Answered {
    pub(crate) messages: u64,
    /// Bytes of all answers, headers included.
    pub(crate) bytes: u64,
}

impl<T: Transport> Swarm<T> {
    /// Nobody yet; everybody will connect to `server` and offer compression if that `is_deflated`.
    pub(crate) fn new(server: SocketAddr, is_deflated: bool) -> Result<Self> {
        let kind = if is_deflated { Request::PlainDeflated } else { Request::Plain };
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            clients: Vec::new(),
            opened: 0,
            ready: 0,
            server,
            request: request(server, kind),
            scratch: vec![0; SCRATCH_BYTES],
            heard_at: Instant::now(),
        })
    }

    /// Connects `count` more clients, `at_once` handshakes at a time, and returns when all are open.
    pub(crate) fn grow(&mut self, count: usize, at_once: usize) -> Result<()> {
        let wanted = self.clients.len() + count;
        self.heard_at = Instant::now();
        while self.ready < wanted {
            while self.clients.len() < wanted && self.clients.len() - self.ready < at_once {
                self.add(self.clients.len())?;
            }
            if self.ready < wanted {
                self.turn(None, false)?;
            }
        }
        Ok(())
    }

    /// Connects `count` clients, `at_once` at a time, each of which closes as soon as it is open.
    pub(crate) fn come_and_go(&mut self, count: usize, at_once: usize) -> Result<()> {
        self.heard_at = Instant::now();
        let (first, last) = (self.opened, self.opened + count);
        let places = self.clients.len()..self.clients.len() + at_once.min(count);
        for place in places.clone() {
            self.add(place)?;
        }
        let mut gone = 0;
        while gone < count {
            self.turn(None, false)?;
            for place in places.clone() {
                let Some(Some(client)) = self.clients.get_mut(place) else { continue };
                if client.stage == Stage::Ready {
                    client.close()?;
                } else if client.stage == Stage::Closed {
                    gone += 1;
                    self.remove(place);
                    if self.opened < last {
                        self.add(place)?;
                    }
                }
            }
        }
        ensure!(self.opened - first == count, "{} clients came", self.opened - first);
        self.clients.truncate(places.start);
        self.ready = self.clients.len();
        Ok(())
    }

    /// Every client sends its first messages.
    pub(crate) fn begin(&mut self, in_flight: usize, messages: &Messages) -> Result<()> {
        self.heard_at = Instant::now();
        for (number, client) in self.clients.iter_mut().enumerate() {
            let Some(client) = client else { continue };
            client.prepare(messages);
            client.send(in_flight, messages)?;
            if client.is_blocked {
                watch(&self.epoll, client, number)?;
            }
        }
        Ok(())
    }

    /// Each answer makes its client's next message. Ends later if nothing was answered in time.
    pub(crate) fn run_for(&mut self, length: Duration, messages: &Messages) -> Result<Answered> {
        let end = Instant::now() + length;
        let mut all = Answered::default();
        while Instant::now() < end || all.messages == 0 {
            all.add(self.turn(Some(messages), true)?);
        }
        Ok(all)
    }

    /// Sends nothing new, waits for `missing` answers, and then a little for what should not come.
    pub(crate) fn end(&mut self, mut missing: u64, messages: &Messages) -> Result<()> {
        while missing > 0 {
            let answered = self.turn(Some(messages), false)?;
            let left = missing.checked_sub(answered.messages);
            missing = left.context("more answers than messages")?;
        }
        let late = self.turn(Some(messages), false)?;
        ensure!(late.bytes == 0, "{} bytes after the last answer", late.bytes);
        Ok(())
    }

    /// Lets idle clients be for some time.
    pub(crate) fn idle_for(&mut self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.heard_at = Instant::now();
            self.turn(None, false)?;
        }
        Ok(())
    }

    fn turn(&mut self, messages: Option<&Messages>, is_going_on: bool) -> Result<Answered> {
        let mut events = [EpollEvent::empty(); 256];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(100_u8)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        let mut all = Answered::default();
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let client = self.clients.get_mut(number).and_then(Option::as_mut);
            let client = client.context("an event for nobody")?;
            let (was_blocked, was_upgrading) =
                (client.is_blocked, client.stage == Stage::Upgrading);
            let mut more = 0;
            if event.events().intersects(!EpollFlags::EPOLLOUT) {
                let arrived = client.receive(&mut self.scratch, messages)?;
                all.messages += arrived.messages as u64;
                all.bytes += arrived.bytes as u64;
                more = if is_going_on { arrived.messages } else { 0 };
                self.ready += usize::from(was_upgrading && client.stage == Stage::Ready);
            }
            if let Some(messages) = messages
                && (more > 0 || was_blocked)
            {
                client.send(more, messages)?;
            }
            if client.is_blocked != was_blocked {
                watch(&self.epoll, client, number)?;
            }
        }
        if count > 0 {
            self.heard_at = Instant::now();
        } else if self.heard_at.elapsed() > PATIENCE {
            bail!("the server has been silent for {PATIENCE:?}: messages are lost");
        }
        Ok(all)
    }

    fn add(&mut self, place: usize) -> Result<()> {
        let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(self.opened % SOURCES)?);
        let client = Client::new(T::connect(source, self.server)?, &self.request)?;
        self.epoll.add(client.fd(), EpollEvent::new(EpollFlags::EPOLLIN, place as u64))?;
        self.opened += 1;
        self.ready += usize::from(client.stage == Stage::Ready);
        if place >= self.clients.len() {
            self.clients.resize_with(place + 1, || None);
        }
        if let Some(free) = self.clients.get_mut(place) {
            *free = Some(client);
        }
        Ok(())
    }

    fn remove(&mut self, place: usize) {
        if let Some(place) = self.clients.get_mut(place) {
            *place = None;
        }
    }
}

/// Waits for room in the socket, too, if the client needs it.
fn watch<T: Transport>(epoll: &Epoll, client: &Client<T>, number: usize) -> Result<()> {
    let mut interest = EpollFlags::EPOLLIN;
    interest.set(EpollFlags::EPOLLOUT, client.is_blocked);
    Ok(epoll.modify(client.fd(), &mut EpollEvent::new(interest, number as u64))?)
}

impl Answered {
    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}
