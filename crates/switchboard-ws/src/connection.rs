//! One WebSocket connection after the handshake: the rules that span more than one frame.
//!
//! The caller owns both buffers and the clock. A frame that stands whole in the input is unmasked
//! and validated in place and borrowed from there; only what is incomplete is kept here.
//! permessage-deflate is not here: [`Connection::check_order`] is where its RSV1 would be allowed.
//!
//! Spec: RFC 6455, sections 5.1 (masking), 5.4 (fragmentation), 5.5 (control frames), 7.1 (closing).

use std::borrow::Cow;
use std::mem;
use std::time::Instant;

use crate::assembly::{Assembly, Split};
use crate::close::{self, CONTROL_BYTES_MAX};
use crate::frame::{Frame, take_front};
use crate::header::{LEN, MASKED};
use crate::message::{encode_close, write_frame};
use crate::pace::Pace;
use crate::{
    CloseCode, CloseTimeout, Event, FrameHeader, Limits, Message, Opcode, PeerError, mask,
};

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// We opened it: our frames are masked, the peer's are not.
    Client {
        /// Gives a new masking key for each frame. Must be unpredictable, so that a page cannot
        /// choose the bytes that proxies see (section 10.3).
        mask_key: fn() -> [u8; 4],
    },
    /// We accepted it: the peer's frames are masked, ours are not.
    Server,
}

/// The state of one connection.
///
/// Bytes that arrived are consumed from the front of the caller's `input`; bytes to write are
/// appended to the caller's `output`. An idle connection owns no buffer.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    limits: Limits,
    /// Neither a header nor a frame nor a message is under way, and the peer may send more.
    is_between_messages: bool,
    phase: Phase,
    /// How much of `header` has arrived.
    header_len: u8,
    header: [u8; FrameHeader::BYTES_MAX],
    frame: Option<Frame>,
    /// Frames of the message under way.
    fragments: u32,
    assembly: Assembly,
    /// Payload of a control frame that has not arrived whole.
    control: Vec<u8>,
    pace: Pace,
    deadline: Option<Instant>,
}

