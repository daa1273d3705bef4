//! What arrives: from bytes to events.
//!
//! Spec: RFC 6455, sections 5.1 (masking), 5.4 (fragmentation), 5.5 (control frames); RFC 7692,
//! section 6 (compressed messages).

use std::borrow::Cow;
use std::mem;
use std::time::Instant;

use super::{Connection, Phase};
use crate::assembly::{Assembly, Split};
use crate::close::{self, CONTROL_BYTES_MAX};
use crate::control::ControlPayload;
use crate::deflate::Deflation;
use crate::frame::{Frame, take_front};
use crate::header::{LEN, MASKED};
use crate::message::write_frame;
use crate::{Event, FrameHeader, Opcode, PeerError, mask};

impl Connection {
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

    /// The usual case of [`receive`](Self::receive), for callers who want to know where the payload
    /// stands: a whole, uncompressed message in one frame at the front of `input`, which it unmasks
    /// in place. `None` says nothing and leaves `input` as it was: call
    /// [`receive`](Self::receive).
    ///
    /// ```
    /// use switchboard_ws::{Connection, Limits, Role, Whole};
    ///
    /// let mut connection = Connection::new(Role::Server, Limits::default());
    /// let mut bytes = *b"\x82\x82\x01\x01\x01\x01ab\x89";
    /// let whole = Whole { is_text: false, start: 6, end: 8 };
    /// assert_eq!(connection.receive_whole(&mut bytes), Some(whole));
    /// assert_eq!(bytes[6..8], *b"`c");
    /// ```
    #[inline]
    pub fn receive_whole(&mut self, input: &mut [u8]) -> Option<Whole> {
        if !self.is_between_messages {
            return None;
        }
        let len = input.len();
        let mut rest = &mut *input;
        let (is_text, payload) = self.whole_message(&mut rest)?;
        let payload_len = payload.len();
        let is_valid = !is_text || is_utf8(payload);
        let end = len - rest.len();
        let start = end - payload_len;
        if !is_valid {
            // The careful path finds the error, in the bytes as they came.
            let (header, payload) = input.get_mut(..end)?.split_at_mut_checked(start)?;
            if self.expects_masked() {
                mask::apply(*header.last_chunk()?, payload);
            }
            return None;
        }
        Some(Whole { is_text, start, end })
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
            && self.assembly.is_none();
        if self.phase == Phase::Open {
            if self.is_between_messages {
                self.deadline = None;
            } else if self.deadline.is_none() {
                self.note_progress(0, now);
            }
        }
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
                Some(frame) => *frame,
                None => match self.read_header(input)? {
                    Some(header) => self.begin_frame(header, now)?,
                    None => break,
                },
            };
            let event = if frame.opcode.is_control() {
                self.receive_control(frame, input, now, output)?
            } else {
                self.receive_data(frame, input, now)?
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
            self.pace.get_or_insert_default().count(now)?;
        }
        let room = if header.opcode.is_control() { CONTROL_BYTES_MAX } else { self.room() };
        let remaining = usize::try_from(header.payload_len)
            .ok()
            .filter(|it| *it <= room)
            .ok_or(PeerError::MessageTooBig)?;
        Ok(Frame { fin: header.fin, opcode: header.opcode, mask: header.mask, remaining })
    }

    /// Bytes that the data frames of the message under way may still have.
    fn room(&self) -> usize {
        let most = self.limits.message_bytes_max;
        match &self.deflate {
            Some(deflation) if deflation.is_compressed => deflation.inflation.room(most),
            _ => most.saturating_sub(self.assembly.as_ref().map_or(0, |it| it.len())),
        }
    }

    /// Which frame may follow which (section 5.4).
    fn check_order(&mut self, header: FrameHeader) -> Result<(), PeerError> {
        let begins_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        // "MUST NOT set it on a non-first fragment or a control frame" (RFC 7692, section 6).
        if header.rsv1 && (!begins_message || self.deflate.is_none()) {
            return Err(PeerError::ReservedBit);
        }
        match (header.opcode, self.assembly.is_none()) {
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
                if let Some(deflation) = &mut self.deflate {
                    deflation.is_compressed = header.rsv1;
                    deflation.inflation.begin_message();
                }
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
        now: Instant,
    ) -> Result<Option<Event<'i>>, PeerError> {
        let is_first_piece = self.assembly.is_none();
        let (payload, frame) = frame.take_payload(input);
        let is_last_piece = frame.fin && frame.remaining == 0;
        let inflation = self.deflate.as_deref_mut().filter(|it| it.is_compressed);
        if is_first_piece && is_last_piece && inflation.is_none() {
            return borrowed(frame.opcode == Opcode::Text, payload).map(Some);
        }
        // Kept in a box only if there is more to come.
        let mut first = match frame.opcode {
            Opcode::Text => Assembly::Text(String::new(), Split::default()),
            _ => Assembly::Binary(Vec::new()),
        };
        let assembly = self.assembly.as_deref_mut().unwrap_or(&mut first);
        match inflation {
            Some(Deflation { inflation, .. }) => {
                let most = self.limits.message_bytes_max;
                inflation.push(payload, is_last_piece, assembly, most)?;
            }
            None => assembly.push(payload, frame.remaining)?,
        }
        if is_last_piece {
            let event = assembly.finish();
            self.assembly = None;
            return event;
        }
        if is_first_piece {
            self.assembly = Some(Box::new(first));
        }
        self.note_progress(payload.len(), now);
        if 0 < frame.remaining {
            self.frame = Some(Box::new(frame));
        }
        Ok(None)
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
            match &mut self.control {
                Some(control) => control.push(piece),
                None => self.control = Some(Box::new(ControlPayload::new(piece))),
            }
            self.frame = Some(Box::new(frame));
            return Ok(None);
        }
        let payload = match self.control.take() {
            None => Cow::Borrowed(&*piece),
            Some(mut control) => {
                control.push(piece);
                Cow::Owned(control.bytes().to_vec())
            }
        };
        Ok(Some(match frame.opcode {
            Opcode::Ping => {
                if self.is_holding_pongs {
                    self.pong = Some(Box::new(ControlPayload::new(&payload)));
                } else if self.phase == Phase::Open {
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

/// Whether `text` is UTF-8. simdutf8 leaves short text to the standard library, which looks at words
/// where it stands aligned and else at bytes; short text is mostly ASCII, which is seen sooner.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    (text.len() < SHORT_TEXT_BYTES && text.is_ascii()) || simdutf8::basic::from_utf8(text).is_ok()
}

/// From here on simdutf8 uses vectors.
const SHORT_TEXT_BYTES: usize = 64;
const FIN_TEXT: u8 = 0x81;
const FIN_BINARY: u8 = 0x82;

/// Where a message stands in the input of [`Connection::receive_whole`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a message that stands somewhere has nothing more")]
pub struct Whole {
    /// Whether it is text, which is UTF-8 then.
    pub is_text: bool,
    /// Where the payload begins.
    pub start: usize,
    /// Where the payload ends, and the frame with it.
    pub end: usize,
}
