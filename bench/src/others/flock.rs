//! Subscribers on one epoll loop, and the account of who has received what.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::tongue::{Heard, Tongue, next_frame};
use crate::client::check_upgrade;
use crate::plain::connected;

/// After so long without any message the answers that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 64;
const IN_FLIGHT_MAX: usize = 16;
const NUMBER_BYTES: usize = 8;

/// Everybody who subscribes to the one subject; the first, or one of its own, publishes.
pub(crate) struct Flock {
    tongue: Tongue,
    epoll: Epoll,
    members: Vec<Member>,
    publisher: Option<TcpStream>,
    ready: usize,
    scratch: Vec<u8>,
    /// The text of a message, whose first eight digits are its number.
    text: Vec<u8>,
    next: u32,
    missing: [usize; IN_FLIGHT_MAX],
    done: usize,
    deliveries: u64,
}

struct Member {
    stream: TcpStream,
    is_upgraded: bool,
    is_ready: bool,
    /// A head or frame that has come in part.
    partial: Vec<u8>,
    /// What frames have carried and is not whole yet.
    unread: Vec<u8>,
    expected: u32,
}

impl Flock {
    /// Connects `count` subscribers to a server that speaks `tongue`; texts have `bytes` bytes.
    pub(crate) fn gather(
        tongue: Tongue,
        server: SocketAddr,
        count: usize,
        bytes: usize,
    ) -> Result<Self> {
        let mut flock = Self {
            tongue,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            members: Vec::new(),
            publisher: None,
            ready: 0,
            scratch: vec![0; 64 * 1024],
            text: vec![b'x'; bytes],
            next: 0,
            missing: [0; IN_FLIGHT_MAX],
            done: 0,
            deliveries: 0,
        };
        while flock.ready < count {
            while flock.members.len() < count && flock.members.len() - flock.ready < AT_ONCE {
                flock.add(server)?;
            }
            flock.turn()?;
        }
        if let Some(path) = tongue.publish_path() {
            flock.publisher = Some(publisher(server, path)?);
        }
        Ok(flock)
    }

    /// Keeps `in_flight` messages in flight for so long. Gives the deliveries.
    pub(crate) fn run_for(&mut self, in_flight: usize, length: Duration) -> Result<u64> {
        self.deliveries = 0;
        let missing = self.missing.iter().filter(|members| 0 < **members).count();
        self.publish(in_flight - missing)?;
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.turn()?;
            let done = std::mem::take(&mut self.done);
            self.publish(done)?;
        }
        Ok(self.deliveries)
    }

    /// Publishes nothing more and waits until everybody has everything.
    pub(crate) fn end(&mut self) -> Result<()> {
        while self.missing.iter().any(|members| 0 < *members) {
            self.turn()?;
        }
        self.done = 0;
        Ok(())
    }

    fn publish(&mut self, count: usize) -> Result<()> {
        let mut frames = Vec::new();
        for _ in 0..count {
            write_number(&mut self.text, self.next);
            self.tongue.push_publish(&self.text, &mut frames);
            *place(&mut self.missing, self.next)? = self.members.len();
            self.next += 1;
        }
        if frames.is_empty() {
            return Ok(());
        }
        match &mut self.publisher {
            Some(publisher) => publisher.write_all(&frames)?,
            None => self.members.first_mut().context("nobody")?.stream.write_all(&frames)?,
        }
        self.hear_publisher()
    }

    /// What the server says to one who only publishes counts for nothing, but must be taken.
    fn hear_publisher(&mut self) -> Result<()> {
        let Some(publisher) = &mut self.publisher else { return Ok(()) };
        match publisher.read(&mut self.scratch) {
            Ok(0) => bail!("the server closed the publisher's connection"),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn add(&mut self, server: SocketAddr) -> Result<()> {
        let number = self.members.len();
        let mut stream = connected(Ipv4Addr::new(127, 0, 0, 2), server)?;
        stream.write_all(request(server, self.tongue.subscribe_path()).as_bytes())?;
        stream.set_nonblocking(true)?;
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        let (partial, unread) = (Vec::new(), Vec::new());
        let (is_upgraded, is_ready, expected) = (false, false, 0);
        self.members.push(Member { stream, is_upgraded, is_ready, partial, unread, expected });
        Ok(())
    }

    /// Waits for something to read, and takes it.
    fn turn(&mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        let begun = Instant::now();
        let count = loop {
            match self.epoll.wait(&mut events, EpollTimeout::from(100_u8)) {
                Ok(0) if begun.elapsed() < PATIENCE => self.hear_publisher()?,
                Ok(0) => bail!("the server has been silent for {PATIENCE:?}: messages are lost"),
                Err(Errno::EINTR) => (),
                other => break other?,
            }
        };
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let member = self.members.get_mut(number).context("an event for nobody")?;
            let was_ready = member.is_ready;
            let (text, next, missing) = (&mut self.text, self.next, &mut self.missing);
            let (done, deliveries) = (&mut self.done, &mut self.deliveries);
            member.receive(self.tongue, &mut self.scratch, &mut |expected, got| {
                ensure!(expected < next, "something that nobody published");
                write_number(text, expected);
                ensure!(
                    got == *text,
                    "expected {expected}, got {:?}",
                    String::from_utf8_lossy(got)
                );
                let missing = place(missing, expected)?;
                *missing -= 1;
                *done += usize::from(*missing == 0);
                *deliveries += 1;
                Ok(())
            })?;
            self.ready += usize::from(member.is_ready && !was_ready);
        }
        Ok(())
    }
}

