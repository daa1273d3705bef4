//! The floor of the benchmark: a single epoll loop that sends the same bytes as a Socket.IO server, without a protocol.
//!
//! It knows the generator's frames by their length and place: answers are copied together from fixed offsets, the
//! handshake is a constant. What it costs is what the kernel costs, so it shows how far a server can get, and how much
//! load the generator can make. It is no server: a peer that does anything else is dropped.
//!
//! Without an argument it plays Socket.IO; with `plain` or `deflate` it plays WebSocket alone ([`plain`]).

mod plain;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Answer to every upgrade request, whose key is always the sample key of RFC 6455, followed by Engine.IO's open packet.
const OPENING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\
    \x81\x6b0{\"sid\":\"AAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[],\
    \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
/// Answer to Socket.IO's `40`.
const JOINED: &[u8] = b"\x81\x2040{\"sid\":\"BBBBBBBBBBBBBBBBBBBB\"}";
/// Payload bytes of the generator's echo: `42` + 4 digits + `["echo","` + 20 + `"]`.
const ECHO_BYTES: usize = 37;

struct Connection {
    stream: TcpStream,
    is_open: bool,
    partial: Vec<u8>,
}

struct Floor {
    epoll: Epoll,
    listener: TcpListener,
    /// By file descriptor.
    connections: Vec<Option<Connection>>,
    scratch: Vec<u8>,
    /// Frames that every connection gets at the end of the turn.
    broadcast: Vec<u8>,
}

fn main() -> Result<()> {
    if std::env::args().len() > 1 { plain::serve() } else { serve() }
}

fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, u64::MAX))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let scratch = vec![0; 64 * 1024];
    let mut floor =
        Floor { epoll, listener, connections: Vec::new(), scratch, broadcast: Vec::new() };
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
                *place = Some(Connection { stream, is_open: false, partial: Vec::new() });
            }
        }
    }

    /// Reads once and answers with one write; whatever goes wrong ends the connection.
    fn serve(&mut self, slot: usize) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else { return };
        if connection.serve(&mut self.scratch, &mut self.broadcast).is_err()
            && let Some(place) = self.connections.get_mut(slot)
        {
            *place = None;
        }
    }

    fn publish(&mut self) {
        if self.broadcast.is_empty() {
            return;
        }
        for connection in self.connections.iter_mut().flatten() {
            let _ = connection.stream.write(&self.broadcast);
        }
        self.broadcast.clear();
    }
}

impl Connection {
    fn serve(&mut self, scratch: &mut [u8], broadcast: &mut Vec<u8>) -> Result<()> {
        let count = self.stream.read(scratch)?;
        if count == 0 {
            bail!("closed");
        }
        let arrived = scratch.get(..count).context("more than there is room for")?;
        if !self.is_open {
            self.partial.extend_from_slice(arrived);
            if self.partial.ends_with(b"\r\n\r\n") {
                self.is_open = true;
                self.partial = Vec::new();
                self.write(OPENING)?;
            }
            return Ok(());
        }
        let mut answers = Vec::new();
        if self.partial.is_empty() {
            let rest = take_frames(arrived, &mut answers, broadcast)?;
            self.partial.extend_from_slice(rest);
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(arrived);
            let rest = take_frames(&whole, &mut answers, broadcast)?;
            self.partial.extend_from_slice(rest);
        }
        if answers.is_empty() { Ok(()) } else { self.write(&answers) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("the client does not read")
    }
}

/// Answers every whole frame of `input` and returns what is left of it.
fn take_frames<'i>(
    mut input: &'i [u8],
    answers: &mut Vec<u8>,
    broadcast: &mut Vec<u8>,
) -> Result<&'i [u8]> {
    loop {
        let (header, length) = match input {
            [_, 0xfe, high, low, ..] => (8, usize::from(u16::from_be_bytes([*high, *low]))),
            [_, length, ..] if *length != 0xfe => (6, usize::from(length & 0x7f)),
            _ => return Ok(input),
        };
        let Some((frame, rest)) = input.split_at_checked(header + length) else { return Ok(input) };
        let (_, payload) = frame.split_at_checked(header).context("a frame without payload")?;
        answer(payload, answers, broadcast)?;
        input = rest;
    }
}

fn answer(payload: &[u8], answers: &mut Vec<u8>, broadcast: &mut Vec<u8>) -> Result<()> {
    if payload.len() == ECHO_BYTES {
        let id = payload.get(2..6).context("echo without id")?;
        let text = payload.get(14..).context("echo without text")?;
        answers.extend_from_slice(b"\x81\x1e43");
        answers.extend_from_slice(id);
        answers.extend_from_slice(b"[");
        answers.extend_from_slice(text);
    } else if let Some(text) = payload.strip_prefix(b"42[\"publish\",") {
        let head = b"42[\"message\",";
        broadcast.extend_from_slice(b"\x81\x7e");
        broadcast.extend_from_slice(&u16::try_from(head.len() + text.len())?.to_be_bytes());
        broadcast.extend_from_slice(head);
        broadcast.extend_from_slice(text);
    } else if payload == b"40" {
        answers.extend_from_slice(JOINED);
    } else {
        bail!("not a frame of the generator");
    }
    Ok(())
}
