//! Tests of the server from outside: real HTTP and real sockets against the whole application on
//! a free port, and the real binary where the process itself matters.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may start the clock and fail loudly"
)]

mod binary;
mod hostile;
mod keeping;
mod live;
mod messages;
mod people;
mod plain;
mod plain_client;
mod protocol;
mod rooms;
mod server;
mod tab;
mod web;
