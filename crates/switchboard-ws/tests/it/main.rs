//! Tests of the WebSocket floor: transcripts, every small case, any split, and the attack rows.
//!
//! One line of a transcript per step. `<` frames from the peer, `>` frames to the peer, `=` an
//! event, `!` a message that the application sends, `?` a ping that it sends, `#` a close that it
//! starts, `@` seconds that pass, `x` what ends the connection.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may start the clock and fail loudly"
)]

mod attacks;
mod bombs;
mod compression;
mod deflate;
mod every_case;
mod handshake;
mod negotiation;
mod oracle;
mod peer;
mod rules;
mod splits;
mod transcript;
