//! `cargo run --manifest-path examples/Cargo.toml -p conformance -- --mode sio --port 3000`
//!
//! A server for suites: mode `sio` is what the official protocol suite expects, mode `api` puts
//! every call of the API within reach of a client, for the project's own tests in `e2e/`.
//! Options: `--ping-interval`, `--ping-timeout`, `--connect-timeout`, in milliseconds.
#![allow(clippy::print_stdout, reason = "tests read what happens here")]

mod api;
mod options;
mod raw;
mod sio;

use std::io;

use switchboard::Server;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::{Mode, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    // To stderr, where the tests look for lines that they did not expect.
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let options = Options::parse(std::env::args().skip(1)).map_err(io::Error::other)?;
    let io = Server::builder()
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .connect_timeout(options.connect_timeout)
        .state(api::Counter::default())
        .build();
    match options.mode {
        Mode::Sio => sio::serve(&io),
        Mode::Api => api::serve(&io),
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", options.port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let shutdown = async {
        tokio::select! {
            _ = interrupted.recv() => (),
            _ = terminated.recv() => (),
        }
    };
    switchboard::serve(listener, io, shutdown).await
}
