//! The decoder: messages in, packets out.
//!
//! One [`Decoder`] reads one connection. Text that needs no attachments is decoded in place and
//! borrowed; a packet with attachments is copied and kept until the last one is there. How long it
//! may stay is up to the owner, who has the clock: see [`Decoder::is_waiting`]. Text has no
//! Engine.IO type in front: `2["a"]`, not `42["a"]`.
//!
//! Spec: Socket.IO protocol 5, "Packet encoding": `<type>[<n>-][<namespace>,][<id>][JSON]`.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::json::Scanner;
use crate::payload::Check;
use crate::placeholder::Placeholders;
use crate::{Body, Packet, Payload, PeerError};

/// Decodes the packets of one connection.
///
/// ```
/// use switchboard_sio::{Body, Decoder, Input, Limits, Role};
///
/// let mut decoder = Decoder::new(Role::Server);
/// let packet = decoder.receive(Input::Text(r#"2/chat,7["say","hi"]"#), &Limits::default())?;
/// let packet = packet.expect("it has no attachments");
/// assert_eq!(packet.namespace, "/chat");
/// let Body::Event { id, payload } = packet.body else { unreachable!() };
/// assert_eq!((id, &*payload.event_name(), payload.args_json()), (Some(7), "say", r#""hi""#));
/// # Ok::<(), switchboard_sio::PeerError>(())
/// ```
pub struct Decoder {
    role: Role,
    waiting: Option<Box<Waiting>>,
}

impl Decoder {
    /// A decoder for the end of the connection that `role` names.
    pub fn new(role: Role) -> Self {
        Self { role, waiting: None }
    }

    /// Decodes one message. `None` means that more attachments must follow.
    ///
    /// # Errors
    ///
    /// A [`PeerError`] ends the connection; the decoder has dropped whatever it held.
    pub fn receive<'a>(
        &mut self,
        input: Input<'a>,
        limits: &Limits,
    ) -> Result<Option<Packet<'a>>, PeerError> {
        match (input, self.waiting.take()) {
            (Input::Text(text), None) => self.begin(text, limits),
            (Input::Text(_), Some(_)) => Err(PeerError::UnexpectedText),
            (Input::Binary(bytes), Some(waiting)) => self.attach(bytes, waiting, limits),
            (Input::Binary(_), None) => Err(PeerError::UnexpectedBinary),
        }
    }

    /// Whether attachments are missing. The official server waits for them without end; an owner
    /// should not.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    fn begin<'a>(
        &mut self,
        text: &'a str,
        limits: &Limits,
    ) -> Result<Option<Packet<'a>>, PeerError> {
        let header = Header::decode(text, limits)?;
        if header.attachments == 0 {
            let body = header.body(self.role, limits, None)?;
            return Ok(Some(Packet { namespace: Cow::Borrowed(header.namespace), body }));
        }
        if limits.event_bytes_max < text.len() {
            return Err(PeerError::EventTooBig);
        }
        let mut placeholders = Placeholders::new(header.attachments);
        let body = header.body(self.role, limits, Some(&mut placeholders))?;
        if !placeholders.are_complete() {
            return Err(PeerError::BadPlaceholder);
        }
        let (id, payload) = match body {
            Body::Event { id, payload } => (id, payload),
            Body::Ack { id, payload } => (Some(id), payload),
            // Only these two have a number of attachments.
            Body::Connect { .. } | Body::ConnectError { .. } | Body::Disconnect => {
                return Err(PeerError::UnexpectedPacket);
            }
        };
        self.waiting = Some(Box::new(Waiting {
            kind: header.kind,
            namespace: header.namespace.to_owned(),
            id,
            payload: payload.into_owned(),
            missing: header.attachments,
            bytes: text.len(),
        }));
        Ok(None)
    }

    fn attach<'a>(
        &mut self,
        bytes: &[u8],
        mut waiting: Box<Waiting>,
        limits: &Limits,
    ) -> Result<Option<Packet<'a>>, PeerError> {
        waiting.bytes = waiting.bytes.saturating_add(bytes.len());
        if limits.event_bytes_max < waiting.bytes {
            return Err(PeerError::EventTooBig);
        }
        waiting.payload.attach(Bytes::copy_from_slice(bytes));
        waiting.missing -= 1;
        if waiting.missing == 0 {
            return waiting.into_packet().map(Some);
        }
        self.waiting = Some(waiting);
        Ok(None)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.waiting.as_ref().map_or(0, |it| it.missing);
        f.debug_struct("Decoder").field("role", &self.role).field("missing", &missing).finish()
    }
}

/// Which end of the connection we are, and so whose packets we decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We decode what a server sends.
    Client,
    /// We decode what a client sends.
    Server,
}

/// One message of the transport below, without Engine.IO's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A packet.
    Text(&'a str),
    /// An attachment.
    Binary(&'a [u8]),
}

/// What a peer may ask of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attachments of one packet. Default 10, as in the official parser since 4.2.6.
    pub attachments_max: usize,
    /// Bytes of a packet with attachments, text and attachments together: what one connection can
    /// make us hold. Default 4,000,000. Packets without attachments are not held, and are limited
    /// by the transport.
    pub event_bytes_max: usize,
    /// Levels of nested arrays and objects, the outermost included. Default 128, which is also the
    /// most: more counts as 128. The official parser has no limit but its stack.
    pub depth_max: usize,
    /// Bytes of a namespace's name. Default 255.
    pub namespace_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attachments_max: crate::ATTACHMENTS_MAX,
            event_bytes_max: 4_000_000,
            depth_max: crate::json::DEPTH_MAX,
            namespace_bytes_max: 255,
        }
    }
}

