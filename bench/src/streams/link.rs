//! One HTTP/2 connection without TLS, by prior knowledge, full of clients.
//!
//! The server's windows are not kept: a client sends a few bytes in as many seconds, and the server renews them by half.
//! Our own are so large that they never have to be renewed.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result, bail, ensure};

use super::fleet::Kind;
use super::frames::{
    self, ACK, DATA, ENABLE_CONNECT_PROTOCOL, END_HEADERS, END_STREAM, Frame, HEADERS,
    INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, PING, PREFACE, SETTINGS, WINDOW_MAX,
    WINDOW_UPDATE,
};
use super::heads::{Heads, STATUS_200};
use super::polls::Polls;
use super::sockets::Sockets;
use super::tally::Tally;
use crate::plain::connected;

pub(super) struct Link {
    stream: TcpStream,
    pub(super) kind: Kind,
    clients: Clients,
    heads: Heads,
    /// A frame that has come in part.
    partial: Vec<u8>,
    output: Vec<u8>,
    /// What it allows, once it has told.
    streams_max: Option<usize>,
    knows_connect: bool,
}

enum Clients {
    Sockets(Sockets),
    Polls(Polls),
}

impl Link {
    /// Connects and waits until the server has told its settings.
    pub(super) fn open(source: Ipv4Addr, server: SocketAddr, kind: Kind) -> Result<Self> {
        let clients = match kind {
            Kind::Polling => Clients::Polls(Polls::new()),
            Kind::SocketIo | Kind::Plain => Clients::Sockets(Sockets::new(kind == Kind::SocketIo)),
        };
        let mut link = Self {
            stream: connected(source, server)?,
            kind,
            clients,
            heads: Heads::new(server),
            partial: Vec::new(),
            output: PREFACE.to_vec(),
            streams_max: None,
            knows_connect: false,
        };
        frames::push((SETTINGS, 0, 0), &mut link.output, |output| {
            output.extend_from_slice(&INITIAL_WINDOW_SIZE.to_be_bytes());
            output.extend_from_slice(&WINDOW_MAX.to_be_bytes());
        });
        frames::push((WINDOW_UPDATE, 0, 0), &mut link.output, |output| {
            output.extend_from_slice(&(WINDOW_MAX - 65_535).to_be_bytes());
        });
        link.flush()?;
        let (mut scratch, mut tally) = (vec![0; 16 * 1024], Tally::new()?);
        while link.streams_max.is_none() {
            link.receive(&mut scratch, &mut tally)?;
        }
        ensure!(link.knows_connect, "the server knows no extended CONNECT");
        link.stream.set_nonblocking(true)?;
        Ok(link)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Can it take one more client? A polling client may have a poll and a POST under way.
    pub(super) fn has_room(&self) -> bool {
        let streams = match &self.clients {
            Clients::Sockets(sockets) => sockets.len() + 1,
            Clients::Polls(polls) => 2 * (polls.len() + 1),
        };
        self.streams_max.is_some_and(|max| streams <= max)
    }

    /// One more client, `number` of the whole fleet; it leaves with the next [`flush`](Self::flush).
    pub(super) fn add(&mut self, number: usize) {
        match &mut self.clients {
            Clients::Sockets(sockets) => sockets.open(number, &mut self.heads, &mut self.output),
            Clients::Polls(polls) => polls.open(number, &mut self.heads, &mut self.output),
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads once and deals with all that is whole.
    pub(super) fn receive(&mut self, scratch: &mut [u8], tally: &mut Tally) -> Result<()> {
        let count = match self.stream.read(scratch) {
            Ok(0) => bail!("the server closed a connection with all its clients"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("a connection broke"),
        };
        let arrived = scratch.get(..count).context("more than there is room for")?;
        let whole = if self.partial.is_empty() {
            None
        } else {
            self.partial.extend_from_slice(arrived);
            Some(std::mem::take(&mut self.partial))
        };
        let mut input = whole.as_deref().unwrap_or(arrived);
        while let Some(frame) = frames::next_frame(&mut input) {
            let stream = frame.stream;
            self.take(&frame, tally).with_context(|| format!("stream {stream}"))?;
        }
        self.partial = input.to_vec();
        self.flush()
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let mut sent = 0;
        while let Some(rest) = self.output.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a connection broke"),
            }
        }
        if sent == self.output.len() {
            // A link that waits owns no buffer.
            self.output = Vec::new();
        } else {
            self.output.drain(..sent);
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame<'_>, tally: &mut Tally) -> Result<()> {
        let Frame { kind, flags, stream, payload } = *frame;
        let (heads, output) = (&mut self.heads, &mut self.output);
        match (kind, flags, payload) {
            (DATA, 0 | END_STREAM, _) => match &mut self.clients {
                Clients::Sockets(sockets) => {
                    ensure!(flags == 0, "the server ended a WebSocket");
                    sockets.data(stream, payload, tally, output)?;
                }
                Clients::Polls(polls) => {
                    let part = (stream, flags == END_STREAM);
                    polls.data(part, payload, heads, (tally, output))?;
                }
            },
            (HEADERS, _, [STATUS_200, ..]) if flags & !END_STREAM == END_HEADERS => {
                let is_end = flags & END_STREAM != 0;
                match &mut self.clients {
                    Clients::Sockets(sockets) => {
                        ensure!(!is_end, "the server ended a WebSocket");
                        sockets.accepted(stream, tally)?;
                    }
                    Clients::Polls(polls) => {
                        polls.accepted(stream, is_end, heads, (tally, output))?;
                    }
                }
            }
            (SETTINGS, 0, _) => {
                self.set(payload);
                frames::push((SETTINGS, ACK, 0), &mut self.output, |_| {});
                return Ok(());
            }
            (PING, 0, _) => {
                frames::push((PING, ACK, 0), output, |output| output.extend_from_slice(payload));
                return Ok(());
            }
            (WINDOW_UPDATE, ..) | (SETTINGS | PING, ACK, _) => {}
            _ => bail!("unexpected HTTP/2 frame {kind}, flags {flags}: {payload:02x?}"),
        }
        Ok(())
    }

    fn set(&mut self, settings: &[u8]) {
        for setting in settings.chunks_exact(6) {
            let [high, low, a, b, c, d] = *setting else { continue };
            let value = u32::from_be_bytes([a, b, c, d]);
            match u16::from_be_bytes([high, low]) {
                MAX_CONCURRENT_STREAMS => self.streams_max = Some(value as usize),
                ENABLE_CONNECT_PROTOCOL => self.knows_connect = value == 1,
                _ => {}
            }
        }
    }
}
