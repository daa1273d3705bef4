//! Row `ws-rss`: resident memory of the server for each idle plain WebSocket.
//!
//! As in the row `rss`: growth of `VmRSS` from the first hundred clients on, once it rests. With compression agreed on,
//! nothing is sent either.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Case, Column, Filter, Row, Sample, Scale, column, detail};
use crate::cpu::resident_bytes;
use crate::peers::{Door, PLAIN, Peer, Server};
use crate::plain::Swarm;

const FIRST_CLIENTS: usize = 100;
const AT_ONCE: usize = 64;
/// Memory has settled when it changed less than one percent in this time.
const CALM: Duration = Duration::from_millis(400);
const SETTLING_MAX: Duration = Duration::from_secs(5);
const COLUMNS: [Column; 2] =
    [column("RSS per client, kB (1,000 B)", 2), detail("RSS with 100 clients, MB", 1)];

/// Without and with compression, as far as `filter` lets through.
pub(super) fn rows(filter: &Filter) -> Vec<Row> {
    let wanted = [false, true].into_iter();
    wanted
        .filter(|deflate| filter.deflate.is_none_or(|wanted| wanted == *deflate))
        .map(row)
        .collect()
}

fn row(is_deflated: bool) -> Row {
    let case = |title: &'static str| Case { title: title.into(), columns: COLUMNS.to_vec() };
    let takes_part = |peer: &&Peer| !peer.is_variant() && (!is_deflated || peer.can_deflate);
    Row {
        name: "ws-rss",
        door: if is_deflated { Door::PlainDeflated } else { Door::Plain },
        peers: PLAIN.iter().copied().filter(takes_part).collect(),
        cases: if is_deflated {
            vec![case("5,000 idle WebSockets, permessage-deflate (`--quick`: 1,000)")]
        } else {
            vec![
                case("5,000 idle WebSockets (`--quick`: 1,000)"),
                case("18,000 idle WebSockets (`--quick`: 6,000)"),
            ]
        },
        run: Box::new(move |server, scale| run(is_deflated, server, scale)),
    }
}

fn run(is_deflated: bool, server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut swarm = Swarm::<TcpStream>::new(server.address(), is_deflated)?;
    swarm.grow(FIRST_CLIENTS, AT_ONCE)?;
    let before = settled_bytes(server, &mut swarm)?;
    let mut clients = 0;
    let mut samples = Vec::new();
    for wanted in [scale.idle_clients, scale.idle_sockets] {
        swarm.grow(wanted - clients, AT_ONCE)?;
        clients = wanted;
        let after = settled_bytes(server, &mut swarm)?;
        let each = (after as f64 - before as f64) / clients as f64;
        samples.push(Sample { values: vec![each / 1e3, before as f64 / 1e6], busy: None });
        if is_deflated {
            break;
        }
    }
    Ok(samples)
}

/// Waits until the server's memory rests.
fn settled_bytes(server: &Server, swarm: &mut Swarm<TcpStream>) -> Result<u64> {
    let deadline = Instant::now() + SETTLING_MAX;
    let mut last = resident_bytes(server.pid())?;
    loop {
        swarm.idle_for(CALM)?;
        let now = resident_bytes(server.pid())?;
        if now.abs_diff(last) * 100 < last || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}
