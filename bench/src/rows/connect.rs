//! Row `connect`: what it costs to take a new client in.
//!
//! A handshake is TCP connect, upgrade request and 101, Engine.IO open, Socket.IO CONNECT and its answer; the clients
//! stay connected, so that no disconnect is in the figures.

use anyhow::Result;

use super::{Case, Row, Sample, Scale, column, rate};
use crate::cpu::Meter;
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO_ALL, Server};

const WARM_UP_HANDSHAKES: usize = 1_000;
const AT_ONCE: usize = 64;

pub(super) fn row() -> Row {
    Row {
        name: "connect",
        door: Door::SocketIo,
        peers: SOCKET_IO_ALL.to_vec(),
        cases: vec![Case {
            title: "Handshakes, 64 at a time".into(),
            columns: vec![rate("connects/s"), column("server CPU per handshake, µs", 1)],
        }],
        run: Box::new(run),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(WARM_UP_HANDSHAKES, AT_ONCE)?;
    let meter = Meter::start(server)?;
    crowd.grow(scale.handshakes, AT_ONCE)?;
    let load = meter.stop(server)?;
    let handshakes = scale.handshakes as u64;
    Ok(vec![Sample::new(vec![load.rate(handshakes), load.server_micros_per(handshakes)], &load)])
}
