//! One WebSocket connection after the handshake: the rules that span more than one frame.
//!
//! The caller owns both buffers and the clock. A frame that stands whole in the input is unmasked
//! and validated in place and borrowed from there; only what is incomplete is kept here.
//! What arrives is the matter of `receive`; here is what we send, and what time brings.
//!
//! Spec: RFC 6455, sections 5.5 (control frames) and 7.1 (closing).

mod receive;

pub use receive::Whole;

use std::time::{Duration, Instant};

use crate::assembly::Assembly;
use crate::close::CONTROL_BYTES_MAX;
use crate::control::ControlPayload;
use crate::deflate::{Agreement, Compressor, Deflation, Inflation};
use crate::frame::Frame;
use crate::limits::Compact;
use crate::message::{encode_close, write_frame};
use crate::pace::Pace;
use crate::{CloseCode, CloseTimeout, FrameHeader, Limits, Message, Opcode};

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

/// The state of one connection. It is small, because most connections are idle most of the time:
/// what only a frame in pieces needs stands apart.
///
/// Bytes that arrived are consumed from the front of the caller's `input`; bytes to write are
/// appended to the caller's `output`. An idle connection owns no buffer, and unless context takeover
/// was agreed no compression state either.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    limits: Compact,
    /// Neither a header nor a frame nor a message is under way, and the peer may send more.
    is_between_messages: bool,
    phase: Phase,
    /// How much of `header` has arrived.
    header_len: u8,
    header: [u8; FrameHeader::BYTES_MAX],
    frame: Option<Box<Frame>>,
    /// Frames of the message under way.
    fragments: u32,
    /// The message under way, if it comes in pieces.
    assembly: Option<Box<Assembly>>,
    /// Payload of a control frame that has not arrived whole.
    control: Option<Box<ControlPayload>>,
    /// The pong that waits for [`release_pong`](Self::release_pong).
    pong: Option<Box<ControlPayload>>,
    is_holding_pongs: bool,
    /// Once there was a control frame.
    pace: Option<Box<Pace>>,
    /// While open: when the message under way is too slow. Later: when the end takes too long.
    deadline: Option<Instant>,
    /// permessage-deflate, if it was agreed.
    deflate: Option<Box<Deflation>>,
}

