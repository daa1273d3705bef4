//! Row `ws-connect`: what it costs to take a plain WebSocket in, and to let it go.
//!
//! First come clients that leave as soon as they are open, with the closing handshake; then as many that stay.

use std::net::TcpStream;

use anyhow::Result;

use super::{Case, Row, Sample, Scale, column, rate};
use crate::cpu::Meter;
use crate::peers::{Door, PLAIN, Server};
use crate::plain::Swarm;

const WARM_UP_HANDSHAKES: usize = 1_000;
const AT_ONCE: usize = 64;

pub(super) fn row() -> Row {
    Row {
        name: "ws-connect",
        door: Door::Plain,
        peers: PLAIN.iter().copied().filter(|peer| !peer.is_variant()).collect(),
        cases: vec![
            Case {
                title: "Handshake, closing handshake, 64 at a time".into(),
                columns: vec![rate("connections/s"), column("server CPU per connection, µs", 1)],
            },
            Case {
                title: "Handshakes of clients that stay, 64 at a time".into(),
                columns: vec![rate("handshakes/s"), column("server CPU per handshake, µs", 1)],
            },
        ],
        run: Box::new(run),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut swarm = Swarm::<TcpStream>::new(server.address(), false)?;
    let count = scale.handshakes;
    swarm.come_and_go(WARM_UP_HANDSHAKES, AT_ONCE)?;
    let meter = Meter::start(server)?;
    swarm.come_and_go(count, AT_ONCE)?;
    let with_end = meter.stop(server)?;
    let meter = Meter::start(server)?;
    swarm.grow(count, AT_ONCE)?;
    let alone = meter.stop(server)?;
    let count = count as u64;
    let values = |load: &crate::cpu::Load| vec![load.rate(count), load.server_micros_per(count)];
    Ok(vec![Sample::new(values(&with_end), &with_end), Sample::new(values(&alone), &alone)])
}
