//! WebSockets as streams: the extended CONNECT, then frames, with Socket.IO in them or without.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::frames::{self, DATA, END_HEADERS, HEADERS};
use super::heads::{Heads, Request};
use super::tally::Tally;
use crate::idle::{cookie, next_frame};
use crate::wire::push_frame;

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
/// A masked pong without payload, mask key 0.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// How far a client is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The CONNECT is sent.
    Asking,
    /// Engine.IO's open packet is next.
    Opening,
    /// The answer to `40` is next.
    Joining,
    Ready,
}

/// One client; client number n of a connection has the stream 2n + 1.
struct Seat {
    stage: Stage,
    /// The last broadcast that it has.
    heard: u32,
}

/// All clients of one connection.
pub(super) struct Sockets {
    is_socket_io: bool,
    seats: Vec<Seat>,
    /// WebSocket frames that have come in part.
    partial: HashMap<u32, Vec<u8>>,
}

impl Sockets {
    pub(super) fn new(is_socket_io: bool) -> Self {
        Self { is_socket_io, seats: Vec::new(), partial: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// One more client, `number` of the whole fleet.
    pub(super) fn open(&mut self, number: usize, heads: &mut Heads, output: &mut Vec<u8>) {
        let stream = u32::try_from(self.seats.len() * 2 + 1).unwrap_or(u32::MAX);
        let is_socket_io = self.is_socket_io;
        let path = if is_socket_io { "/socket.io/?EIO=4&transport=websocket" } else { "/" };
        let cookie = format!("session={}; theme=dark", cookie(number));
        frames::push((HEADERS, END_HEADERS, stream), output, |output| {
            heads.push(Request::WebSocket, path, &cookie, output);
        });
        self.seats.push(Seat { stage: Stage::Asking, heard: 0 });
    }

    /// The server has said 200.
    pub(super) fn accepted(&mut self, stream: u32, tally: &mut Tally) -> Result<()> {
        let is_socket_io = self.is_socket_io;
        let seat = self.seat(stream)?;
        ensure!(seat.stage == Stage::Asking, "a second answer");
        seat.stage = if is_socket_io { Stage::Opening } else { Stage::Ready };
        tally.ready += usize::from(!is_socket_io);
        Ok(())
    }

    /// Bytes of a WebSocket.
    pub(super) fn data(
        &mut self,
        stream: u32,
        payload: &[u8],
        tally: &mut Tally,
        output: &mut Vec<u8>,
    ) -> Result<()> {
        let whole = self.partial.remove(&stream).map(|mut kept| {
            kept.extend_from_slice(payload);
            kept
        });
        let mut input = whole.as_deref().unwrap_or(payload);
        while let Some((first, payload)) = next_frame(&mut input)? {
            let mut answer = |text: &[u8]| {
                frames::push((DATA, 0, stream), output, |output| push_frame(text, output));
            };
            let is_socket_io = self.is_socket_io;
            let seat = self.seat(stream)?;
            match (seat.stage, first) {
                (Stage::Ready, TEXT) if payload == b"2" && is_socket_io => {
                    answer(b"3");
                    tally.heartbeats += 1;
                }
                (Stage::Ready, TEXT) => tally.deliver(&mut seat.heard, payload, false)?,
                (Stage::Opening, TEXT) if payload.starts_with(b"0{\"sid\":\"") => {
                    answer(b"40");
                    seat.stage = Stage::Joining;
                }
                (Stage::Joining, TEXT) if payload.starts_with(b"40{\"sid\":\"") => {
                    seat.stage = Stage::Ready;
                    seat.heard = tally.number;
                    tally.ready += 1;
                }
                (_, PING) if payload.is_empty() => {
                    tally.heartbeats += 1;
                    frames::push((DATA, 0, stream), output, |output| output.extend(PONG));
                }
                _ => bail!("unexpected {first:02x} {:?}", String::from_utf8_lossy(payload)),
            }
        }
        if !input.is_empty() {
            self.partial.insert(stream, input.to_vec());
        }
        Ok(())
    }

    fn seat(&mut self, stream: u32) -> Result<&mut Seat> {
        self.seats.get_mut(stream as usize / 2).with_context(|| format!("no stream {stream}"))
    }
}
