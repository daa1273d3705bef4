//! Where log lines go: to stderr, readable on a terminal, as JSON lines otherwise.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Reads what `--log-level` says: a level, or directives as `RUST_LOG` takes them.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(text)
}

/// Starts logging. The flag wins over `RUST_LOG`; without both it is `info`.
pub(crate) fn start(flag: Option<EnvFilter>) {
    let filter = flag
        .or_else(|| EnvFilter::try_from_default_env().ok())
        .unwrap_or_else(|| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second start in one process (tests) keeps the first.
    let started = if io::stderr().is_terminal() {
        log.try_init()
    } else {
        log.json().with_ansi(false).flatten_event(true).try_init()
    };
    drop(started);
}
