//! The rows of the benchmark: what each measures, against whom, and in which columns it is printed.

mod broadcast;
mod connect;
mod echo;
mod rss;
mod rss_burst;
mod rss_h2;
mod ws_connect;
mod ws_echo;
mod ws_layers;
mod ws_rss;

use std::borrow::Cow;
use std::time::Duration;

use anyhow::Result;

use crate::cpu::Load;
use crate::peers::{Door, Peer, Server};

/// A kind of load that every server gets in turn, and the tables that it fills.
pub(crate) struct Row {
    /// Its name on the command line; rows of one name stand together in the report.
    pub(crate) name: &'static str,
    /// What the servers have to serve.
    pub(crate) door: Door,
    /// Who takes part, in the order of the report.
    pub(crate) peers: Vec<&'static Peer>,
    /// The tables that it fills, in order.
    pub(crate) cases: Vec<Case>,
    pub(crate) run: Run,
}

/// Loads one fresh server and returns a sample for each case.
pub(crate) type Run = Box<dyn Fn(&Server, &Scale) -> Result<Vec<Sample>>>;

/// One table of a row.
pub(crate) struct Case {
    /// Its heading.
    pub(crate) title: Cow<'static, str>,
    pub(crate) columns: Vec<Column>,
}

/// One column of a table.
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// Runs of each row.
    pub(crate) runs: usize,
    /// Load before the measurement begins: caches fill, just-in-time compilers compile.
    pub(crate) warm_up: Duration,
    /// Length of a measurement.
    pub(crate) window: Duration,
    /// Clients of the row `rss`.
    pub(crate) idle_clients: usize,
    /// All clients of the row `ws-rss`; the first 5,000 are counted by themselves, too.
    pub(crate) idle_sockets: usize,
    /// Load before a measurement of the row `ws-echo`.
    pub(crate) echo_warm_up: Duration,
    /// Length of a measurement of the row `ws-echo`, which has many.
    pub(crate) echo_window: Duration,
    /// Measured handshakes of the rows `connect` and `ws-connect`.
    pub(crate) handshakes: usize,
}

impl Scale {
    /// For figures that are published.
    pub(crate) const FULL: Self = Self {
        runs: 5,
        warm_up: Duration::from_millis(700),
        window: Duration::from_millis(1_800),
        idle_clients: 5_000,
        idle_sockets: 18_000,
        echo_warm_up: Duration::from_millis(400),
        echo_window: Duration::from_millis(1_000),
        handshakes: 10_000,
    };
    /// For a look whether everything still works.
    pub(crate) const QUICK: Self = Self {
        runs: 1,
        warm_up: Duration::from_millis(100),
        window: Duration::from_millis(400),
        idle_clients: 1_000,
        idle_sockets: 6_000,
        echo_warm_up: Duration::from_millis(100),
        echo_window: Duration::from_millis(300),
        handshakes: 1_000,
    };
}

/// Which tables of the rows `ws-*` are wanted; what is empty is not restricted.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) payloads: Vec<usize>,
    pub(crate) in_flight: Vec<usize>,
    pub(crate) deflate: Option<bool>,
}

/// Names of all rows, in the order of the report.
pub(crate) const NAMES: [&str; 14] = [
    "rss",
    "rss-polling",
    "rss-deflate",
    "rss-tls",
    "rss-burst",
    "rss-h2",
    "broadcast",
    "echo",
    "connect",
    "ws-echo",
    "ws-rss",
    "ws-connect",
    "ws-tls",
    "ws-h2",
];

/// The rows of that name; more than one where tables are measured one after the other.
pub(crate) fn named(name: &str, filter: &Filter) -> Vec<Row> {
    match name {
        "rss" => vec![rss::socket_io()],
        "rss-polling" => vec![rss::polling()],
        "rss-deflate" => vec![rss::deflate()],
        "rss-tls" => vec![rss::tls()],
        "rss-burst" => rss_burst::rows(),
        "rss-h2" => rss_h2::rows(),
        "broadcast" => vec![broadcast::row()],
        "echo" => vec![echo::row()],
        "connect" => vec![connect::row()],
        "ws-echo" => ws_echo::rows(filter),
        "ws-rss" => ws_rss::rows(filter),
        "ws-connect" => vec![ws_connect::row()],
        "ws-tls" => ws_layers::tls(),
        "ws-h2" => ws_layers::http2(),
        _ => Vec::new(),
    }
}

impl Row {
    /// How often it runs: memory hardly varies, and what has to wait would take too long.
    pub(crate) fn runs(&self, scale: &Scale) -> usize {
        let runs_max = match self.name {
            "rss-burst" => 1,
            "rss-h2" => 2,
            name if name.starts_with("rss") => 3,
            _ => usize::MAX,
        };
        scale.runs.min(runs_max)
    }
}

const fn column(title: &'static str, decimals: usize) -> Column {
    Column { title, decimals, is_compared: true, is_rate: false }
}

const fn rate(title: &'static str) -> Column {
    Column { title, decimals: 0, is_compared: true, is_rate: true }
}

const fn detail(title: &'static str, decimals: usize) -> Column {
    Column { title, decimals, is_compared: false, is_rate: false }
}
