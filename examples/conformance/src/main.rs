//! `cargo run --manifest-path examples/Cargo.toml -p conformance -- --mode sio --port 3000`
//!
//! A server for suites, ours and others'. Each mode behaves as the server that the official suites
//! and clients of that layer expect:
//!
//! | mode | for |
//! |---|---|
//! | `ws` | suites of the WebSocket protocol: an echo with compression |
//! | `eio` | the official Engine.IO suite: an echo |
//! | `sio` | the official Socket.IO suite |
//! | `eio-client`, `sio-client` | the tests of the official clients |
//! | `api` | the project's own tests in `e2e/`: every call of the API within reach of a client |
//!
//! Options: `--port`, and in milliseconds `--ping-interval`, `--ping-timeout`, `--connect-timeout`;
//! for mode `api` also `--eio3 on` and `--parser msgpack`.
#![allow(clippy::print_stdout, reason = "tests read what happens here")]

mod api;
mod dates;
mod eio;
mod eio_client;
mod options;
mod raw;
mod sio;
mod sio_client;
mod ws;

use std::io;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::{Mode, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    // To stderr, where the tests look for lines that they did not expect.
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let options = Options::parse(std::env::args().skip(1)).map_err(io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    println!("listening on {}", listener.local_addr()?);
    let shutdown = async {
        tokio::select! {
            _ = interrupted.recv() => (),
            _ = terminated.recv() => (),
        }
    };
    match options.mode {
        Mode::Ws => switchboard::ws::serve(listener, ws::server(), shutdown).await,
        Mode::Eio => switchboard::engine::serve(listener, eio::server(&options), shutdown).await,
        Mode::EioClient => {
            switchboard::engine::serve(listener, eio_client::server(&options), shutdown).await
        }
        Mode::Sio => switchboard::serve(listener, sio::server(&options), shutdown).await,
        Mode::SioClient => {
            switchboard::serve(listener, sio_client::server(&options), shutdown).await
        }
        Mode::Api => switchboard::serve(listener, api::server(&options), shutdown).await,
    }
}
