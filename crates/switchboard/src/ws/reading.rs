//! The receiving half of a connection: from bytes to events.
//!
//! It owns no buffer while it waits: a read goes into the worker's buffer, and messages share its
//! bytes. What is not whole stays in the frame machine.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::mem;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use switchboard_ws as floor;

use super::shared::{Command, Room, Shared};
use super::stream::ReadHalf;
use super::{Closed, Error, Event, Message, Text};

/// What reads and parses.
pub(super) struct Reading {
    half: ReadHalf,
    machine: floor::Connection,
    /// What a read brought and is not parsed yet. Empty, and without a buffer, between reads.
    input: BytesMut,
    /// A message may be under way, whose progress is watched.
    may_be_slow: bool,
    /// Pongs are kept back until the peer takes bytes again.
    holds_pongs: bool,
    is_over: bool,
}

impl Reading {
    /// `early` is what followed the handshake in the same read.
    pub(super) fn new(half: ReadHalf, machine: floor::Connection, early: &[u8]) -> Self {
        Self {
            half,
            machine,
            input: BytesMut::from(early),
            may_be_slow: false,
            holds_pongs: false,
            is_over: false,
        }
    }

    /// The next message, if it stands whole in what was read: the usual case, and the fast one.
    #[inline]
    pub(super) fn next_whole(&mut self) -> Option<Message> {
        let whole = self.machine.receive_whole(&mut self.input)?;
        if whole.is_text
            && let Some(text) = self.input.get(whole.start..whole.end)
            && let Some(text) = Text::validated_short(text)
        {
            self.input.advance(whole.end);
            self.rest_if_empty();
            return Some(Message::Text(text));
        }
        let mut frame = self.input.split_to(whole.end);
        frame.advance(whole.start);
        let payload = frame.freeze();
        self.rest_if_empty();
        Some(if whole.is_text {
            Message::Text(Text::validated(payload))
        } else {
            Message::Binary(payload)
        })
    }

