//! Row `rss-h2`: resident memory of the server for each of 100,000 clients that are streams of HTTP/2 connections.
//!
//! As many streams to a connection as the server allows: 1,000. The growth of `VmRSS` from the first connection's worth on,
//! connections included. Heads are those of a browser, each field sent once on a connection, a cookie for each client.

use anyhow::{Result, ensure};

use super::rss::{rested_bytes, sample};
use super::{Case, Row, Sample, Scale, column, detail};
use crate::peers::{BARE_HYPER, Door, Peer, SWITCHBOARD, Server};
use crate::streams::{Fleet, Kind};

const CLIENTS: usize = 100_000;
const CLIENTS_QUICK: usize = 5_000;
const FIRST_CLIENTS: usize = 1_000;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row(Kind::Plain, "plain WebSockets", &[&SWITCHBOARD, &BARE_HYPER]),
        row(Kind::SocketIo, "Socket.IO clients over WebSocket", &[&SWITCHBOARD]),
        row(Kind::Polling, "Socket.IO clients with a poll pending", &[&SWITCHBOARD]),
    ]
}

fn row(kind: Kind, what: &'static str, peers: &[&'static Peer]) -> Row {
    let columns = vec![
        column("RSS per client, kB (1,000 B)", 2),
        detail("RSS with 1,000 clients, MB", 1),
        detail("server CPU per handshake, µs", 1),
    ];
    Row {
        name: "rss-h2",
        door: if kind == Kind::Plain { Door::Plain } else { Door::SocketIo },
        peers: peers.to_vec(),
        cases: vec![Case {
            title: format!("100,000 {what}, HTTP/2 (`--quick`: 5,000)").into(),
            columns,
        }],
        run: Box::new(move |server, scale| run(kind, server, scale)),
    }
}

fn run(kind: Kind, server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let clients = if scale.idle_sockets < 18_000 { CLIENTS_QUICK } else { CLIENTS };
    let mut fleet = Fleet::new(server.address(), 0)?;
    fleet.grow(kind, FIRST_CLIENTS)?;
    let before = rested_bytes(server, |length| fleet.idle_for(length))?;
    let meter = crate::cpu::Meter::start(server)?;
    fleet.grow(kind, clients - FIRST_CLIENTS)?;
    let load = meter.stop(server)?;
    let after = rested_bytes(server, |length| fleet.idle_for(length))?;
    ensure!(fleet.ready() == clients, "{} clients are left", fleet.ready());
    let mut sample = sample(before, after, clients - FIRST_CLIENTS);
    sample.values.push(load.server_micros_per((clients - FIRST_CLIENTS) as u64));
    Ok(vec![sample])
}
