//! The rows: each does one kind of work a given number of times, always in the same way.
//!
//! Servers are the real library on a runtime of one thread. Their clients are sockets of the same thread, over loopback,
//! so that nothing depends on which thread runs first: the kernel delivers what is written before the next line runs.

mod echo;
mod fan_out;
mod floors;
mod handshake;
mod polling;
mod rooms;

use anyhow::Result;

/// One kind of work.
pub(crate) struct Row {
    /// Its name in the table and in the baseline.
    pub(crate) name: &'static str,
    /// What is counted once.
    pub(crate) unit: &'static str,
    /// How many of those one turn of the row does.
    pub(crate) units_per_turn: u32,
    /// Turns of the shorter run. The difference to the longer one is what counts.
    pub(crate) turns_few: u32,
    pub(crate) turns_many: u32,
    pub(crate) run: Run,
}

/// Does so many turns.
pub(crate) type Run = fn(u32) -> Result<()>;

/// All rows, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    [
        floors::rows(),
        echo::rows(),
        fan_out::rows(),
        handshake::rows(),
        rooms::rows(),
        polling::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Twenty bytes, as in the row `echo` of the benchmark.
const TEXT_20: &str = "20 bytes of message.";
