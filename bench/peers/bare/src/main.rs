//! The floor of the benchmark: a single epoll loop that sends the same bytes as a Socket.IO server, without a protocol.
//!
//! It knows the generator's frames by their length and place: answers are copied together from fixed offsets, the
//! handshake is a constant. What it costs is what the kernel costs, so it shows how far a server can get, and how much
//! load the generator can make. It is no server: a peer that does anything else is dropped.
//!
//! Without an argument it plays Socket.IO, with `socket.io-deflate` the same with compressed broadcasts (compressed once,
//! written to all); with `plain` or `deflate` it plays WebSocket alone ([`plain`]).

mod frames;
mod plain;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::frames::Turn;

/// Answer to every upgrade request, whose key is always the sample key of RFC 6455.
const OPENING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const AGREEMENT: &[u8] =
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
/// Engine.IO's open packet.
const OPEN: &[u8] = b"\r\n\x81\x6b0{\"sid\":\"AAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[],\
    \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
const SCRATCH_BYTES: usize = 256 * 1024;

struct Connection {
    stream: TcpStream,
    is_open: bool,
    partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

struct Floor {
    epoll: Epoll,
    listener: TcpListener,
    /// By file descriptor.
    connections: Vec<Option<Connection>>,
    /// Members, by the number of the room.
    rooms: Vec<Vec<usize>>,
    scratch: Vec<u8>,
    turn: Turn,
}

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => serve(false),
        Some("socket.io-deflate") => serve(true),
        Some(_) => plain::serve(),
    }
}

fn serve(is_deflated: bool) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, u64::MAX))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let (connections, rooms, scratch) = (Vec::new(), Vec::new(), vec![0; SCRATCH_BYTES]);
    let turn = Turn::new(is_deflated);
    let mut floor = Floor { epoll, listener, connections, rooms, scratch, turn };
    let mut events = [EpollEvent::empty(); 1024];
    loop {
        let count = match floor.epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            other => other?,
        };
        for event in events.iter().take(count) {
            if event.data() == u64::MAX {
                floor.accept()?
            } else {
                floor.serve(usize::try_from(event.data())?)
            }
        }
        floor.publish();
    }
}

impl Floor {
    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let slot = usize::try_from(stream.as_raw_fd())?;
            self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, slot as u64))?;
            if self.connections.len() <= slot {
                self.connections.resize_with(slot + 1, || None);
            }
            if let Some(place) = self.connections.get_mut(slot) {
                let (partial, unsent) = (Vec::new(), Vec::new());
                *place = Some(Connection { stream, is_open: false, partial, unsent });
            }
        }
    }

    /// Reads once and answers with one write; whatever goes wrong ends the connection.
    fn serve(&mut self, slot: usize) {
        let Some(place) = self.connections.get_mut(slot) else { return };
        let Some(connection) = place else { return };
        let was_blocked = !connection.unsent.is_empty();
        let outcome = connection.serve(&mut self.scratch, &mut self.turn);
        let is_blocked = !connection.unsent.is_empty();
        if outcome.is_err() || watch(&self.epoll, connection, was_blocked, is_blocked).is_err() {
            *place = None;
        }
        for room in self.turn.joined.drain(..) {
            if self.rooms.len() <= room {
                self.rooms.resize_with(room + 1, Vec::new);
            }
            if let Some(members) = self.rooms.get_mut(room) {
                members.push(slot);
            }
        }
    }

    fn publish(&mut self) {
        if !self.turn.broadcast.is_empty() {
            for connection in self.connections.iter_mut().flatten() {
                connection.send(&self.turn.broadcast, &self.epoll);
            }
            self.turn.broadcast.clear();
        }
        for (room, frame) in self.turn.told.drain(..) {
            for slot in self.rooms.get(room).into_iter().flatten() {
                if let Some(Some(connection)) = self.connections.get_mut(*slot) {
                    connection.send(&frame, &self.epoll);
                }
            }
        }
    }
}

impl Connection {
    /// Writes what waits, or else reads once and answers.
    fn serve(&mut self, scratch: &mut [u8], turn: &mut Turn) -> Result<()> {
        if !self.unsent.is_empty() {
            let count = written(self.stream.write(&self.unsent))?;
            self.unsent.drain(..count);
            return Ok(());
        }
        // What came in part stands before what is read now.
        let kept = self.partial.len();
        scratch.get_mut(..kept).context("too long")?.copy_from_slice(&self.partial);
        let count = self.stream.read(scratch.get_mut(kept..).context("no room")?)?;
        if count == 0 {
            bail!("closed");
        }
        self.partial.clear();
        let arrived = scratch.get(..kept + count).context("more than there is room for")?;
        if !self.is_open {
            if !arrived.ends_with(b"\r\n\r\n") {
                self.partial.extend_from_slice(arrived);
                return Ok(());
            }
            self.is_open = true;
            let agreement = if turn.is_deflated { AGREEMENT } else { b"" };
            return self.write(&[OPENING, agreement, OPEN].concat());
        }
        let rest = turn.take(arrived)?;
        self.partial.extend_from_slice(rest);
        if turn.answers.is_empty() { Ok(()) } else { self.write(&turn.answers) }
    }

    /// Writes from outside of its own turn.
    fn send(&mut self, bytes: &[u8], epoll: &Epoll) {
        let was_blocked = !self.unsent.is_empty();
        // Whoever is broken ends in a turn of its own.
        let _ = self.write(bytes);
        let _ = watch(epoll, self, was_blocked, !self.unsent.is_empty());
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let is_blocked = !self.unsent.is_empty();
        let count = if is_blocked { 0 } else { written(self.stream.write(bytes))? };
        if count < bytes.len() {
            self.unsent.extend_from_slice(bytes.get(count..).unwrap_or_default());
        }
        Ok(())
    }
}

/// Reads nothing more from whoever does not take what it was sent.
fn watch(
    epoll: &Epoll,
    connection: &Connection,
    was_blocked: bool,
    is_blocked: bool,
) -> Result<()> {
    if was_blocked != is_blocked {
        let interest = if is_blocked { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        let slot = u64::try_from(connection.stream.as_raw_fd())?;
        epoll.modify(&connection.stream, &mut EpollEvent::new(interest, slot))?;
    }
    Ok(())
}

/// How many bytes a socket took; none when it is full.
fn written(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
