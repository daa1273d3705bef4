//! Socket.IO packets, attachments and acks, with no I/O.
//!
//! Messages of a transport go in, packets come out, and the other way round. This crate opens no
//! socket, starts no task and never asks what time it is. It knows no namespaces, rooms or pending
//! acks either: what a packet means is the library's business, what it says is settled here.
//!
//! | verb | called when | gives back |
//! |---|---|---|
//! | [`Decoder::receive`] | a message arrived | a [`Packet`], once its attachments are complete |
//! | [`Payload::args`] | a handler wants values | them, parsed by serde, [`Binary`] included |
//! | [`encode::event`], [`encode::ack`] | the application sends | text appended, attachments |
//! | [`msgpack::decode`], [`msgpack::event`] | the peer speaks msgpack instead | the same |
//!
//! What a peer sends is checked on the way in (shape, JSON, depth, names, placeholders, sizes) and
//! then kept as text, so that a relay forwards it byte for byte without parsing it.
//!
//! A transcript, as in `tests/it` (`<` from the peer, `=` the packet, `!` and `>` what we answer):
//!
//! ```text
//! < 51-7["file","a.txt",{"_placeholder":true,"num":0}]
//! <b 0102
//! = Event / [7] "file" "a.txt",{"_placeholder":true,"num":0} | 0102
//! ! ack / [7] "ok"
//! > 37["ok"]
//! ```
//!
//! Spec: Socket.IO protocol 5, <https://socket.io/docs/v4/socket-io-protocol/>.

mod args;
mod binary;
mod decoder;
pub mod encode;
mod error;
mod json;
pub mod msgpack;
mod packet;
mod payload;
mod placeholder;
mod value;

pub use args::{Args, RawArgs};
pub use binary::Binary;
pub use decoder::{Decoder, Input, Limits, Role};
pub use error::{ArgsError, EncodeError, PeerError};
pub use packet::{Body, Packet};
pub use payload::Payload;

/// The most attachments that official receivers accept in one packet.
pub const ATTACHMENTS_MAX: usize = 10;

/// The highest ack id: what JavaScript can count, 2^53 - 1.
pub const ID_MAX: u64 = (1 << 53) - 1;
