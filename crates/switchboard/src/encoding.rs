//! How Socket.IO packets become Engine.IO messages: the one place that every packet of ours
//! passes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde_json::value::RawValue;
use switchboard_sio::{Args, Body, EncodeError, Packet, Payload, encode, msgpack};

use crate::parser::{Custom, Messages};

/// One packet as Engine.IO messages, for any version and transport.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// A text message with its leading `4`; empty if there are only binary ones.
    pub(crate) text: Vec<u8>,
    /// The binary messages that follow.
    pub(crate) attachments: Vec<Bytes>,
}

/// The parser that a server has chosen for all its clients.
#[derive(Clone, Debug, Default)]
pub(crate) enum Encoding {
    /// The default of all official clients.
    #[default]
    Json,
    /// `socket.io-msgpack-parser`.
    MsgPack,
    /// The application's own.
    Custom(Custom),
}

impl Encoding {
    /// An event; with an `id` the client answers with an ack.
    pub(crate) fn event<A: Args>(
        &self,
        namespace: &str,
        id: Option<u64>,
        name: &str,
        args: A,
    ) -> Result<Encoded, EncodeError> {
        match self {
            Self::Json => {
                let mut text = start();
                let attachments = encode::event(namespace, id, name, args, &mut text)?;
                Ok(Encoded { text, attachments })
            }
            Self::MsgPack => {
                let mut message = Vec::with_capacity(PACKET_BYTES_USUAL);
                msgpack::event(namespace, id, name, args, &mut message)?;
                Ok(Encoded::binary(message))
            }
            Self::Custom(parser) => {
                let payload = Payload::of_event(name, args)?;
                parser.encode(namespace, Body::Event { id, payload })
            }
        }
    }

    /// The answer to an event.
    pub(crate) fn ack<A: Args>(
        &self,
        namespace: &str,
        id: u64,
        args: A,
    ) -> Result<Encoded, EncodeError> {
        match self {
            Self::Json => {
                let mut text = start();
                let attachments = encode::ack(namespace, id, args, &mut text)?;
                Ok(Encoded { text, attachments })
            }
            Self::MsgPack => {
                let mut message = Vec::with_capacity(PACKET_BYTES_USUAL);
                msgpack::ack(namespace, id, args, &mut message)?;
                Ok(Encoded::binary(message))
            }
            Self::Custom(parser) => {
                let payload = Payload::of_ack(args)?;
                parser.encode(namespace, Body::Ack { id, payload })
            }
        }
    }

    /// A client is let in. `pid` is what it may recover its state with.
    pub(crate) fn connect(&self, namespace: &str, sid: &str, pid: Option<&str>) -> Encoded {
        match self {
            Self::Json => Encoded::text(|text| encode::connect(namespace, sid, pid, text)),
            Self::MsgPack => Encoded::message(|it| msgpack::connect(namespace, sid, pid, it)),
            Self::Custom(parser) => {
                let payload = json_of(|text| encode::connect("/", sid, pid, text));
                parser.encode_or_nothing(namespace, Body::Connect { payload: Some(payload.into()) })
            }
        }
    }

    /// A client is refused.
    pub(crate) fn connect_error(
        &self,
        namespace: &str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Encoded {
        match self {
            Self::Json => {
                Encoded::text(|text| encode::connect_error(namespace, message, data, text))
            }
            Self::MsgPack => {
                Encoded::message(|it| msgpack::connect_error(namespace, message, data, it))
            }
            Self::Custom(parser) => {
                let payload = json_of(|text| encode::connect_error("/", message, data, text));
                parser.encode_or_nothing(namespace, Body::ConnectError { payload: payload.into() })
            }
        }
    }

    /// A client of Engine.IO 3 is let in, which knows its id without being told.
    pub(crate) fn connect_v3(&self, namespace: &str) -> Encoded {
        match self {
            Self::Json => Encoded::text(|text| encode::connect_request(namespace, None, text)),
            Self::MsgPack => Encoded::message(|it| msgpack::connect_v3(namespace, it)),
            Self::Custom(parser) => {
                parser.encode_or_nothing(namespace, Body::Connect { payload: None })
            }
        }
    }

    /// A client of Engine.IO 3 is refused.
    pub(crate) fn connect_error_v3(
        &self,
        namespace: &str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Encoded {
        match self {
            Self::Json => {
                Encoded::text(|text| encode::connect_error_v3(namespace, message, data, text))
            }
            Self::MsgPack => {
                Encoded::message(|it| msgpack::connect_error_v3(namespace, message, data, it))
            }
            Self::Custom(parser) => {
                let payload = json_of(|text| encode::connect_error_v3("/", message, data, text));
                parser.encode_or_nothing(namespace, Body::ConnectError { payload: payload.into() })
            }
        }
    }

    /// A client is put out.
    pub(crate) fn disconnect(&self, namespace: &str) -> Encoded {
        match self {
            Self::Json => Encoded::text(|text| encode::disconnect(namespace, text)),
            Self::MsgPack => Encoded::message(|it| msgpack::disconnect(namespace, it)),
            Self::Custom(parser) => parser.encode_or_nothing(namespace, Body::Disconnect),
        }
    }
}

impl Encoded {
    fn text(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut text = start();
        write(&mut text);
        Self { text, attachments: Vec::new() }
    }

    fn message(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut message = Vec::with_capacity(PACKET_BYTES_USUAL);
        write(&mut message);
        Self::binary(message)
    }

    fn binary(message: Vec<u8>) -> Self {
        Self { text: Vec::new(), attachments: vec![message.into()] }
    }
}

impl From<Messages> for Encoded {
    fn from(messages: Messages) -> Self {
        let mut text = messages.text.map_or_else(Vec::new, String::into_bytes);
        if !text.is_empty() {
            text.insert(0, b'4');
        }
        Self { text, attachments: messages.binary }
    }
}

impl Custom {
    fn encode(&self, namespace: &str, body: Body<'_>) -> Result<Encoded, EncodeError> {
        let packet = Packet { namespace: namespace.into(), body };
        self.0.encode(&packet).map(Encoded::from).map_err(EncodeError::Parser)
    }

    /// For packets of the engine itself: nobody could handle an error, and a panic of the parser
    /// must not stop the task in the middle of its work.
    fn encode_or_nothing(&self, namespace: &str, body: Body<'_>) -> Encoded {
        match catch_unwind(AssertUnwindSafe(|| self.encode(namespace, body))) {
            Ok(Ok(packet)) => return packet,
            Ok(Err(error)) => tracing::warn!(namespace, %error, "a packet is not sent"),
            Err(_panic) => tracing::warn!(namespace, "a packet is not sent: the parser panicked"),
        }
        Encoded::default()
    }
}

/// The payload of a packet of `/` that `write` writes: what follows the digit of its type.
fn json_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::new();
    write(&mut text);
    let text = String::from_utf8(text).unwrap_or_default();
    text.get(1..).unwrap_or_default().to_owned()
}

fn start() -> Vec<u8> {
    let mut text = Vec::with_capacity(PACKET_BYTES_USUAL);
    text.push(b'4');
    text
}

/// Most packets fit this; larger ones grow it.
const PACKET_BYTES_USUAL: usize = 128;
