//! The generator's frames, known by their places, and the bytes that answer them.

use anyhow::{Context, Result, bail};
use flate2::{Compress, Compression, FlushCompress};

/// Answer to Socket.IO's `40`.
const CONNECTED: &[u8] = b"\x81\x2040{\"sid\":\"BBBBBBBBBBBBBBBBBBBB\"}";
const EVENT: &[u8] = b"42[\"message\",";
const PUBLISH: &[u8] = b"42[\"publish\",";
const TELL: &[u8] = b"42[\"tell\",";
const JOIN: &[u8] = b"421[\"join\",";
/// Where an echo `42nnnn["echo",` has its event and its text.
const ECHO_AT: usize = 6;
const ECHO: &[u8] = b"[\"echo\",";
/// The number of the first room; all have as many digits.
const ROOM_FIRST: usize = 100_000;
const ROOM_DIGITS: usize = 6;

/// What the frames of one turn of the loop lead to.
pub(crate) struct Turn {
    pub(crate) is_deflated: bool,
    /// For the sender of the frames.
    pub(crate) answers: Vec<u8>,
    /// Rooms that the sender joins.
    pub(crate) joined: Vec<usize>,
    /// Frames that every connection gets at the end of the turn.
    pub(crate) broadcast: Vec<u8>,
    /// Frames that a room gets then.
    pub(crate) told: Vec<(usize, Vec<u8>)>,
}

impl Turn {
    pub(crate) fn new(is_deflated: bool) -> Self {
        let (answers, joined, broadcast, told) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { is_deflated, answers, joined, broadcast, told }
    }

    /// Answers every whole frame of `input` and returns what is left of it.
    pub(crate) fn take<'i>(&mut self, mut input: &'i [u8]) -> Result<&'i [u8]> {
        self.answers.clear();
        loop {
            let (header, length) = match input {
                [_, 0xfe, high, low, ..] => (8, usize::from(u16::from_be_bytes([*high, *low]))),
                [_, length, ..] if *length != 0xfe => (6, usize::from(length & 0x7f)),
                _ => return Ok(input),
            };
            let Some((frame, rest)) = input.split_at_checked(header + length) else {
                return Ok(input);
            };
            let (_, payload) = frame.split_at_checked(header).context("a frame without payload")?;
            self.answer(payload)?;
            input = rest;
        }
    }

    fn answer(&mut self, payload: &[u8]) -> Result<()> {
        let echoed = payload.get(ECHO_AT..).and_then(|rest| rest.strip_prefix(ECHO));
        if let Some(text) = echoed {
            let id = payload.get(2..ECHO_AT).context("echo without id")?;
            push_header(0x81, text.len() + 7, &mut self.answers)?;
            for part in [b"43", id, b"[", text] {
                self.answers.extend_from_slice(part);
            }
        } else if let Some(text) = payload.strip_prefix(PUBLISH) {
            if self.is_deflated {
                let packed = deflated(&[EVENT, text].concat())?;
                push_header(0xc1, packed.len(), &mut self.broadcast)?;
                self.broadcast.extend_from_slice(&packed);
            } else {
                push_event(text, &mut self.broadcast)?;
            }
        } else if let Some(rest) = payload.strip_prefix(TELL) {
            let (room, text) = rest.split_at_checked(ROOM_DIGITS + 1).context("tell whom?")?;
            let mut frame = Vec::with_capacity(text.len() + EVENT.len() + 4);
            push_event(text, &mut frame)?;
            self.told.push((number(room.get(..ROOM_DIGITS))? - ROOM_FIRST, frame));
        } else if let Some(rest) = payload.strip_prefix(JOIN) {
            let first = number(rest.get(..ROOM_DIGITS))?;
            let count = number(rest.get(ROOM_DIGITS + 1..rest.len() - 1))?;
            self.joined.extend(first - ROOM_FIRST..first - ROOM_FIRST + count);
            let answer = format!("431[{first}]");
            push_header(0x81, answer.len(), &mut self.answers)?;
            self.answers.extend_from_slice(answer.as_bytes());
        } else if payload == b"40" {
            self.answers.extend_from_slice(CONNECTED);
        } else {
            bail!("not a frame of the generator");
        }
        Ok(())
    }
}

fn push_event(text: &[u8], output: &mut Vec<u8>) -> Result<()> {
    push_header(0x81, EVENT.len() + text.len(), output)?;
    output.extend_from_slice(EVENT);
    output.extend_from_slice(text);
    Ok(())
}

fn push_header(first: u8, length: usize, output: &mut Vec<u8>) -> Result<()> {
    output.push(first);
    if length < 126 {
        output.push(u8::try_from(length)?);
    } else {
        output.push(126);
        output.extend_from_slice(&u16::try_from(length)?.to_be_bytes());
    }
    Ok(())
}

fn number(digits: Option<&[u8]>) -> Result<usize> {
    let digits = std::str::from_utf8(digits.context("no number")?)?;
    digits.parse().with_context(|| format!("no number: {digits:?}"))
}

/// A message of its own, without the four bytes that every one would end with.
fn deflated(text: &[u8]) -> Result<Vec<u8>> {
    let mut output = Vec::with_capacity(text.len() + 64);
    let mut state = Compress::new(Compression::fast(), false);
    state.compress_vec(text, &mut output, FlushCompress::Sync)?;
    output.truncate(output.len().saturating_sub(4));
    Ok(output)
}
