//! `cargo run --release --manifest-path examples/Cargo.toml -p autobahn -- server`
//!
//! The two ends that the Autobahn cases talk to (`docs/autobahn.md`). `server` echoes whatever a
//! fuzzing client sends; `client HOST:PORT` asks a fuzzing server how many cases there are, and
//! echoes in each. Both as programs that use the library would be, with limits that let the
//! largest cases through.
#![allow(clippy::print_stdout, reason = "the suite reads where we listen")]

mod client;
mod mode;
mod server;

use std::error::Error;
use std::io;

use crate::mode::{Mode, Role};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // To stderr, where the suite looks for complaints.
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let mode = Mode::parse(std::env::args().skip(1))?;
    let options = mode.options();
    match mode.role {
        Role::Server { port } => Ok(server::serve(port, options).await?),
        Role::Client { address } => client::run_cases(address, options, mode.parallel).await,
    }
}
