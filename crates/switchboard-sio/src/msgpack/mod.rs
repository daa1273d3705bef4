//! Packets as msgpack: the wire format of `socket.io-msgpack-parser`.
//!
//! One packet is one binary message: a map with `type`, `nsp` and, as needed, `data` and `id`.
//! Binary values stand where they belong, so there are no attachments to wait for and no state to
//! keep: [`decode`] is a function, not a machine. Inside, a packet is the same as one that came as
//! JSON: what it says is transcoded to JSON text, its binary values become attachments. So handlers,
//! relays and acks need not know which format their client speaks.
//!
//! | msgpack | reads as |
//! |---|---|
//! | nil, NaN, infinity | `null`, as in `JSON.stringify` |
//! | `d4 00 ..` (undefined) | nothing as the value of a key, else `null` |
//! | `d7 00` and 8 bytes (a `Date`) | its text, `"2020-01-31T12:00:00.000Z"` |
//! | bin, any other ext of type 0 (`ArrayBuffer`) | bytes |
//! | ext of any other type | `[type, bytes]` |
//! | a key that is an integer | its digits |
//! | integers | all their digits, also above 2^53 |
//!
//! Bytes are sent as bin. The official package is notepack.io 2.2.0 with a check around it.
//!
//! What one message may cost: nothing recurses, no count is believed before the bytes are there, and
//! the JSON is at most six times as long as the message, plus 31 bytes for each binary value.
//!
//! Spec: <https://github.com/msgpack/msgpack/blob/master/spec.md>; threats S1, S3, S4, S9, S14-S16.

mod date;
mod decode;
mod encode;
mod reader;
mod transcode;
mod write;

pub use decode::decode;
pub use encode::{
    ack, connect, connect_error, connect_error_v3, connect_request, connect_v3, disconnect, event,
    with_argument,
};

/// The most binary values of one packet: more close the connection with 1008, and are refused on the
/// way out. The official package has no limit. Each costs an allocation, however short it is.
pub const BINARY_MAX: usize = 1_000;
