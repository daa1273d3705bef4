//! Transcript tests: what the client sends, what we answer, what the application sees.
//!
//! The language of the transcripts is described in `transcript.rs`. Names that begin with a letter and
//! a number are rows of the threat table.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may start the clock and fail loudly"
)]

mod heartbeat;
mod open;
mod packet;
mod payload;
mod properties;
mod transcript;
mod transcripts;
mod v3;
