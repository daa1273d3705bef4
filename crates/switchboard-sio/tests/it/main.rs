//! Transcript tests: what the peer sends, what the application sees, what we send.
//!
//! One line per step. `<` text from the peer, `<b` a binary message from the peer, `=` a packet,
//! `x` the error that ends the connection, `!` what the application sends, `>` and `>b` the text
//! and the attachments that it becomes. See `transcript` for how each is written.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may start the clock and fail loudly"
)]

mod grammar;
mod msgpack;
mod msgpack_properties;
mod msgpack_threats;
mod packets;
mod properties;
mod sending;
mod threats;
mod transcript;
mod transcripts;
mod tree;
mod values;
