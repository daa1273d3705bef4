//! Long-polling whose requests are streams: a poll is always pending, packets go up by POSTs beside it.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::frames::{self, DATA, END_HEADERS, END_STREAM, HEADERS};
use super::heads::{Heads, Request};
use super::tally::Tally;
use crate::idle::{cookie, session_id};

/// One client.
struct Seat {
    sid: Box<str>,
    is_ready: bool,
    /// The last broadcast that it has.
    heard: u32,
    /// Its number in the whole fleet.
    number: usize,
}

/// A request that waits for the end of its answer.
struct Exchange {
    seat: usize,
    is_post: bool,
    /// Stays empty while nothing comes.
    body: Vec<u8>,
}

/// All clients of one connection.
pub(super) struct Polls {
    seats: Vec<Seat>,
    exchanges: HashMap<u32, Exchange>,
    next_stream: u32,
}

impl Polls {
    pub(super) fn new() -> Self {
        Self { seats: Vec::new(), exchanges: HashMap::new(), next_stream: 1 }
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// One more client, `number` of the whole fleet.
    pub(super) fn open(&mut self, number: usize, heads: &mut Heads, output: &mut Vec<u8>) {
        let seat = self.seats.len();
        self.seats.push(Seat { sid: "".into(), is_ready: false, heard: 0, number });
        self.ask(seat, None, heads, output);
    }

    /// The server has said 200 on this stream, and maybe nothing more.
    pub(super) fn accepted(
        &mut self,
        stream: u32,
        is_end: bool,
        heads: &mut Heads,
        (tally, output): (&mut Tally, &mut Vec<u8>),
    ) -> Result<()> {
        ensure!(self.exchanges.contains_key(&stream), "an answer to nothing");
        if is_end { self.ended(stream, heads, tally, output) } else { Ok(()) }
    }

    /// A part of an answer.
    pub(super) fn data(
        &mut self,
        (stream, is_end): (u32, bool),
        payload: &[u8],
        heads: &mut Heads,
        (tally, output): (&mut Tally, &mut Vec<u8>),
    ) -> Result<()> {
        let exchange = self.exchanges.get_mut(&stream).context("an answer to nothing")?;
        exchange.body.extend_from_slice(payload);
        if is_end { self.ended(stream, heads, tally, output) } else { Ok(()) }
    }

    fn ended(
        &mut self,
        stream: u32,
        heads: &mut Heads,
        tally: &mut Tally,
        output: &mut Vec<u8>,
    ) -> Result<()> {
        let Exchange { seat: place, is_post, body } =
            self.exchanges.remove(&stream).context("an answer to nothing")?;
        let body = std::str::from_utf8(&body)?;
        if is_post {
            ensure!(body == "ok", "a POST was answered {body:?}");
            return Ok(());
        }
        let seat = self.seats.get_mut(place).context("no such client")?;
        let mut post = None;
        if seat.sid.is_empty() {
            seat.sid = session_id(body)?.into();
            post = Some("40");
        } else {
            for packet in body.split('\x1e') {
                if packet == "2" {
                    tally.heartbeats += 1;
                    post = Some("3");
                } else if seat.is_ready {
                    tally.deliver(&mut seat.heard, packet.as_bytes(), true)?;
                } else if packet.starts_with("40{\"sid\":\"") {
                    (seat.is_ready, seat.heard) = (true, tally.number);
                    tally.ready += 1;
                } else {
                    bail!("unexpected {packet:?}");
                }
            }
        }
        self.ask(place, None, heads, output);
        if post.is_some() {
            self.ask(place, post, heads, output);
        }
        Ok(())
    }

    /// A poll, or a POST of `body`.
    fn ask(&mut self, place: usize, body: Option<&str>, heads: &mut Heads, output: &mut Vec<u8>) {
        let Some(seat) = self.seats.get(place) else { return };
        let stream = self.next_stream;
        self.next_stream += 2;
        let sid = if seat.sid.is_empty() { "" } else { "&sid=" };
        let path = format!("/socket.io/?EIO=4&transport=polling&t={stream:08x}{sid}{}", seat.sid);
        let cookie = format!("session={}; theme=dark", cookie(seat.number));
        let (request, end) =
            if body.is_some() { (Request::Post, 0) } else { (Request::Get, END_STREAM) };
        frames::push((HEADERS, END_HEADERS | end, stream), output, |output| {
            heads.push(request, &path, &cookie, output);
        });
        if let Some(body) = body {
            let fill = |output: &mut Vec<u8>| output.extend_from_slice(body.as_bytes());
            frames::push((DATA, END_STREAM, stream), output, fill);
        }
        let exchange = Exchange { seat: place, is_post: body.is_some(), body: Vec::new() };
        self.exchanges.insert(stream, exchange);
    }
}
