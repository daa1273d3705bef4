//! One Socket.IO client over WebSocket, as far as the generator needs it: the handshake, then texts.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, bail, ensure};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use crate::plain::connected;
use crate::wire;

/// What one read takes at most, a frame that came in part included.
const READ_BYTES: usize = 256 * 1024;

/// How far the handshake is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The upgrade request is sent.
    Upgrading,
    /// 101 came; Engine.IO's open packet is next.
    Opening,
    /// `40` is sent; its answer is next.
    Joining,
    Ready,
}

/// One connection to the server.
pub(crate) struct Client {
    stream: TcpStream,
    stage: Stage,
    /// Does the request offer compression?
    offers_deflate: bool,
    /// Did the server agree?
    is_deflated: bool,
    /// A frame or head that has come in part.
    partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

/// Room for what is read and for what is answered, shared by all clients.
pub(crate) struct Buffers {
    input: Vec<u8>,
    answers: Vec<u8>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self { input: vec![0; READ_BYTES], answers: Vec::new() }
    }
}

/// What a text meant to the client.
enum Meaning<'t> {
    /// The handshake is done.
    Ready,
    /// Something for the row that runs.
    Message(&'t [u8]),
    Handled,
}

impl Client {
    /// Connects from `source` and sends the upgrade request `head`.
    pub(crate) fn connect(source: Ipv4Addr, server: SocketAddr, head: &[u8]) -> Result<Self> {
        let mut stream = connected(source, server)?;
        stream.set_nonblocking(true)?;
        stream.write_all(head)?;
        let offers_deflate = head.windows(18).any(|bytes| bytes == b"permessage-deflate");
        let (partial, unsent) = (Vec::new(), Vec::new());
        Ok(Self {
            stream,
            stage: Stage::Upgrading,
            offers_deflate,
            is_deflated: false,
            partial,
            unsent,
        })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Does something wait for room in the socket?
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends whole frames, as far as the socket takes them; the rest waits for [`flush`](Self::flush).
    pub(crate) fn send(&mut self, frames: &[u8]) -> Result<()> {
        let count = if self.is_blocked() { 0 } else { written(self.stream.write(frames))? };
        self.unsent.extend_from_slice(frames.get(count..).unwrap_or_default());
        Ok(())
    }

    /// Sends more of what waits.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let count = written(self.stream.write(&self.unsent))?;
        self.unsent.drain(..count);
        Ok(())
    }

    /// Ends the connection with a reset instead of a farewell, once it is dropped.
    pub(crate) fn reset_at_end(&self) -> Result<()> {
        let linger = linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&self.stream, sockopt::Linger, &linger).context("no SO_LINGER")
    }

    /// Reads once, hands every message to `received` and sends what that appends to its buffer.
    /// Returns whether the handshake ended with this read.
    pub(crate) fn receive(
        &mut self,
        buffers: &mut Buffers,
        received: &mut impl FnMut(&[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<bool> {
        // What came in part stands before what is read now.
        let Buffers { input, answers } = buffers;
        let kept = self.partial.len();
        input.get_mut(..kept).context("a frame that is too long")?.copy_from_slice(&self.partial);
        let count = match self.stream.read(input.get_mut(kept..).context("no room")?) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("a connection broke"),
        };
        self.partial.clear();
        answers.clear();
        let arrived = input.get(..kept + count).context("more than there is room for")?;
        let became_ready = self.take(arrived, answers, received)?;
        if !answers.is_empty() {
            self.send(answers)?;
        }
        Ok(became_ready)
    }

    fn take(
        &mut self,
        mut input: &[u8],
        answers: &mut Vec<u8>,
        received: &mut impl FnMut(&[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<bool> {
        let mut became_ready = false;
        if self.stage == Stage::Upgrading {
            let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
                self.partial.extend_from_slice(input);
                return Ok(false);
            };
            let (head, rest) = input.split_at_checked(end + 4).context("a head without end")?;
            check_upgrade(head)?;
            let agrees = head.windows(18).any(|bytes| bytes == b"permessage-deflate");
            ensure!(self.offers_deflate || !agrees, "compression that nobody offered");
            self.is_deflated = agrees;
            self.stage = Stage::Opening;
            input = rest;
        }
        while let Some(text) = wire::next_frame(&mut input, self.is_deflated)? {
            match self.understand(text, answers)? {
                Meaning::Message(text) => received(text, answers)?,
                Meaning::Ready => became_ready = true,
                Meaning::Handled => {}
            }
        }
        self.partial.extend_from_slice(input);
        Ok(became_ready)
    }

    fn understand<'t>(&mut self, text: &'t [u8], answers: &mut Vec<u8>) -> Result<Meaning<'t>> {
        match self.stage {
            Stage::Opening if text.starts_with(b"0{\"sid\":\"") => {
                wire::push_frame(b"40", answers);
                self.stage = Stage::Joining;
                Ok(Meaning::Handled)
            }
            Stage::Joining if text.starts_with(b"40{\"sid\":\"") => {
                self.stage = Stage::Ready;
                Ok(Meaning::Ready)
            }
            // socketioxide sends its first heartbeat at once, before the namespace is joined.
            Stage::Joining | Stage::Ready if text == b"2" => {
                wire::push_frame(b"3", answers);
                Ok(Meaning::Handled)
            }
            Stage::Ready => Ok(Meaning::Message(text)),
            _ => bail!("unexpected in the handshake: {:?}", String::from_utf8_lossy(text)),
        }
    }
}

/// How many bytes a socket took; none when it is full.
fn written(result: io::Result<usize>) -> Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other.context("a connection broke"),
    }
}

/// The answer has to be a 101 that accepts the sample key of RFC 6455, which every request carries.
pub(crate) fn check_upgrade(head: &[u8]) -> Result<()> {
    let head = String::from_utf8_lossy(head);
    ensure!(head.starts_with("HTTP/1.1 101 "), "the upgrade was refused: {head}");
    let accepts = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-accept")
                && value.trim() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        })
    });
    ensure!(accepts, "the upgrade has no right Sec-WebSocket-Accept: {head}");
    Ok(())
}
