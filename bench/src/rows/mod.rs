//! The rows of the benchmark: what each measures and in which columns it is printed.

mod broadcast;
mod connect;
mod echo;
mod rss;

use std::time::Duration;

use anyhow::Result;

use crate::cpu::Load;
use crate::peers::Server;

/// One row: a kind of load that every server gets in turn.
pub(crate) struct Row {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The tables that it fills, in order.
    pub(crate) cases: &'static [Case],
    /// Loads one fresh server and returns a sample for each case.
    pub(crate) run: fn(&Server, &Scale) -> Result<Vec<Sample>>,
}

/// One table of a row.
pub(crate) struct Case {
    /// Its heading.
    pub(crate) title: &'static str,
    pub(crate) columns: &'static [Column],
}

/// One column of a table.
pub(crate) struct Column {
    /// Its heading, with the unit.
    pub(crate) title: &'static str,
    pub(crate) decimals: usize,
    /// Is ours divided by each peer's?
    pub(crate) is_compared: bool,
    /// Is it a rate that the generator could limit?
    pub(crate) is_rate: bool,
}

/// What one run against one server gave for one case.
#[derive(Clone)]
pub(crate) struct Sample {
    /// One value for each column.
    pub(crate) values: Vec<f64>,
    /// Share of its core that each side used, 0 to 1; `None` where nothing was going on.
    pub(crate) busy: Option<Busy>,
}

/// Shares of a core, 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Busy {
    pub(crate) server: f64,
    pub(crate) generator: f64,
    /// What something else took from either, the larger of the two.
    pub(crate) disturbed: f64,
}

impl Sample {
    fn new(values: Vec<f64>, load: &Load) -> Self {
        let (server, generator) = (load.server_busy(), load.generator_busy());
        Self { values, busy: Some(Busy { server, generator, disturbed: load.disturbed() }) }
    }
}

/// How much of everything.
pub(crate) struct Scale {
    /// Runs of each row.
    pub(crate) runs: usize,
    /// Load before the measurement begins: caches fill, just-in-time compilers compile.
    pub(crate) warm_up: Duration,
    /// Length of a measurement.
    pub(crate) window: Duration,
    /// Clients of the row `rss`.
    pub(crate) idle_clients: usize,
    /// Measured handshakes of the row `connect`.
    pub(crate) handshakes: usize,
}

impl Scale {
    /// For figures that are published.
    pub(crate) const FULL: Self = Self {
        runs: 5,
        warm_up: Duration::from_millis(700),
        window: Duration::from_millis(1_800),
        idle_clients: 5_000,
        handshakes: 10_000,
    };
    /// For a look whether everything still works.
    pub(crate) const QUICK: Self = Self {
        runs: 1,
        warm_up: Duration::from_millis(100),
        window: Duration::from_millis(400),
        idle_clients: 1_000,
        handshakes: 1_000,
    };
}

/// All rows, in the order of the report.
pub(crate) const ROWS: [&Row; 4] = [&rss::ROW, &broadcast::ROW, &echo::ROW, &connect::ROW];

const fn column(title: &'static str, decimals: usize) -> Column {
    Column { title, decimals, is_compared: true, is_rate: false }
}

const fn rate(title: &'static str) -> Column {
    Column { title, decimals: 0, is_compared: true, is_rate: true }
}

const fn detail(title: &'static str, decimals: usize) -> Column {
    Column { title, decimals, is_compared: false, is_rate: false }
}
