//! The reading half of a connection, for each format.
//!
//! A closed set, so that JSON costs no more than a branch that is always the same.

use std::panic::{AssertUnwindSafe, catch_unwind};

use switchboard_sio as sio;

use super::PacketDecoder;
use crate::encoding::Encoding;

/// Reads the messages of one connection.
pub(crate) enum Decoding {
    Json(sio::Decoder),
    /// Keeps nothing between messages.
    MsgPack,
    /// In a second box, because a pointer to it is half as large for everybody.
    Custom(Box<Box<dyn PacketDecoder>>),
}

/// Why a message could not be read.
#[derive(Debug)]
pub(crate) enum Fault {
    Peer(sio::PeerError),
    /// The application's parser panicked.
    Panicked,
}

impl From<sio::PeerError> for Fault {
    fn from(error: sio::PeerError) -> Self {
        Self::Peer(error)
    }
}

impl Decoding {
    pub(crate) fn new(encoding: &Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Json(sio::Decoder::new(sio::Role::Server)),
            Encoding::MsgPack => Self::MsgPack,
            Encoding::Custom(parser) => Self::Custom(Box::new(parser.0.decoder())),
        }
    }

    pub(crate) fn receive<'a>(
        &mut self,
        input: sio::Input<'a>,
        limits: &sio::Limits,
    ) -> Result<Option<sio::Packet<'a>>, Fault> {
        match self {
            Self::Json(decoder) => Ok(decoder.receive(input, limits)?),
            Self::MsgPack => match input {
                sio::Input::Binary(message) => {
                    Ok(Some(sio::msgpack::decode(message, sio::Role::Server, limits)?))
                }
                sio::Input::Text(_) => Err(sio::PeerError::UnexpectedText.into()),
            },
            Self::Custom(decoder) => {
                let decoded = catch_unwind(AssertUnwindSafe(|| decoder.decode(input)));
                let packet = decoded.map_err(|_panic| Fault::Panicked)??;
                if let Some(packet) = &packet {
                    check(packet, limits)?;
                }
                Ok(packet)
            }
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        match self {
            Self::Json(decoder) => decoder.is_waiting(),
            Self::MsgPack => false,
            Self::Custom(decoder) => decoder.is_waiting(),
        }
    }
}

/// What our own decoders promise of a packet. Payloads were checked when they were made.
fn check(packet: &sio::Packet<'_>, limits: &sio::Limits) -> Result<(), sio::PeerError> {
    if !packet.namespace.starts_with('/') {
        return Err(sio::PeerError::BadNamespace);
    }
    if limits.namespace_bytes_max < packet.namespace.len() {
        return Err(sio::PeerError::NamespaceTooLong);
    }
    let id = match &packet.body {
        sio::Body::Event { id, .. } => *id,
        sio::Body::Ack { id, .. } => Some(*id),
        _ => None,
    };
    if id.is_some_and(|it| sio::ID_MAX < it) {
        return Err(sio::PeerError::BadId);
    }
    match &packet.body {
        // As strict as for JSON: an object, or nothing.
        sio::Body::Connect { payload: Some(payload) } if !payload.starts_with('{') => {
            Err(sio::PeerError::BadPayload)
        }
        _ => Ok(()),
    }
}
