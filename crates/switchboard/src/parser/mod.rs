//! Parsers: how packets are written on the wire.
//!
//! Clients and server must use the same one, so a server has one for all its clients. Handlers do
//! not notice which: inside, a packet is always JSON text and the bytes that its placeholders stand
//! for. See [`Parser`] for those that come with the library, and [`PacketParser`] for your own.

mod decoding;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
pub use switchboard_sio::{Body, Input, Packet, Payload, PeerError};

pub(crate) use decoding::{Decoding, Fault};

use crate::encoding::Encoding;

/// The format of a server's packets; see [`ServerBuilder::parser`](crate::ServerBuilder::parser).
///
/// ```
/// use switchboard::{Server, parser::Parser};
///
/// let io = Server::builder().parser(Parser::msgpack()).build();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parser(pub(crate) Encoding);

impl Parser {
    /// Text, each binary value a message of its own: what every client speaks unless it is told
    /// otherwise. At most 10 binary values in a packet. A packet that is relayed is checked once,
    /// and neither parsed into values nor written anew. The default.
    pub fn json() -> Self {
        Self(Encoding::Json)
    }

    /// Each packet one binary message, as `socket.io-msgpack-parser` 3 and the `msgpack` serializer
    /// of python-socketio do it. Smaller where there are many numbers or small binary values, of
    /// which one packet may have 1,000; on long-polling larger, because binary is sent as base64
    /// there. Costs more time than JSON, because every packet is transcoded.
    pub fn msgpack() -> Self {
        Self(Encoding::MsgPack)
    }
}

impl<P: PacketParser> From<P> for Parser {
    fn from(parser: P) -> Self {
        Self(Encoding::Custom(Custom(Arc::new(parser))))
    }
}

/// A format of your own.
///
/// A packet is one text message, or any number of binary ones, or a text and the binary ones behind
/// it. Costs a call through a vtable for each packet, and two allocations for each connection.
///
/// This one speaks the format of the npm package `socket.io-json-parser`, in which a packet is a
/// JSON object and nothing is binary:
///
/// ```
/// use serde::Deserialize;
/// use serde_json::value::RawValue;
/// use switchboard::Server;
/// use switchboard::parser::{
///     Body, EncodeFailed, Input, Messages, Packet, PacketDecoder, PacketParser, Payload, PeerError,
/// };
///
/// struct PlainJson;
///
/// impl PacketParser for PlainJson {
///     fn encode(&self, packet: &Packet<'_>) -> Result<Messages, EncodeFailed> {
///         let namespace = serde_json::to_string(&packet.namespace)?;
///         let (kind, id, data) = match &packet.body {
///             Body::Connect { payload } => (0, None, payload.as_deref()),
///             Body::Disconnect => (1, None, None),
///             Body::Event { id, payload } => (2, *id, Some(plain(payload)?)),
///             Body::Ack { id, payload } => (3, Some(*id), Some(plain(payload)?)),
///             Body::ConnectError { payload } => (4, None, Some(&**payload)),
///         };
///         let id = id.map_or_else(String::new, |it| format!(r#","id":{it}"#));
///         let data = data.map_or_else(String::new, |it| format!(r#","data":{it}"#));
///         Ok(Messages::text(format!(r#"{{"type":{kind},"nsp":{namespace}{id}{data}}}"#)))
///     }
///
///     fn decoder(&self) -> Box<dyn PacketDecoder> {
///         Box::new(PlainJson)
///     }
/// }
///
/// fn plain<'a>(payload: &'a Payload<'_>) -> Result<&'a str, EncodeFailed> {
///     if payload.attachments().is_empty() { Ok(payload.json()) } else { Err("no bytes here".into()) }
/// }
///
/// #[derive(Deserialize)]
/// struct Fields<'a> {
///     r#type: u8,
///     nsp: String,
///     id: Option<u64>,
///     #[serde(borrow)]
///     data: Option<&'a RawValue>,
/// }
///
/// impl PacketDecoder for PlainJson {
///     fn decode<'a>(&mut self, message: Input<'a>) -> Result<Option<Packet<'a>>, PeerError> {
///         let Input::Text(text) = message else { return Err(PeerError::UnexpectedBinary) };
///         let fields: Fields<'_> = serde_json::from_str(text).map_err(|_| PeerError::BadJson)?;
///         let data = fields.data.map(RawValue::get);
///         let json = data.unwrap_or_default();
///         let body = match fields.r#type {
///             0 => Body::Connect { payload: data.map(Into::into) },
///             1 => Body::Disconnect,
///             2 => Body::Event { id: fields.id, payload: Payload::from_event_json(json, vec![])? },
///             3 => {
///                 let id = fields.id.ok_or(PeerError::BadId)?;
///                 Body::Ack { id, payload: Payload::from_ack_json(json, vec![])? }
///             }
///             _ => return Err(PeerError::UnknownPacket),
///         };
///         Ok(Some(Packet { namespace: fields.nsp.into(), body }))
///     }
/// }
///
/// let io = Server::builder().parser(PlainJson).build();
/// ```
pub trait PacketParser: Send + Sync + 'static {
    /// Writes one packet of ours. Called once for a broadcast, however many sockets get it. A
    /// payload is JSON; [`Payload::attachments`] are the bytes that its placeholders stand for.
    ///
    /// # Errors
    ///
    /// What the format cannot say. `emit` then fails with
    /// [`EncodeError::Parser`](crate::EncodeError::Parser); a packet that nobody waits for is not
    /// sent, and logged.
    fn encode(&self, packet: &Packet<'_>) -> Result<Messages, EncodeFailed>;

    /// The reading half, for a connection that begins.
    fn decoder(&self) -> Box<dyn PacketDecoder>;
}

/// Reads the messages of one connection; see [`PacketParser`].
///
/// What arrives was written by strangers: limit what is kept and how deep it is walked. One message
/// has at most [`max_payload`](crate::ServerBuilder::max_payload) bytes. A panic closes the
/// connection.
pub trait PacketDecoder: Send + 'static {
    /// Reads one message. `None` means that the packet has more of them.
    ///
    /// # Errors
    ///
    /// A [`PeerError`] closes the connection with its
    /// [close code](PeerError::close_code).
    fn decode<'a>(&mut self, message: Input<'a>) -> Result<Option<Packet<'a>>, PeerError>;

    /// Whether a packet is incomplete. After 10 s of that the connection is closed. Default: no.
    fn is_waiting(&self) -> bool {
        false
    }
}

/// Why a parser could not write a packet.
pub type EncodeFailed = Box<dyn Error + Send + Sync>;

/// The messages of one packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Messages {
    /// Sent first, if there is one.
    pub text: Option<String>,
    /// Sent after it, in order.
    pub binary: Vec<Bytes>,
}

impl Messages {
    /// One text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), binary: Vec::new() }
    }

    /// One binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self { text: None, binary: vec![bytes.into()] }
    }
}

/// A parser of the application.
#[derive(Clone)]
pub(crate) struct Custom(pub(crate) Arc<dyn PacketParser>);

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}
