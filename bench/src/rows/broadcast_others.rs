//! Row `broadcast-others`: servers that broadcast in a protocol of their own, ours beside them over Socket.IO.
//!
//! 1,000 subscribers of one subject, 128 B of text, 1 or 16 messages in flight; every delivery is compared. NATS wraps
//! each message in a line of its own, nchan sends the bare text: what is compared is the text.

use std::time::Duration;

use anyhow::Result;

use super::{Case, Filter, Row, Sample, Scale, broadcast, column, rate};
use crate::cpu::{Load, Meter};
use crate::crowd::Crowd;
use crate::others::Flock;
use crate::peers::{Door, OTHERS, Server};

const MEMBERS: usize = 1_000;
const BYTES: usize = 128;

pub(super) fn row(filter: &Filter) -> Vec<Row> {
    let in_flight: Vec<usize> =
        [1, 16].into_iter().filter(|count| filter.wants_in_flight(*count)).collect();
    let case = |count: &usize| Case {
        title: format!("1,000 subscribers, 128 B, {count} in flight, each its own protocol").into(),
        columns: vec![rate("deliveries/s"), column("server CPU per delivery, µs", 3)],
    };
    vec![Row {
        name: "broadcast-others",
        door: Door::SocketIo,
        peers: OTHERS.to_vec(),
        cases: in_flight.iter().map(case).collect(),
        run: Box::new(move |server, scale| run(&in_flight, server, scale)),
    }]
}

fn run(in_flight: &[usize], server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let times = [scale.warm_up, scale.window];
    let sample = |(used, deliveries): (Load, u64)| {
        Sample::new(vec![used.rate(deliveries), used.server_micros_per(deliveries)], &used)
    };
    let mut samples = Vec::new();
    if let Some(tongue) = server.peer().tongue() {
        let mut flock = Flock::gather(tongue, server.address(), MEMBERS, BYTES)?;
        for count in in_flight {
            samples.push(sample(measure(&mut flock, *count, times, server)?));
        }
        return Ok(samples);
    }
    let mut crowd = Crowd::new(server.address())?;
    let load = broadcast::Load { bytes: BYTES, is_deflated: false, is_large: false };
    let mut room = broadcast::Room::new(load);
    room.grow(MEMBERS, &mut crowd)?;
    for count in in_flight {
        let (load, delivered, _bytes) = room.measure(*count, times, server, &mut crowd)?;
        samples.push(sample((load, delivered)));
    }
    Ok(samples)
}

fn measure(
    flock: &mut Flock,
    in_flight: usize,
    [warm_up, window]: [Duration; 2],
    server: &Server,
) -> Result<(Load, u64)> {
    flock.run_for(in_flight, warm_up)?;
    let meter = Meter::start(server)?;
    let deliveries = flock.run_for(in_flight, window)?;
    let used = meter.stop(server)?;
    flock.end()?;
    Ok((used, deliveries))
}
