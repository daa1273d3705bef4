//! Decoded packets: what one says, and for which namespace.
//!
//! Made by [`Decoder`](crate::Decoder) only. Binary packets have no types of their own: an event
//! with attachments is an event. To send, see [`encode`](crate::encode).
//!
//! Spec: Socket.IO protocol 5, "Packet types".

use std::borrow::Cow;

use crate::Payload;

/// One packet, complete with its attachments.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet<'a> {
    /// Begins with `/`; `/` itself where the packet names none. A query (`/chat?a=b`) is part of
    /// the name, as in the official parser for protocol 5.
    pub namespace: Cow<'a, str>,
    /// What it says.
    pub body: Body<'a>,
}

/// What a packet says. JSON is valid, within the depth limit, and forwarded as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// A client asks to join the namespace, or a server lets it.
    Connect {
        /// A JSON object: from a client what it authenticates with, from a server its `sid`.
        payload: Option<Cow<'a, str>>,
    },
    /// A server refuses a client; only [`Role::Client`](crate::Role::Client) gets this.
    ConnectError {
        /// A JSON object with `message` and perhaps `data`; from old servers a JSON string.
        payload: Cow<'a, str>,
    },
    /// The peer leaves the namespace.
    Disconnect,
    /// Something with a name happened.
    Event {
        /// Present if the peer wants an ack; at most 2^53 - 1.
        id: Option<u64>,
        /// Name and arguments.
        payload: Payload<'a>,
    },
    /// The answer to an event that we sent.
    Ack {
        /// The id of that event; at most 2^53 - 1.
        id: u64,
        /// Arguments only.
        payload: Payload<'a>,
    },
}
