//! One Socket.IO client over WebSocket, as far as the generator needs it: the handshake, then texts.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, bail, ensure};

use crate::plain::connected;
use crate::wire;

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
    /// A frame or head that has come in part.
    partial: Vec<u8>,
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
        Ok(Self { stream, stage: Stage::Upgrading, partial: Vec::new() })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Sends whole frames. The windows are small, so a full socket means that the server stopped reading.
    pub(crate) fn send(&mut self, frames: &[u8]) -> Result<()> {
        self.stream.write_all(frames).context("the server does not read")
    }

    /// Reads once, hands every message to `received` and sends what that appends to its buffer.
    /// Returns whether the handshake ended with this read.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        received: &mut impl FnMut(&[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<bool> {
        let count = match self.stream.read(scratch) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("a connection broke"),
        };
        let arrived = scratch.get(..count).context("more than there is room for")?;
        let mut answers = Vec::new();
        let became_ready = if self.partial.is_empty() {
            self.take(arrived, &mut answers, received)?
        } else {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(arrived);
            self.take(&whole, &mut answers, received)?
        };
        if !answers.is_empty() {
            self.send(&answers)?;
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
            self.stage = Stage::Opening;
            input = rest;
        }
        while let Some(text) = wire::next_frame(&mut input)? {
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
