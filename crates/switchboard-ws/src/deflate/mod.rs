//! permessage-deflate: agreeing on it, and the compression itself.
//!
//! | verb | who calls it | gives back |
//! |---|---|---|
//! | [`negotiate`] | a server, with what the client offered | an [`Agreement`], whose [`response`](Agreement::response) is the answer |
//! | [`offer`], [`accept`] | a client, before and after the answer | the header to send, and an [`Agreement`] |
//! | [`Connection::with_deflate`](crate::Connection::with_deflate) | both | a connection that inflates what arrives and compresses what it sends |
//! | [`Compressor::write_frame`] | who writes frames without a connection | a frame |
//! | [`encode_shared`] | a server that broadcasts | one compressed frame for many connections |
//!
//! # Memory
//!
//! By default no context is taken over from message to message, in neither direction. Then a
//! connection owns 48 bytes for it, and no state between messages: each thread keeps a few states
//! and lends them, one message at a time. A compressed message that arrives in pieces holds one meanwhile,
//! about 45 kB. Where context takeover is agreed, a connection owns its state from the first
//! compressed message on: about 330 kB to compress and 45 to 110 kB to inflate.
//!
//! # What is refused
//!
//! The decompressed size is checked while inflating, in steps of at most 64 KiB, so a message that
//! would unpack beyond [`Limits::message_bytes_max`](crate::Limits) costs no more than that limit.
//! The compressed size is bounded too, by the same limit and an eighth. Data that is no deflate
//! stream, or one that refers to bytes before its beginning, is
//! [`PeerError::BadCompression`](crate::PeerError), close code 1007. One message may consist of at
//! most 256 deflate streams (blocks with BFINAL end one).
//!
//! Spec: RFC 7692; RFC 1951 for the compressed data.
//!
//! ```
//! use switchboard_ws::deflate::{self, Config};
//!
//! let config = Config::default();
//! let offered: &[u8] = b"permessage-deflate; client_max_window_bits";
//! let agreement = deflate::negotiate(&config, [offered]).unwrap();
//! assert_eq!(
//!     agreement.response(),
//!     "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
//! );
//! ```

mod compressor;
mod config;
mod engine;
mod header;
mod inflation;
mod negotiation;
mod pool;

pub use compressor::{Compressor, encode_shared};
pub use config::{Agreement, Config};
pub(crate) use inflation::Inflation;
pub use negotiation::{BadExtension, accept, negotiate, offer};

/// What both directions of one connection need.
#[derive(Debug)]
pub(crate) struct Deflation {
    pub(crate) compressor: Compressor,
    pub(crate) inflation: Inflation,
    /// Whether the message that arrives is compressed.
    pub(crate) is_compressed: bool,
}