/// A packet whose attachments are missing.
struct Waiting {
    kind: Kind,
    namespace: String,
    id: Option<u64>,
    payload: Payload<'static>,
    missing: usize,
    bytes: usize,
}

impl Waiting {
    fn into_packet<'a>(self) -> Result<Packet<'a>, PeerError> {
        let Self { id, payload, .. } = self;
        let body = match self.kind {
            Kind::Ack => Body::Ack { id: id.ok_or(PeerError::BadId)?, payload },
            _ => Body::Event { id, payload },
        };
        Ok(Packet { namespace: Cow::Owned(self.namespace), body })
    }
}

/// Everything in front of the payload, and the payload as text.
struct Header<'a> {
    kind: Kind,
    /// Zero for packets that are not binary.
    attachments: usize,
    namespace: &'a str,
    id: Option<u64>,
    payload: &'a str,
}

impl<'a> Header<'a> {
    fn decode(text: &'a str, limits: &Limits) -> Result<Self, PeerError> {
        let (kind, is_binary) = Kind::from_byte(text.as_bytes().first().copied())?;
        let rest = text.get(1..).unwrap_or_default();
        let (attachments, rest) = if is_binary { split_count(rest, limits)? } else { (0, rest) };
        let (namespace, rest) = split_namespace(rest);
        if limits.namespace_bytes_max < namespace.len() {
            return Err(PeerError::NamespaceTooLong);
        }
        let (id, payload) = split_id(rest)?;
        Ok(Self { kind, attachments, namespace, id, payload })
    }

    fn body(
        &self,
        role: Role,
        limits: &Limits,
        placeholders: Option<&mut Placeholders>,
    ) -> Result<Body<'a>, PeerError> {
        let check = Check { depth_max: limits.depth_max, placeholders };
        Ok(match self.kind {
            Kind::Connect if self.payload.is_empty() => Body::Connect { payload: None },
            // `null`, an array or a string is no authentication (S16).
            Kind::Connect => Body::Connect { payload: Some(self.raw(b"{", limits)?) },
            Kind::Disconnect if self.payload.is_empty() => Body::Disconnect,
            Kind::Disconnect => return Err(PeerError::BadPayload),
            Kind::Event => {
                Body::Event { id: self.id, payload: Payload::event(self.payload, check)? }
            }
            Kind::Ack => {
                let id = self.id.ok_or(PeerError::BadId)?;
                Body::Ack { id, payload: Payload::ack(self.payload, check)? }
            }
            Kind::ConnectError if role == Role::Server => return Err(PeerError::UnexpectedPacket),
            Kind::ConnectError => Body::ConnectError { payload: self.raw(b"{\"", limits)? },
        })
    }

    /// The payload as one JSON value that begins with one of `first`.
    fn raw(&self, first: &[u8], limits: &Limits) -> Result<Cow<'a, str>, PeerError> {
        if !self.payload.as_bytes().first().is_some_and(|it| first.contains(it)) {
            return Err(PeerError::BadPayload);
        }
        let mut scanner = Scanner::new(self.payload, limits.depth_max);
        let value = scanner.value(&mut ())?;
        scanner.end()?;
        Ok(Cow::Borrowed(value))
    }
}

/// The types of the wire, where binary ones are no types of their own.
#[derive(Clone, Copy)]
enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

impl Kind {
    /// The kind, and whether a number of attachments follows.
    fn from_byte(byte: Option<u8>) -> Result<(Self, bool), PeerError> {
        Ok(match byte {
            Some(b'0') => (Self::Connect, false),
            Some(b'1') => (Self::Disconnect, false),
            Some(b'2') => (Self::Event, false),
            Some(b'3') => (Self::Ack, false),
            Some(b'4') => (Self::ConnectError, false),
            Some(b'5') => (Self::Event, true),
            Some(b'6') => (Self::Ack, true),
            _ => return Err(PeerError::UnknownPacket),
        })
    }
}

/// `2-rest`: how many attachments will come. Zero is an error since the official parser 4.2.7: it
/// would keep a packet waiting that nothing completes (S6).
fn split_count<'a>(text: &'a str, limits: &Limits) -> Result<(usize, &'a str), PeerError> {
    let (digits, rest) = split_digits(text);
    let rest = rest.strip_prefix('-').filter(|_| !digits.is_empty());
    let rest = rest.ok_or(PeerError::BadAttachmentCount)?;
    match parse_saturating(digits) {
        0 => Err(PeerError::BadAttachmentCount),
        // Checked before anything is kept, so a large claim costs no memory (S5).
        count if (limits.attachments_max as u64) < count => Err(PeerError::TooManyAttachments),
        count => Ok((count as usize, rest)),
    }
}

/// `/chat,rest`. The comma may be missing when nothing follows.
fn split_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    text.split_once(',').unwrap_or((text, ""))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|it| !it.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The official parser reads a longer id as infinity and answers to that (S9).
fn split_id(text: &str) -> Result<(Option<u64>, &str), PeerError> {
    let (mut id, mut len) = (0_u64, 0);
    for byte in text.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if 9 < digit {
            break;
        }
        id = id.saturating_mul(10).saturating_add(digit.into());
        len += 1;
    }
    if len == 0 {
        return Ok((None, text));
    }
    if crate::ID_MAX < id {
        return Err(PeerError::BadId);
    }
    Ok((Some(id), text.get(len..).unwrap_or_default()))
}

fn parse_saturating(digits: &str) -> u64 {
    digits.bytes().fold(0, |sum: u64, it| sum.saturating_mul(10).saturating_add((it - b'0').into()))
}
