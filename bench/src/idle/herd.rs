//! Thousands of clients on one epoll loop in one thread.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::heads::Scene;
use crate::plain::Transport;

/// After so long without any byte what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Source addresses that the clients share: each stays far below its 28,000 ports.
const SOURCES: usize = 8;
/// What one read takes at most.
const SCRATCH_BYTES: usize = 256 * 1024;

/// What a client says, and how it understands the server.
pub(crate) trait Talk: Sized {
    /// Client `number`; appends what it says first.
    fn begin(number: usize, scene: &Scene, output: &mut Vec<u8>) -> Self;

    /// Takes the next whole thing off `input` and appends what is said to it, or tells that it is not whole.
    fn take<'i>(
        &mut self,
        input: &mut &'i [u8],
        scene: &Scene,
        output: &mut Vec<u8>,
    ) -> Result<Taken<'i>>;

    /// Has everything been said that makes a client?
    fn is_ready(&self) -> bool;
}

/// What [`Talk::take`] found.
pub(crate) enum Taken<'i> {
    /// Nothing whole.
    Nothing,
    /// Something that the client dealt with by itself.
    Handled,
    /// A message for the row.
    Message(Received<'i>),
}

/// A message.
pub(crate) struct Received<'i> {
    pub(crate) payload: &'i [u8],
    /// Is the payload as permessage-deflate made it?
    pub(crate) is_deflated: bool,
}

struct Member<T, K> {
    transport: T,
    talk: K,
    /// What has come in part.
    partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

/// All clients of one run.
pub(crate) struct Herd<T, K> {
    epoll: Epoll,
    server: SocketAddr,
    scene: Scene,
    members: Vec<Member<T, K>>,
    ready: usize,
    scratch: Vec<u8>,
    heard_at: Instant,
}

impl<T: Transport, K: Talk> Herd<T, K> {
    /// Nobody yet; everybody will connect to `server`.
    pub(crate) fn new(server: SocketAddr, scene: Scene) -> Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            server,
            scene,
            members: Vec::new(),
            ready: 0,
            scratch: vec![0; SCRATCH_BYTES],
            heard_at: Instant::now(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Connects `count` more clients, `at_once` handshakes at a time, and returns when all are ready.
    pub(crate) fn grow(&mut self, count: usize, at_once: usize) -> Result<()> {
        let wanted = self.members.len() + count;
        self.heard_at = Instant::now();
        while self.ready < wanted {
            while self.members.len() < wanted && self.members.len() - self.ready < at_once {
                self.add()?;
            }
            self.turn(&mut |_, received| {
                bail!("an early message: {:?}", String::from_utf8_lossy(received.payload))
            })?;
        }
        Ok(())
    }

    /// Lets everybody be for some time: whoever gets a message is wrong.
    pub(crate) fn idle_for(&mut self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.listen(&mut |_, received| {
                bail!("an idle client got {:?}", String::from_utf8_lossy(received.payload))
            })?;
        }
        Ok(())
    }

    /// Sends as one client; what the socket does not take leaves later.
    pub(crate) fn send(&mut self, number: usize, bytes: &[u8]) -> Result<()> {
        let member = self.members.get_mut(number).context("no such client")?;
        let was_blocked = !member.unsent.is_empty();
        member.unsent.extend_from_slice(bytes);
        member.flush()?;
        watch(&self.epoll, member, number, was_blocked)
    }

    /// The same as [`turn`](Self::turn), however long it has been silent.
    pub(crate) fn listen(
        &mut self,
        received: &mut impl FnMut(usize, Received<'_>) -> Result<()>,
    ) -> Result<()> {
        self.heard_at = Instant::now();
        self.turn(received)
    }

    /// Waits a little for something to read, and hands every message with its client's number to `received`.
    ///
    /// # Errors
    /// A connection broke, the server said something wrong, or nothing came for ten seconds.
    pub(crate) fn turn(
        &mut self,
        received: &mut impl FnMut(usize, Received<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut events = [EpollEvent::empty(); 512];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(50_u8)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let member = self.members.get_mut(number).context("an event for nobody")?;
            let (was_blocked, was_ready) = (!member.unsent.is_empty(), member.talk.is_ready());
            if event.events().intersects(!EpollFlags::EPOLLOUT) {
                let mut with_number = |message: Received<'_>| received(number, message);
                member
                    .receive(&mut self.scratch, &self.scene, &mut with_number)
                    .with_context(|| format!("client {number}"))?;
            }
            member.flush()?;
            self.ready += usize::from(!was_ready && member.talk.is_ready());
            watch(&self.epoll, member, number, was_blocked)?;
        }
        if count > 0 {
            self.heard_at = Instant::now();
        } else if self.heard_at.elapsed() > PATIENCE {
            bail!("the server has been silent for {PATIENCE:?}: something is lost");
        }
        Ok(())
    }

    fn add(&mut self) -> Result<()> {
        let number = self.members.len();
        let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % SOURCES)?);
        let transport = T::connect(source, self.server)?;
        let mut unsent = Vec::new();
        let talk = K::begin(number, &self.scene, &mut unsent);
        let mut member = Member { transport, talk, partial: Vec::new(), unsent };
        let interest = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
        self.epoll.add(member.transport.as_fd(), interest)?;
        member.flush()?;
        watch(&self.epoll, &member, number, false)?;
        self.members.push(member);
        Ok(())
    }
}

impl<T: Transport, K: Talk> Member<T, K> {
    /// Reads once, or until nothing is left where bytes can wait inside.
    fn receive(
        &mut self,
        scratch: &mut [u8],
        scene: &Scene,
        received: &mut impl FnMut(Received<'_>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let count = match self.transport.read(scratch) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the connection broke"),
            };
            let arrived = scratch.get(..count).context("more than there is room for")?;
            let whole = if self.partial.is_empty() {
                None
            } else {
                self.partial.extend_from_slice(arrived);
                Some(std::mem::take(&mut self.partial))
            };
            let mut input = whole.as_deref().unwrap_or(arrived);
            loop {
                match self.talk.take(&mut input, scene, &mut self.unsent)? {
                    Taken::Nothing => break,
                    Taken::Handled => {}
                    Taken::Message(message) => received(message)?,
                }
            }
            self.partial.extend_from_slice(input);
            if !T::HOLDS_BYTES {
                return Ok(());
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        let mut sent = 0;
        while let Some(rest) = self.unsent.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.transport.write(rest) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("the connection broke"),
            }
        }
        if sent == self.unsent.len() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..sent);
        }
        if T::HOLDS_BYTES && sent > 0 {
            match self.transport.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => other.context("the connection broke")?,
            }
        }
        Ok(())
    }
}

/// Waits for room in the socket, too, if the client needs it now and did not before.
fn watch<T: Transport, K>(
    epoll: &Epoll,
    member: &Member<T, K>,
    number: usize,
    was_blocked: bool,
) -> Result<()> {
    let is_blocked = !member.unsent.is_empty();
    if is_blocked == was_blocked {
        return Ok(());
    }
    let mut interest = EpollFlags::EPOLLIN;
    interest.set(EpollFlags::EPOLLOUT, is_blocked);
    Ok(epoll.modify(member.transport.as_fd(), &mut EpollEvent::new(interest, number as u64))?)
}
