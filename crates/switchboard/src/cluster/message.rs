//! What the servers of a cluster tell each other.
//!
//! The set is closed, and the same as that of the official `ClusterAdapter`, so that drivers only
//! have to write it down in their own format.

use std::fmt;
use std::time::Duration;

use switchboard_sio::{Args, EncodeError, Payload};

use crate::Id;
use crate::broadcast::remote::Snapshot;
use crate::broadcast::target::Target;
use crate::error::AckError;
use crate::flags::Flags;
use crate::prepared::Prepared;

/// How servers talk: moves messages and knows who is there, and nothing of what they mean.
///
/// No method may wait: a driver over a network queues what it is given.
pub(crate) trait Adapter: fmt::Debug + Send + Sync {
    /// Hands a message to every other server.
    fn publish(&self, message: &Message<'_>);

    /// Hands an answer to the server that asked.
    fn answer(&self, server: Id, request: u64, answer: Heard);

    /// The other servers.
    fn others(&self) -> Vec<Id>;

    /// Leaves for good: the others are told.
    fn leave(&self);
}

/// A message to every other server.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) body: Body<'a>,
}

#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// A packet for sockets.
    Broadcast { target: &'a Target, packet: &'a Prepared },
    /// An event for sockets that wants acks. Ack ids are each server's own, so it is not a packet.
    Ask { target: &'a Target, question: Question<'a>, request: u64 },
    /// Sockets shall join rooms.
    Join { target: &'a Target, rooms: &'a [Box<str>] },
    /// Sockets shall leave rooms.
    Leave { target: &'a Target, rooms: &'a [Box<str>] },
    /// Sockets shall be put out; with `close`, their connections ended.
    Disconnect { target: &'a Target, close: bool },
    /// Which sockets there are.
    Fetch { target: &'a Target, request: u64 },
    /// An event for the servers themselves, which answer if there is a request.
    ServerSide { event: &'a Payload<'static>, request: Option<u64> },
}

/// An event that clients shall acknowledge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) event: &'a Payload<'static>,
    pub(crate) flags: Flags,
    pub(crate) timeout: Duration,
}

/// What whoever has asked hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A client has acknowledged, or never will.
    Acked(Id, Result<Payload<'static>, AckError>),
    /// A server has asked these sockets. Comes before their acks.
    Asked(Id, Vec<Id>),
    /// A server has these sockets.
    Sockets(Id, Vec<Snapshot>),
    /// A server has answered an event.
    ServerSide(Id, Payload<'static>),
    /// A server is gone.
    Lost(Id),
}

impl Heard {
    /// The server that says it or is gone; of an ack, the socket.
    pub(super) fn from(&self) -> Id {
        match self {
            Self::Acked(id, _)
            | Self::Asked(id, _)
            | Self::Sockets(id, _)
            | Self::ServerSide(id, _)
            | Self::Lost(id) => *id,
        }
    }
}

/// An event as servers hand it on: its name and arguments, in no client's encoding.
pub(crate) fn event(name: &str, args: impl Args) -> Result<Payload<'static>, EncodeError> {
    Payload::of_event(name, args)
}

/// The answer to an event between servers.
pub(crate) fn reply(args: impl Args) -> Result<Payload<'static>, EncodeError> {
    Payload::of_ack(args)
}
