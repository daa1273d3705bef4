//! All HTTP/2 connections of a process on one epoll loop.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::link::Link;
use super::tally::{Tally, monotonic_nanos};

/// After so long without any byte a handshake is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// Handshakes that are under way at the same time.
const AT_ONCE: usize = 256;
const SCRATCH_BYTES: usize = 256 * 1024;
const OTHER: u64 = u64::MAX;

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Socket.IO over a WebSocket.
    SocketIo,
    /// A WebSocket and nothing in it.
    Plain,
    /// Socket.IO over long-polling.
    Polling,
}

/// Clients by the hundred thousand.
pub(crate) struct Fleet {
    epoll: Epoll,
    server: SocketAddr,
    links: Vec<Link>,
    pub(crate) tally: Tally,
    scratch: Vec<u8>,
    /// Clients that were begun.
    clients: usize,
    /// What the first of them is called, where there are several fleets.
    first_number: usize,
    heard_at: Instant,
}

impl Fleet {
    /// Nobody yet; everybody will connect to `server`.
    pub(crate) fn new(server: SocketAddr, first_number: usize) -> Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            server,
            links: Vec::new(),
            tally: Tally::new()?,
            scratch: vec![0; SCRATCH_BYTES],
            clients: 0,
            first_number,
            heard_at: Instant::now(),
        })
    }

    /// Clients that are ready.
    pub(crate) fn ready(&self) -> usize {
        self.tally.ready
    }

    /// Wakes [`turn`](Self::turn) up for something else, too.
    pub(crate) fn watch_other(&self, fd: BorrowedFd<'_>) -> Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, OTHER))?)
    }

    /// Adds `count` clients on as few connections as the server allows, and returns when all are ready.
    pub(crate) fn grow(&mut self, kind: Kind, count: usize) -> Result<()> {
        let wanted = self.clients + count;
        self.heard_at = Instant::now();
        while self.tally.ready < wanted {
            while self.clients < wanted && self.clients - self.tally.ready < AT_ONCE {
                self.add(kind)?;
            }
            for place in 0..self.links.len() {
                self.flush_new(place)?;
            }
            self.turn(100)?;
            ensure!(
                self.heard_at.elapsed() < PATIENCE,
                "the server has been silent: clients are lost"
            );
        }
        Ok(())
    }

    /// Lets everybody be for some time.
    pub(crate) fn idle_for(&mut self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.turn(50)?;
        }
        Ok(())
    }

    /// Waits a little for something to read. Returns whether that other thing woke it up.
    ///
    /// # Errors
    /// A connection broke, a stream ended, or the server said something wrong.
    pub(crate) fn turn(&mut self, millis: u8) -> Result<bool> {
        let mut events = [EpollEvent::empty(); 256];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(millis)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        let mut has_other = false;
        for event in events.iter().take(count) {
            if event.data() == OTHER {
                has_other = true;
                continue;
            }
            let number = usize::try_from(event.data())?;
            let link = self.links.get_mut(number).context("an event for nobody")?;
            let was_blocked = link.is_blocked();
            self.heard_at = Instant::now();
            if event.events().intersects(!EpollFlags::EPOLLOUT) {
                self.tally.now_nanos = monotonic_nanos()?;
                link.receive(&mut self.scratch, &mut self.tally)
                    .with_context(|| format!("connection {number}"))?;
            } else {
                link.flush()?;
            }
            watch(&self.epoll, link, number, was_blocked)?;
        }
        Ok(has_other)
    }

    fn add(&mut self, kind: Kind) -> Result<()> {
        if !self.links.last().is_some_and(|link| link.kind == kind && link.has_room()) {
            let number = self.links.len();
            let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % 8)?);
            let link = Link::open(source, self.server, kind)?;
            self.epoll.add(link.fd(), EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            self.links.push(link);
        }
        let number = self.first_number + self.clients;
        self.links.last_mut().context("no connection")?.add(number);
        self.clients += 1;
        Ok(())
    }

    /// Sends what [`grow`](Self::grow) has put into a connection.
    fn flush_new(&mut self, number: usize) -> Result<()> {
        let link = self.links.get_mut(number).context("no such connection")?;
        if !link.is_blocked() {
            return Ok(());
        }
        link.flush()?;
        watch(&self.epoll, link, number, false)
    }
}

/// Waits for room in the socket, too, if the connection needs it now and did not before.
fn watch(epoll: &Epoll, link: &Link, number: usize, was_blocked: bool) -> Result<()> {
    if link.is_blocked() == was_blocked {
        return Ok(());
    }
    let mut interest = EpollFlags::EPOLLIN;
    interest.set(EpollFlags::EPOLLOUT, link.is_blocked());
    Ok(epoll.modify(link.fd(), &mut EpollEvent::new(interest, number as u64))?)
}
