//! How Socket.IO packets become Engine.IO messages: the one place that every packet of ours
//! passes.

use bytes::Bytes;
use serde_json::value::RawValue;
use switchboard_sio::{Args, EncodeError, encode};

/// One packet as Engine.IO messages, for any version and transport.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// A text message with its leading `4`; empty if there are only binary ones.
    pub(crate) text: Vec<u8>,
    /// The binary messages that follow.
    pub(crate) attachments: Vec<Bytes>,
}

/// The parser that a server has chosen for all its clients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Encoding {
    /// The default of all official clients.
    #[default]
    Json,
}

impl Encoding {
    /// An event; with an `id` the client answers with an ack.
    pub(crate) fn event<A: Args>(
        self,
        namespace: &str,
        id: Option<u64>,
        name: &str,
        args: A,
    ) -> Result<Encoded, EncodeError> {
        let mut text = start();
        let attachments = encode::event(namespace, id, name, args, &mut text)?;
        Ok(Encoded { text, attachments })
    }

    /// The answer to an event.
    pub(crate) fn ack<A: Args>(
        self,
        namespace: &str,
        id: u64,
        args: A,
    ) -> Result<Encoded, EncodeError> {
        let mut text = start();
        let attachments = encode::ack(namespace, id, args, &mut text)?;
        Ok(Encoded { text, attachments })
    }

    /// A client is let in. `pid` is what it may recover its state with.
    pub(crate) fn connect(self, namespace: &str, sid: &str, pid: Option<&str>) -> Encoded {
        let mut text = start();
        encode::connect(namespace, sid, pid, &mut text);
        Encoded { text, attachments: Vec::new() }
    }

    /// A client is refused.
    pub(crate) fn connect_error(
        self,
        namespace: &str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Encoded {
        let mut text = start();
        encode::connect_error(namespace, message, data, &mut text);
        Encoded { text, attachments: Vec::new() }
    }

    /// A client of Engine.IO 3 is let in, which knows its id without being told.
    pub(crate) fn connect_v3(self, namespace: &str) -> Encoded {
        let mut text = start();
        encode::connect_request(namespace, None, &mut text);
        Encoded { text, attachments: Vec::new() }
    }

    /// A client of Engine.IO 3 is refused.
    pub(crate) fn connect_error_v3(
        self,
        namespace: &str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Encoded {
        let mut text = start();
        encode::connect_error_v3(namespace, message, data, &mut text);
        Encoded { text, attachments: Vec::new() }
    }

    /// A client is put out.
    pub(crate) fn disconnect(self, namespace: &str) -> Encoded {
        let mut text = start();
        encode::disconnect(namespace, &mut text);
        Encoded { text, attachments: Vec::new() }
    }
}

fn start() -> Vec<u8> {
    let mut text = Vec::with_capacity(PACKET_BYTES_USUAL);
    text.push(b'4');
    text
}

/// Most packets fit this; larger ones grow it.
const PACKET_BYTES_USUAL: usize = 128;
