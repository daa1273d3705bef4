//! Messages in, packets out.

use std::borrow::Cow;

use super::reader::{Reader, Token};
use super::transcode::{self, Transcoded};
use crate::{Body, ID_MAX, Limits, Packet, Payload, PeerError, Role};

/// Decodes one binary message: always a whole packet.
///
/// Of `limits`, those of the depth and of the namespace apply; binary values are limited by
/// [`BINARY_MAX`](super::BINARY_MAX), bytes by the transport, because nothing is kept for later.
///
/// ```
/// use switchboard_sio::{Body, Limits, Role, msgpack};
///
/// let message = b"\x83\xa4type\x02\xa4data\x92\xa3say\xc4\x01\x07\xa3nsp\xa5/chat";
/// let packet = msgpack::decode(message, Role::Server, &Limits::default())?;
/// assert_eq!(packet.namespace, "/chat");
/// let Body::Event { id: None, payload } = packet.body else { unreachable!() };
/// assert_eq!(payload.json(), r#"["say",{"_placeholder":true,"num":0}]"#);
/// assert_eq!(payload.attachments(), [&[7][..]]);
/// # Ok::<(), switchboard_sio::PeerError>(())
/// ```
///
/// # Errors
///
/// A [`PeerError`] ends the connection.
pub fn decode(message: &[u8], role: Role, limits: &Limits) -> Result<Packet<'static>, PeerError> {
    let mut reader = Reader::new(message);
    let Token::Map(entries) = reader.token()? else { return Err(PeerError::UnknownPacket) };
    let mut fields = Fields::default();
    for _ in 0..entries {
        let Token::Str(key) = reader.token()? else { return Err(PeerError::BadPayload) };
        match key {
            "type" => set(&mut fields.kind, reader.token()?)?,
            "nsp" => set(&mut fields.namespace, reader.token()?)?,
            "id" => set(&mut fields.id, reader.token()?)?,
            "data" => set(&mut fields.data, transcode::value(&mut reader, limits.depth_max)?)?,
            // Official clients send `options`, which are meant for themselves.
            _ => reader.skip()?,
        }
    }
    if !reader.is_at_end() {
        return Err(PeerError::BadMsgPack);
    }
    fields.packet(role, limits)
}

/// What a packet says at its top; each must be said once.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<Token<'a>>,
    namespace: Option<Token<'a>>,
    id: Option<Token<'a>>,
    /// Outside: whether there is one. Inside: whether it is more than `undefined`.
    data: Option<Option<Transcoded>>,
}

fn set<T>(field: &mut Option<T>, value: T) -> Result<(), PeerError> {
    // Where parsers disagree on what a packet says, it says nothing.
    if field.replace(value).is_some() { Err(PeerError::BadPayload) } else { Ok(()) }
}

impl Fields<'_> {
    fn packet(self, role: Role, limits: &Limits) -> Result<Packet<'static>, PeerError> {
        let Some(Token::Unsigned(kind)) = self.kind else { return Err(PeerError::UnknownPacket) };
        let namespace = match self.namespace {
            Some(Token::Str(it)) if it.starts_with('/') => it,
            _ => return Err(PeerError::BadNamespace),
        };
        if limits.namespace_bytes_max < namespace.len() {
            return Err(PeerError::NamespaceTooLong);
        }
        let id = match self.id {
            None | Some(Token::Undefined) => None,
            Some(Token::Unsigned(id)) if id <= ID_MAX => Some(id),
            Some(_) => return Err(PeerError::BadId),
        };
        let data = self.data.flatten();
        let body = match kind {
            CONNECT => Body::Connect { payload: data.map(|it| plain(it, b"{")).transpose()? },
            // python-socketio says nil.
            DISCONNECT if data.as_ref().is_none_or(|it| it.json == "null") => Body::Disconnect,
            DISCONNECT => return Err(PeerError::BadPayload),
            EVENT => {
                let Transcoded { json, first_end, attachments } = array(data)?;
                let payload = Payload::event_written(json, first_end)?;
                Body::Event { id, payload: payload.with_attachments(attachments)? }
            }
            ACK => {
                let id = id.ok_or(PeerError::BadId)?;
                let Transcoded { json, attachments, .. } = array(data)?;
                let payload = Payload::ack_written(json).with_attachments(attachments)?;
                Body::Ack { id, payload }
            }
            CONNECT_ERROR if role == Role::Server => return Err(PeerError::UnexpectedPacket),
            CONNECT_ERROR => {
                let data = data.ok_or(PeerError::BadPayload)?;
                Body::ConnectError { payload: plain(data, b"{\"")? }
            }
            _ => return Err(PeerError::UnknownPacket),
        };
        Ok(Packet { namespace: Cow::Owned(namespace.to_owned()), body })
    }
}

/// The data of a packet that has no place for attachments: JSON that begins with one of `first`.
fn plain(data: Transcoded, first: &[u8]) -> Result<Cow<'static, str>, PeerError> {
    let begins = data.json.as_bytes().first().is_some_and(|it| first.contains(it));
    if begins && data.attachments.is_empty() {
        Ok(Cow::Owned(data.json))
    } else {
        Err(PeerError::BadPayload)
    }
}

fn array(data: Option<Transcoded>) -> Result<Transcoded, PeerError> {
    // The text of an extension has brackets too, but no item that was read.
    data.filter(|it| 0 < it.first_end && it.json.starts_with('[') || it.json == "[]")
        .ok_or(PeerError::BadPayload)
}

pub(super) const CONNECT: u64 = 0;
pub(super) const DISCONNECT: u64 = 1;
pub(super) const EVENT: u64 = 2;
pub(super) const ACK: u64 = 3;
pub(super) const CONNECT_ERROR: u64 = 4;