    /// The next event. After [`Event::Closed`] and after an error there is none.
    pub(super) fn poll_event(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event, Error>> {
        loop {
            while !self.input.is_empty() {
                if let Some(message) = self.next_whole() {
                    return Poll::Ready(Ok(Event::Message(message)));
                }
                if let Some(event) = self.parse(shared)? {
                    return Poll::Ready(Ok(event));
                }
            }
            if let Some(error) = shared.failure() {
                self.rest();
                return Poll::Ready(Err(error));
            }
            if self.is_over {
                return Poll::Ready(Err(Error::Closed));
            }
            let room = shared.make_room(cx);
            self.mind_pongs(room, shared);
            if room == Room::None {
                self.rest();
                // It may have failed before the waker was there.
                return shared.failure().map_or(Poll::Pending, |it| Poll::Ready(Err(it)));
            }
            let read = match self.poll_read(cx) {
                Poll::Ready(read) => read,
                Poll::Pending => {
                    self.rest();
                    shared.waits_for_peer(cx);
                    self.mind_slowness(shared)?;
                    return shared.failure().map_or(Poll::Pending, |it| Poll::Ready(Err(it)));
                }
            };
            match read {
                Ok(0) => return Poll::Ready(Ok(self.lost(shared))),
                Ok(_more) => shared.heard(),
                Err(error) => return Poll::Ready(Err(self.failed(error, shared))),
            }
        }
    }

    /// Reads on after the end, so that the peer can read our last words before it sees a reset.
    /// Ready at the end of the stream.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.input.clear();
            let read = self.poll_read(cx);
            if !matches!(read, Poll::Ready(Ok(1..))) {
                self.rest();
                return read.map(drop);
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// While the peer takes nothing only the latest pong is kept for it.
    fn mind_pongs(&mut self, room: Room, shared: &Shared) {
        let is_blocked = room != Room::Plenty;
        if is_blocked && !self.holds_pongs {
            self.holds_pongs = true;
            self.machine.hold_pongs();
        } else if !is_blocked && self.holds_pongs {
            self.holds_pongs = false;
            let mut pong = Vec::new();
            self.machine.release_pong(&mut pong);
            if !pong.is_empty() {
                shared.reply(&pong, false);
            }
        }
    }

    /// Has the task watch over a message that has begun, and ends the connection when the message
    /// makes too little progress.
    fn mind_slowness(&mut self, shared: &Shared) -> Result<(), Error> {
        if !self.may_be_slow {
            return Ok(());
        }
        let mut last_words = Vec::new();
        // An error means that our close frame was not answered in time, which the task watches.
        let due = self.machine.tick(Instant::now(), &mut last_words).unwrap_or_default();
        if !last_words.is_empty() {
            shared.reply(&last_words, true);
            self.is_over = true;
            shared.peer_is_done(None);
            return Err(Error::TooSlow);
        }
        self.may_be_slow = due.is_some();
        shared.watch_message(due);
        Ok(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.capacity() == 0 {
            self.input = BUFFER.with(Cell::take);
        }
        // Messages that somebody keeps hold on to a part of the buffer. What is left of it serves
        // further reads, until it is too little.
        if !self.input.try_reclaim(BUFFER_BYTES) && self.input.capacity() < READ_BYTES_MIN {
            self.input = BytesMut::with_capacity(BUFFER_BYTES);
        }
        self.half.poll_read(cx, &mut self.input)
    }

    /// Whoever does not come back soon should hold no buffer meanwhile.
    fn rest_if_empty(&mut self) {
        if self.input.is_empty() {
            self.rest();
        }
    }

    /// Gives the buffer back to the thread.
    fn rest(&mut self) {
        let mut buffer = mem::take(&mut self.input);
        if buffer.capacity() != 0 {
            buffer.clear();
            BUFFER.with(|it| it.set(buffer));
        }
    }

    /// Takes one event out of the input, or all of it if that makes no event.
    fn parse(&mut self, shared: &Shared) -> Result<Option<Event>, Error> {
        self.may_be_slow = true;
        let arrived = self.input.len();
        let mut replies = Vec::new();
        let mut rest: &mut [u8] = &mut self.input;
        let received = match self.machine.receive(&mut rest, Instant::now(), &mut replies) {
            Ok(None) => Ok(None),
            Ok(Some(event)) => Ok(Some(Found::from(event))),
            Err(error) => Err(error),
        };
        let used = arrived - rest.len();
        if !replies.is_empty() {
            shared.reply(&replies, self.machine.is_closing());
        }
        match received {
            Ok(None) => {
                self.input.clear();
                Ok(None)
            }
            Ok(Some(found)) => {
                let event = self.take(found, used);
                if let Event::Closed(closed) = &event {
                    self.is_over = true;
                    shared.peer_is_done(Some(closed.clone()));
                }
                Ok(Some(event))
            }
            Err(error) => {
                self.is_over = true;
                self.input.clear();
                shared.peer_is_done(None);
                Err(Error::Protocol(error))
            }
        }
    }

    /// Cuts the event's frame out of the input, whose first `used` bytes it has taken.
    fn take(&mut self, found: Found, used: usize) -> Event {
        let mut frame = self.input.split_to(used);
        let mut here = |len: usize| {
            // A payload that was not copied stands at the end of what was used.
            frame.advance(used - len);
            mem::take(&mut frame).freeze()
        };
        match found {
            Found::Text(payload) => {
                Event::Message(Message::Text(Text::validated(payload.unwrap_or_else(&mut here))))
            }
            Found::Binary(payload) => {
                Event::Message(Message::Binary(payload.unwrap_or_else(&mut here)))
            }
            Found::Ping(payload) => Event::Ping(payload),
            Found::Pong(payload) => Event::Pong(payload),
            Found::Closed(closed) => Event::Closed(closed),
        }
    }

    fn lost(&mut self, shared: &Shared) -> Event {
        self.is_over = true;
        self.rest();
        shared.peer_is_done(Some(Closed::Lost));
        Event::Closed(Closed::Lost)
    }

    fn failed(&mut self, error: io::Error, shared: &Shared) -> Error {
        self.is_over = true;
        self.rest();
        let error = Error::from(error);
        shared.fail(error.clone());
        error
    }
}

/// An event that borrows nothing.
enum Found {
    Text(Payload),
    Binary(Payload),
    Ping(Bytes),
    Pong(Bytes),
    Closed(Closed),
}

/// The length of a payload that stands in the input, or a payload that has come in pieces.
type Payload = Result<Bytes, usize>;

impl From<floor::Event<'_>> for Found {
    fn from(event: floor::Event<'_>) -> Self {
        match event {
            floor::Event::Text(Cow::Borrowed(text)) => Self::Text(Err(text.len())),
            floor::Event::Text(Cow::Owned(text)) => Self::Text(Ok(text.into())),
            floor::Event::Binary(Cow::Borrowed(bytes)) => Self::Binary(Err(bytes.len())),
            floor::Event::Binary(Cow::Owned(bytes)) => Self::Binary(Ok(bytes.into())),
            floor::Event::Ping(payload) => Self::Ping(Bytes::copy_from_slice(&payload)),
            floor::Event::Closed { code, reason } => {
                Self::Closed(Closed::Frame { code, reason: reason.into_owned() })
            }
            // The only one that is left.
            floor::Event::Pong(payload) => Self::Pong(Bytes::copy_from_slice(&payload)),
            _ => Self::Pong(Bytes::new()),
        }
    }
}

thread_local! {
    /// The worker's buffer, lent to whoever reads.
    static BUFFER: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// One read takes at most this much, so that one busy peer cannot hold its worker.
const BUFFER_BYTES: usize = 64 * 1024;
/// With less room than this a read is not worth its system call.
const READ_BYTES_MIN: usize = 16 * 1024;

impl Shared {
    /// The receiving half has come to its end.
    fn peer_is_done(&self, closed: Option<Closed>) {
        let sends_no_more = closed.is_some();
        let is_lost = closed == Some(Closed::Lost);
        if let Some(closed) = closed {
            self.peer_has_closed(closed);
        }
        // After a close frame it is the server who ends the stream (RFC 6455, section 7.1.1).
        let is_over = is_lost || (sends_no_more && !self.is_client());
        self.command(Command::PeerDone { is_over });
    }
}