impl Connection {
    /// A connection whose handshake is finished.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits: limits.into(),
            is_between_messages: true,
            phase: Phase::Open,
            header_len: 0,
            header: [0; FrameHeader::BYTES_MAX],
            frame: None,
            fragments: 0,
            assembly: None,
            control: None,
            pong: None,
            is_holding_pongs: false,
            pace: None,
            deadline: None,
            deflate: None,
        }
    }

    /// The same with permessage-deflate, as both sides have agreed: compressed messages are
    /// inflated as they arrive, and [`send`](Self::send) compresses what is worth it.
    ///
    /// ```
    /// use std::time::Instant;
    /// use switchboard_ws::deflate::{Config, negotiate};
    /// use switchboard_ws::{Connection, Event, Limits, Role};
    ///
    /// let agreement = negotiate(&Config::default(), [&b"permessage-deflate"[..]]).unwrap();
    /// let mut connection = Connection::with_deflate(Role::Server, Limits::default(), &agreement);
    /// // The compressed "Hello" of RFC 7692, section 7.2.3.1, masked with zeros.
    /// let mut bytes = *b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00";
    /// let event = connection.receive(&mut &mut bytes[..], Instant::now(), &mut Vec::new())?;
    /// assert_eq!(event, Some(Event::Text("Hello".into())));
    /// # Ok::<(), switchboard_ws::PeerError>(())
    /// ```
    #[must_use]
    pub fn with_deflate(role: Role, limits: Limits, agreement: &Agreement) -> Self {
        let deflation = Deflation {
            compressor: Compressor::new(agreement, &role),
            inflation: Inflation::new(agreement, &role),
            is_compressed: false,
        };
        Self { deflate: Some(Box::new(deflation)), ..Self::new(role, limits) }
    }

    /// Appends one message to `output`. Does nothing once a close frame was sent: nothing may
    /// follow it (section 5.5.1).
    ///
    /// Frames of a server are also to be had from [`encode`](crate::encode), for many connections
    /// at once.
    #[inline]
    pub fn send(&mut self, message: Message<'_>, output: &mut Vec<u8>) {
        if self.phase == Phase::Open {
            let key = self.mask_key();
            if let Some(deflation) = &mut self.deflate {
                return deflation.compressor.write_frame(message, key, output);
            }
            let (opcode, payload) = message.parts();
            write_frame(opcode, key, payload, output);
        }
    }

    /// Appends a ping to `output`. Of `payload` at most 125 bytes are sent. Does nothing once a
    /// close frame was sent.
    pub fn ping(&mut self, payload: &[u8], output: &mut Vec<u8>) {
        if self.phase == Phase::Open {
            let payload = payload.get(..CONTROL_BYTES_MAX).unwrap_or(payload);
            self.pace.get_or_insert_default().expect_one();
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
            self.deadline = now.checked_add(self.limits.close_timeout());
            encode_close(code, reason, self.mask_key(), output);
        }
    }

    /// From now on keeps pongs back, because nothing can be written at present: only the latest
    /// waits, whatever number of pings come ("MAY elect to send a Pong frame for only the most
    /// recently processed Ping frame", section 5.5.3).
    ///
    /// ```
    /// use std::time::Instant;
    /// use switchboard_ws::{Connection, Limits, Role};
    ///
    /// let mut connection = Connection::new(Role::Server, Limits::default());
    /// let (now, mut output) = (Instant::now(), Vec::new());
    /// connection.hold_pongs();
    /// let mut bytes = *b"\x89\x81\0\0\0\0a\x89\x81\0\0\0\0b";
    /// let mut input = &mut bytes[..];
    /// while connection.receive(&mut input, now, &mut output)?.is_some() {}
    /// assert_eq!(output, b"");
    /// connection.release_pong(&mut output);
    /// assert_eq!(output, b"\x8a\x01b");
    /// # Ok::<(), switchboard_ws::PeerError>(())
    /// ```
    pub fn hold_pongs(&mut self) {
        self.is_holding_pongs = true;
    }

    /// Appends the pong that [`hold_pongs`](Self::hold_pongs) kept back, if any and if no close
    /// frame was sent; from now on pongs go to `output` at once again.
    pub fn release_pong(&mut self, output: &mut Vec<u8>) {
        self.is_holding_pongs = false;
        if let Some(pong) = self.pong.take()
            && self.phase == Phase::Open
        {
            write_frame(Opcode::Pong, self.mask_key(), pong.bytes(), output);
        }
    }

    /// Does what is due at `now`, and says when to call again; `None` means that nothing is
    /// scheduled. What it says changes with [`receive`](Self::receive) and
    /// [`close`](Self::close): ask again after them.
    ///
    /// A message that has begun must arrive at 1 kB a second at least, after 5 s; a lead counts for
    /// at most 30 s. The connection of one that is slower ends with a close frame of code 1008 in
    /// `output` and [`is_closed`](Self::is_closed). Whoever does not read at present must not call
    /// this either, for nothing can arrive then.
    ///
    /// # Errors
    ///
    /// [`CloseTimeout`] when a close frame was written [`Limits::close_timeout`] ago. That one
    /// deadline holds for writing it, for the peer's answer and for the end of the transport, so
    /// it also runs once [`is_closed`](Self::is_closed).
    pub fn tick(
        &mut self,
        now: Instant,
        output: &mut Vec<u8>,
    ) -> Result<Option<Instant>, CloseTimeout> {
        match self.deadline {
            Some(deadline) if deadline <= now && self.phase == Phase::Open => {
                self.close(Some(CloseCode::POLICY), "message too slow", now, output);
                self.end();
                Ok(self.deadline)
            }
            Some(deadline) if deadline <= now => Err(CloseTimeout),
            deadline => Ok(deadline),
        }
    }

    /// When [`tick`](Self::tick) has something to do, if nothing changes until then.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
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

    /// Puts the deadline of the message under way off by what has arrived of it.
    fn note_progress(&mut self, bytes: usize, now: Instant) {
        if self.phase == Phase::Open {
            let grace = now + PROGRESS_GRACE;
            // One that has passed was not enforced: the owner did not read.
            let deadline = self.deadline.filter(|it| now < *it).unwrap_or(grace);
            let millis = Duration::from_millis(bytes as u64);
            self.deadline =
                Some((deadline + millis.min(PROGRESS_LEAD_MAX)).min(now + PROGRESS_LEAD_MAX));
        }
    }

    /// Nothing that arrives from now on matters.
    fn end(&mut self) {
        self.phase = Phase::Closed;
        self.is_between_messages = false;
        self.frame = None;
        self.assembly = None;
        (self.control, self.pong, self.deflate) = (None, None, None);
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

/// How long a message may take before its pace counts.
const PROGRESS_GRACE: Duration = Duration::from_secs(5);
/// How far what has arrived may put the deadline off; one byte counts for a millisecond.
const PROGRESS_LEAD_MAX: Duration = Duration::from_secs(30);
