//! Row `ws-echo`: text messages there and back over plain WebSocket.
//!
//! Sixteen tables: 20 B, 512 B, 16 KiB and 1 MiB, with one and with 16 messages in flight on each connection, as they are
//! and compressed. Each client sends an answered message again at once; what one read brings is answered by one write.

use std::net::TcpStream;

use anyhow::Result;

use super::{Case, Column, Filter, Row, Sample, Scale, column, detail, rate};
use crate::cpu::Meter;
use crate::peers::{BARE, Door, PLAIN, Peer, Server};
use crate::plain::{Answering, Kind, Messages, Swarm, Transport};

/// Payload, its name, and how many clients there are.
const PAYLOADS: [(usize, &str, usize); 4] =
    [(20, "20 B", 64), (512, "512 B", 64), (16 << 10, "16 KiB", 16), (1 << 20, "1 MiB", 4)];
const IN_FLIGHT: [usize; 2] = [1, 16];
const COLUMNS: [Column; 2] = [rate("messages/s"), column("server CPU per message, µs", 3)];
const DEFLATE_COLUMNS: [Column; 3] =
    [rate("messages/s"), column("server CPU per message, µs", 2), detail("bytes of an answer", 0)];

/// One table.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) kind: Kind,
    pub(super) clients: usize,
    pub(super) in_flight: usize,
}

/// The tables that `filter` lets through.
pub(super) fn rows(filter: &Filter) -> Vec<Row> {
    let mut rows = Vec::new();
    for is_deflated in [false, true] {
        for (payload_bytes, name, clients) in PAYLOADS {
            for in_flight in IN_FLIGHT {
                let kind = Kind { payload_bytes, is_deflated };
                let load = Load { kind, clients, in_flight };
                if filter.lets_through(&load) {
                    rows.push(row(load, name));
                }
            }
        }
    }
    rows
}

impl Filter {
    fn lets_through(&self, load: &Load) -> bool {
        self.wants_payload(load.kind.payload_bytes)
            && self.wants_in_flight(load.in_flight)
            && self.deflate.is_none_or(|deflate| deflate == load.kind.is_deflated)
    }
}

fn row(load: Load, payload: &str) -> Row {
    let (clients, in_flight) = (load.clients, load.in_flight);
    let manner = if load.kind.is_deflated { ", permessage-deflate" } else { "" };
    let title = format!("{payload}, {in_flight} in flight, {clients} clients{manner}");
    let columns = if load.kind.is_deflated { DEFLATE_COLUMNS.to_vec() } else { COLUMNS.to_vec() };
    // Where there is nothing to batch, batching peers would be there twice.
    let takes_part = |peer: &&Peer| {
        (!load.kind.is_deflated || peer.can_deflate) && (in_flight > 1 || !peer.is_variant())
    };
    Row {
        name: "ws-echo",
        door: if load.kind.is_deflated { Door::PlainDeflated } else { Door::Plain },
        peers: PLAIN.iter().copied().filter(takes_part).collect(),
        cases: vec![Case { title: title.into(), columns }],
        run: Box::new(move |server, scale| run::<TcpStream>(load, server, scale)),
    }
}

/// Echoes over any transport.
pub(super) fn run<T: Transport>(load: Load, server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let answering = if server.peer() == &BARE { Answering::AsReceived } else { Answering::Echo };
    let messages = Messages::new(load.kind, answering)?;
    let mut swarm = Swarm::<T>::new(server.address(), load.kind.is_deflated)?;
    swarm.grow(load.clients, load.clients)?;
    swarm.begin(load.in_flight, &messages)?;
    swarm.run_for(scale.echo_warm_up, &messages)?;
    let meter = Meter::start(server)?;
    let answered = swarm.run_for(scale.echo_window, &messages)?;
    let used = meter.stop(server)?;
    swarm.end((load.clients * load.in_flight) as u64, &messages)?;
    let count = answered.messages;
    let mut values = vec![used.rate(count), used.server_micros_per(count)];
    if load.kind.is_deflated {
        values.push(answered.bytes as f64 / count as f64);
    }
    Ok(vec![Sample::new(values, &used)])
}