impl Connection {
    /// A connection whose handshake is finished.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            is_between_messages: true,
            phase: Phase::Open,
            header_len: 0,
            header: [0; FrameHeader::BYTES_MAX],
            frame: None,
            fragments: 0,
            assembly: Assembly::Idle,
            control: Vec::new(),
            pace: Pace::default(),
            deadline: None,
        }
    }

    /// Takes the next event out of `input`, appending any reply to `output`.
    ///
    /// Call it until it returns `None`, which means that all of `input` is consumed. What was
    /// consumed is overwritten: masked payloads are unmasked in place.
    ///
    /// After [`Event::Closed`] or an error everything that arrives is ignored. After our own
    /// [`close`](Self::close) messages still arrive until the peer closes too.
    ///
    /// # Errors
    ///
    /// A [`PeerError`] ends the connection. Its close frame is in `output` already. Messages that
    /// stood before the error have been returned before it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use switchboard_ws::{Connection, Event, Limits, PeerError, Role};
    ///
    /// let mut connection = Connection::new(Role::Server, Limits::default());
    /// let mut output = Vec::new();
    /// // A whole message, then a frame that the client forgot to mask.
    /// let mut bytes = *b"\x81\x81\x00\x00\x00\x00a\x81\x01b";
    /// let mut input = &mut bytes[..];
    /// let event = connection.receive(&mut input, Instant::now(), &mut output);
    /// assert_eq!(event, Ok(Some(Event::Text("a".into()))));
    /// let error = connection.receive(&mut input, Instant::now(), &mut output);
    /// assert_eq!(error, Err(PeerError::WrongMasking));
    /// assert_eq!(output, b"\x88\x02\x03\xea");
    /// ```
    #[inline]
    pub fn receive<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        now: Instant,
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i>>, PeerError> {
        if self.is_between_messages
            && let Some((is_text, payload)) = self.whole_message(input)
        {
            return match borrowed(is_text, payload) {
                Ok(event) => Ok(Some(event)),
                Err(error) => Err(self.fail(error, input, now, output)),
            };
        }
        self.receive_piecewise(input, now, output)
    }

    /// Appends one message to `output`. Does nothing once a close frame was sent: nothing may
    /// follow it (section 5.5.1).
    ///
    /// Frames of a server are also to be had from [`encode`](crate::encode), for many connections
    /// at once.
    #[inline]
    pub fn send(&mut self, message: Message<'_>, output: &mut Vec<u8>) {
        if self.phase == Phase::Open {
            let (opcode, payload) = message.parts();
            write_frame(opcode, self.mask_key(), payload, output);
        }
    }

    /// Appends a ping to `output`. Of `payload` at most 125 bytes are sent. Does nothing once a
    /// close frame was sent.
    pub fn ping(&mut self, payload: &[u8], output: &mut Vec<u8>) {
        if self.phase == Phase::Open {
            let payload = payload.get(..CONTROL_BYTES_MAX).unwrap_or(payload);
            self.pace.expect_one();
            write_frame(Opcode::Ping, self.mask_key(), payload, output);
        }
    }

    /// Appends a close frame to `output` and starts the deadline for the end.
    ///
    /// Does nothing if a close frame was sent before, be it ours or an answer. Of `reason` at most
    /// 123 bytes are sent, cut between characters; without a code there is no place for one.
    pub fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
        now: Instant,
        output: &mut Vec<u8>,
    ) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.deadline = now.checked_add(self.limits.close_timeout);
            encode_close(code, reason, self.mask_key(), output);
        }
    }

    /// Does what is due at `now`, and says when to call again; `None` means that nothing is
    /// scheduled.
    ///
    /// # Errors
    ///
    /// [`CloseTimeout`] when a close frame was written [`Limits::close_timeout`] ago. That one
    /// deadline holds for writing it, for the peer's answer and for the end of the transport, so
    /// it also runs once [`is_closed`](Self::is_closed).
    pub fn tick(
        &mut self,
        now: Instant,
        _output: &mut Vec<u8>,
    ) -> Result<Option<Instant>, CloseTimeout> {
        match self.deadline {
            Some(deadline) if deadline <= now => Err(CloseTimeout),
            deadline => Ok(deadline),
        }
    }

    /// Whether both sides have closed, or an error ended the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether we have sent a close frame.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.phase != Phase::Open
    }

    /// The usual case: the next bytes of `input` are a whole, unfragmented message. Gives its
    /// payload, unmasked, or leaves everything to the careful path, errors included.
    #[inline]
    fn whole_message<'i>(&self, input: &mut &'i mut [u8]) -> Option<(bool, &'i mut [u8])> {
        let &[first, second, third, fourth, ..] = &**input else { return None };
        let is_text = match first {
            FIN_TEXT => true,
            FIN_BINARY => false,
            _ => return None,
        };
        let (unmasked_len, payload_len) = match second & LEN {
            126 => (4, usize::from(u16::from_be_bytes([third, fourth]))),
            127 => return None,
            short => (2, usize::from(short)),
        };
        let is_masked = second & MASKED != 0;
        let header_len = if is_masked { unmasked_len + 4 } else { unmasked_len };
        let is_shortest = unmasked_len == 2 || 125 < payload_len;
        let frame_len = header_len + payload_len;
        if is_masked != self.expects_masked()
            || !is_shortest
            || self.limits.message_bytes_max < payload_len
            || input.len() < frame_len
        {
            return None;
        }
        let (frame, rest) = mem::take(input).split_at_mut_checked(frame_len)?;
        *input = rest;
        let (header, payload) = frame.split_at_mut_checked(header_len)?;
        if is_masked {
            mask::apply(*header.last_chunk()?, payload);
        }
        Some((is_text, payload))
    }

    /// Every other case: control frames, fragments, frames in pieces, long frames, errors.
    fn receive_piecewise<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        now: Instant,
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i>>, PeerError> {
        let event = match self.next_event(input, now, output) {
            Ok(event) => event,
            Err(error) => return Err(self.fail(error, input, now, output)),
        };
        self.is_between_messages = self.phase != Phase::Closed
            && self.header_len == 0
            && self.frame.is_none()
            && self.assembly.is_idle();
        Ok(event)
    }

    fn next_event<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        now: Instant,
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i>>, PeerError> {
        if self.phase == Phase::Closed {
            *input = &mut [];
        }
        while !input.is_empty() {
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some(header) => self.begin_frame(header, now)?,
                    None => break,
                },
            };
            let event = if frame.opcode.is_control() {
                self.receive_control(frame, input, now, output)?
            } else {
                self.receive_data(frame, input)?
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Reads a header, of which a part may have come before.
    fn read_header(&mut self, input: &mut &mut [u8]) -> Result<Option<FrameHeader>, PeerError> {
        let known = usize::from(self.header_len);
        if known == 0
            && let Some((header, used)) = FrameHeader::decode(input)?
        {
            take_front(input, used);
            return Ok(Some(header));
        }
        let places = self.header.iter_mut().skip(known);
        let copied = places.zip(input.iter()).map(|(place, byte)| *place = *byte).count();
        let gathered = self.header.get(..known + copied).unwrap_or_default();
        let Some((header, used)) = FrameHeader::decode(gathered)? else {
            // A header of 14 bytes is always whole, so there was room for all of `input`.
            self.header_len += copied as u8;
            take_front(input, copied);
            return Ok(None);
        };
        self.header_len = 0;
        take_front(input, used - known);
        Ok(Some(header))
    }

    /// Checks what a header alone can show, before any of the payload is kept.
    fn begin_frame(&mut self, header: FrameHeader, now: Instant) -> Result<Frame, PeerError> {
        if header.mask.is_some() != self.expects_masked() {
            return Err(PeerError::WrongMasking);
        }
        self.check_order(header)?;
        if matches!(header.opcode, Opcode::Ping | Opcode::Pong) {
            self.pace.count(now)?;
        }
        let room = if header.opcode.is_control() {
            CONTROL_BYTES_MAX
        } else {
            self.limits.message_bytes_max.saturating_sub(self.assembly.len())
        };
        let remaining = usize::try_from(header.payload_len)
            .ok()
            .filter(|it| *it <= room)
            .ok_or(PeerError::MessageTooBig)?;
        Ok(Frame { fin: header.fin, opcode: header.opcode, mask: header.mask, remaining })
    }

    /// Which frame may follow which (section 5.4).
    fn check_order(&mut self, header: FrameHeader) -> Result<(), PeerError> {
        // permessage-deflate would allow RSV1 on the first frame of a data message, nowhere else.
        if header.rsv1 {
            return Err(PeerError::ReservedBit);
        }
        match (header.opcode, self.assembly.is_idle()) {
            (Opcode::Continuation, true) => Err(PeerError::UnexpectedContinuation),
            (Opcode::Continuation, false) => {
                self.fragments += 1;
                if self.fragments <= self.limits.fragments_max {
                    Ok(())
                } else {
                    Err(PeerError::TooManyFragments)
                }
            }
            (Opcode::Text | Opcode::Binary, false) => Err(PeerError::UnfinishedMessage),
            (Opcode::Text | Opcode::Binary, true) => {
                self.fragments = 1;
                Ok(())
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => Ok(()),
        }
    }

    /// Takes what `input` holds of a data frame. An event, or the message is not whole yet.
    fn receive_data<'i>(
        &mut self,
        frame: Frame,
        input: &mut &'i mut [u8],
    ) -> Result<Option<Event<'i>>, PeerError> {
        let is_first_piece = self.assembly.is_idle();
        let (payload, frame) = frame.take_payload(input);
        if is_first_piece && frame.fin && frame.remaining == 0 {
            return borrowed(frame.opcode == Opcode::Text, payload).map(Some);
        }
        if is_first_piece {
            self.assembly = match frame.opcode {
                Opcode::Text => Assembly::Text(String::new(), Split::default()),
                _ => Assembly::Binary(Vec::new()),
            };
        }
        self.assembly.push(payload, frame.remaining)?;
        if 0 < frame.remaining {
            self.frame = Some(frame);
            return Ok(None);
        }
        if frame.fin { self.assembly.finish() } else { Ok(None) }
    }

    /// Takes what `input` holds of a control frame. An event, or the frame is not whole yet.
    fn receive_control<'i>(
        &mut self,
        frame: Frame,
        input: &mut &'i mut [u8],
        now: Instant,
        output: &mut Vec<u8>,
    ) -> Result<Option<Event<'i>>, PeerError> {
        let (piece, frame) = frame.take_payload(input);
        if 0 < frame.remaining {
            self.control.extend_from_slice(piece);
            self.frame = Some(frame);
            return Ok(None);
        }
        let payload = if self.control.is_empty() {
            Cow::Borrowed(&*piece)
        } else {
            self.control.extend_from_slice(piece);
            Cow::Owned(mem::take(&mut self.control))
        };
        Ok(Some(match frame.opcode {
            Opcode::Ping => {
                if self.phase == Phase::Open {
                    write_frame(Opcode::Pong, self.mask_key(), &payload, output);
                }
                Event::Ping(payload)
            }
            Opcode::Pong => Event::Pong(payload),
            _ => {
                let (code, reason) = close::decode(payload)?;
                self.close(code, "", now, output);
                self.end();
                Event::Closed { code, reason }
            }
        }))
    }

    /// Ends the connection because of `error`, which it gives back.
    #[cold]
    fn fail(
        &mut self,
        error: PeerError,
        input: &mut &mut [u8],
        now: Instant,
        output: &mut Vec<u8>,
    ) -> PeerError {
        self.close(Some(error.close_code()), "", now, output);
        self.end();
        *input = &mut [];
        error
    }

    /// Nothing that arrives from now on matters.
    fn end(&mut self) {
        self.phase = Phase::Closed;
        self.is_between_messages = false;
        self.frame = None;
        self.assembly = Assembly::Idle;
        self.control = Vec::new();
    }

    fn expects_masked(&self) -> bool {
        matches!(self.role, Role::Server)
    }

    fn mask_key(&self) -> Option<[u8; 4]> {
        match self.role {
            Role::Client { mask_key } => Some(mask_key()),
            Role::Server => None,
        }
    }
}

/// How far the closing handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// We have sent a close frame and wait for the peer's.
    Closing,
    /// Both sides have closed, or an error ended the connection.
    Closed,
}

/// The event of a message that stands whole in the input.
#[inline]
fn borrowed(is_text: bool, payload: &[u8]) -> Result<Event<'_>, PeerError> {
    if is_text {
        match simdutf8::basic::from_utf8(payload) {
            Ok(text) => Ok(Event::Text(Cow::Borrowed(text))),
            Err(_) => Err(PeerError::InvalidUtf8),
        }
    } else {
        Ok(Event::Binary(Cow::Borrowed(payload)))
    }
}

const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;