impl Member {
    fn receive(
        &mut self,
        tongue: Tongue,
        scratch: &mut [u8],
        delivered: &mut impl FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let count = match self.stream.read(scratch) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("a connection broke"),
        };
        let arrived = scratch.get(..count).unwrap_or_default();
        let mut whole = std::mem::take(&mut self.partial);
        let mut input = if whole.is_empty() {
            arrived
        } else {
            whole.extend_from_slice(arrived);
            &whole
        };
        if !self.is_upgraded {
            let end = input.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let Some((head, rest)) = end.and_then(|end| input.split_at_checked(end + 4)) else {
                self.partial = input.to_vec();
                return Ok(());
            };
            check_upgrade(head)?;
            self.is_upgraded = true;
            self.is_ready = tongue.subscribes_by_path();
            input = rest;
        }
        while let Some((first, payload)) = next_frame(&mut input)? {
            self.frame(tongue, first, payload, delivered)?;
        }
        self.partial = input.to_vec();
        Ok(())
    }

    fn frame(
        &mut self,
        tongue: Tongue,
        first: u8,
        payload: &[u8],
        delivered: &mut impl FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        match (tongue, first) {
            (Tongue::Nchan, 0x81) => {
                delivered(self.expected, payload)?;
                self.expected += 1;
                Ok(())
            }
            (Tongue::Nats, 0x80 | 0x82 | 0x00 | 0x02) => {
                let mut whole = std::mem::take(&mut self.unread);
                let mut stream = if whole.is_empty() {
                    payload
                } else {
                    whole.extend_from_slice(payload);
                    &whole
                };
                while let Some(heard) = Tongue::next_nats(&mut stream)? {
                    self.hear(&heard, delivered)?;
                }
                self.unread = stream.to_vec();
                Ok(())
            }
            _ => bail!("a frame that begins with {first:02x}"),
        }
    }

    fn hear(
        &mut self,
        heard: &Heard<'_>,
        delivered: &mut impl FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        match heard {
            Heard::Message(text) => {
                delivered(self.expected, text)?;
                self.expected += 1;
            }
            Heard::Subscribed => self.is_ready = true,
            Heard::Asked(answer) => {
                let mut frame = Vec::new();
                Tongue::Nats.push_frame(answer, &mut frame);
                self.stream.write_all(&frame)?;
            }
            Heard::Nothing => (),
        }
        Ok(())
    }
}

/// A connection of one who only publishes.
fn publisher(server: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut stream = connected(Ipv4Addr::new(127, 0, 0, 2), server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request(server, path).as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).context("no answer to the publisher's upgrade")?;
        head.extend_from_slice(&byte);
    }
    check_upgrade(&head)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn request(server: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn write_number(text: &mut [u8], number: u32) {
    let digits = format!("{number:0NUMBER_BYTES$}");
    if let Some(place) = text.get_mut(..NUMBER_BYTES) {
        place.copy_from_slice(digits.as_bytes());
    }
}

fn place(counts: &mut [usize; IN_FLIGHT_MAX], number: u32) -> Result<&mut usize> {
    counts.get_mut(number as usize % IN_FLIGHT_MAX).context("no place for a message")
}
