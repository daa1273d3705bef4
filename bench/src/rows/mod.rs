//! The rows of the benchmark: what each measures, against whom, and in which columns it is printed.

mod broadcast;
mod broadcast_others;
mod connect;
mod disconnect;
mod echo;
mod latency;
mod polling;
mod rooms;
mod rss;
mod rss_burst;
mod rss_h2;
mod schedule;
mod workers;
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
    /// Clients of the rows that have a large crowd.
    pub(crate) crowd: usize,
    /// Measured handshakes of the rows `connect` and `ws-connect`.
    pub(crate) handshakes: usize,
}

impl Scale {
    /// For figures that are published.
    pub(crate) const FULL: Self = Self {
        runs: 5,
        warm_up: Duration::from_millis(700),
        window: Duration::from_millis(1_500),
        idle_clients: 5_000,
        idle_sockets: 18_000,
        echo_warm_up: Duration::from_millis(400),
        echo_window: Duration::from_millis(1_000),
        crowd: 10_000,
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
        crowd: 2_000,
        handshakes: 1_000,
    };
}

/// Which tables are wanted; what is empty is not restricted.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) payloads: Vec<usize>,
    pub(crate) in_flight: Vec<usize>,
    pub(crate) deflate: Option<bool>,
}

impl Filter {
    fn wants_payload(&self, bytes: usize) -> bool {
        self.payloads.is_empty() || self.payloads.contains(&bytes)
    }

    fn wants_in_flight(&self, count: usize) -> bool {
        self.in_flight.is_empty() || self.in_flight.contains(&count)
    }
}

/// A row by its name.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// What it measures, in one line of `--help`.
    pub(crate) about: &'static str,
    /// More than one where tables are measured one after the other.
    pub(crate) rows: fn(&Filter) -> Vec<Row>,
}

/// All rows, in the order of the report.
pub(crate) static KNOWN: [Known; 29] = [
    Known::new("rss", "RSS for each of 18,000 idle Socket.IO clients", |_| vec![rss::socket_io()]),
    Known::new("rss-polling", "the same over long-polling", |_| vec![rss::polling()]),
    Known::new("rss-deflate", "the same with permessage-deflate", |_| vec![rss::deflate()]),
    Known::new("rss-tls", "the same over TLS, ours alone", |_| vec![rss::tls()]),
    Known::new("rss-burst", "RSS after a burst and 30 s of rest", |_| vec![rss_burst::socket_io()]),
    Known::new("rss-h2", "RSS for each of 100,000 HTTP/2 streams", |_| rss_h2::rows()),
    Known::new("broadcast", "one room of 1,000, 128 B, 1 and 16 in flight", broadcast::row),
    Known::new("broadcast-1k", "the same with 1 KiB", broadcast::row_1k),
    Known::new("broadcast-10k", "one room of 10,000, 128 B, beside 1,000", broadcast::row_10k),
    Known::new("broadcast-10k-1k", "the same with 1 KiB", broadcast::row_10k_1k),
    Known::new("broadcast-deflate", "one room of 1,000, 1 KiB compressed", broadcast::row_deflate),
    Known::new(
        "broadcast-others",
        "the same beside nats-server and nchan, each in its own protocol",
        broadcast_others::row,
    ),
    Known::new("echo", "event with ack, 20 B, 64 clients, 1 and 16 in flight", echo::row),
    Known::new("echo-512", "the same with 512 B", echo::row_512),
    Known::new("echo-16k", "the same with 16 KiB and 16 clients", echo::row_16k),
    Known::new("rooms", "1,000 rooms of 10, a message in flight in each", |_| vec![rooms::row()]),
    Known::new("rooms-100k", "cost per message and room with 100,000 rooms", |_| {
        vec![rooms::row_100k()]
    }),
    Known::new("polling", "HTTP long-polling alone: echo, broadcast to 1,000", polling::rows),
    Known::new("latency", "echo at half load, open loop", |_| vec![latency::row()]),
    Known::new("latency-broadcast", "broadcast to 1,000 at half load, open loop", |_| {
        vec![latency::row_broadcast()]
    }),
    Known::new("connect", "handshakes of Socket.IO over WebSocket", |_| vec![connect::row()]),
    Known::new("disconnect", "10,000 come and die at once; what another one sees", |_| {
        vec![disconnect::row()]
    }),
    Known::new("workers", "ours alone, with one and two worker threads", |_| vec![workers::row()]),
    Known::new("ws-echo", "plain WebSocket: 20 B to 1 MiB, 1 and 16 in flight", ws_echo::rows),
    Known::new("ws-rss", "plain WebSocket: RSS for each idle client", ws_rss::rows),
    Known::new("ws-rss-burst", "plain WebSocket: RSS after a burst and 30 s of rest", |_| {
        vec![rss_burst::plain()]
    }),
    Known::new("ws-connect", "plain WebSocket: handshakes", |_| vec![ws_connect::row()]),
    Known::new("ws-tls", "plain WebSocket over TLS, ours alone", |_| ws_layers::tls()),
    Known::new("ws-h2", "plain WebSocket over HTTP/2, ours alone", |_| ws_layers::http2()),
];

impl Known {
    const fn new(name: &'static str, about: &'static str, rows: fn(&Filter) -> Vec<Row>) -> Self {
        Self { name, about, rows }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.name == name)
    }
}

impl Row {
    /// How often it runs: memory hardly varies, and what has to wait would take too long.
    pub(crate) fn runs(&self, scale: &Scale) -> usize {
        let runs_max = match self.name {
            "rss-burst" | "ws-rss-burst" => 1,
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
