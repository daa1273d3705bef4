//! Row `workers`: does a second worker thread serve as much again?
//!
//! One process with one worker has the server's core, one with two workers has both, with the generator as a guest on the
//! second. So the load is one that costs the generator little: events whose handler computes for some 20 µs, without
//! memory or system calls. Its rate is what was measured; what the generator took from the second core is beside it. The
//! last column takes that out: messages for each second of server CPU, times the workers. It is the whole truth only as
//! long as the two do not wait for each other; then their cores would idle, which *cores used* shows. The plain echo is
//! there to show the same for events that cost next to nothing, where the generator needs most of the second core.

use std::collections::HashMap;
use std::fs;

use anyhow::Result;
use nix::unistd::Pid;

use super::echo::{Echoes, Load};
use super::{Case, Column, Row, Sample, Scale, column, detail};
use crate::cpu::Meter;
use crate::crowd::Crowd;
use crate::peers::{Door, ONE_WORKER, Server, TWO_WORKERS};

const WORK: Load = Load { event: "work", bytes: 20, clients: 64 };
const ECHO: Load = Load { event: "echo", bytes: 20, clients: 64 };
const WORK_IN_FLIGHT: u16 = 4;
const ECHO_IN_FLIGHT: u16 = 16;

pub(super) fn row() -> Row {
    let case = |title: &'static str| Case { title: title.into(), columns: columns() };
    Row {
        name: "workers",
        door: Door::SocketIoWork,
        peers: vec![&TWO_WORKERS, &ONE_WORKER],
        cases: vec![
            case("64 clients, 4 in flight each, a handler that computes for 20 µs"),
            case("64 clients, 16 in flight each, echo of 20 B"),
        ],
        run: Box::new(run),
    }
}

fn columns() -> Vec<Column> {
    vec![
        column("messages/s", 0),
        column("server CPU per message, µs", 2),
        detail("cores used", 2),
        detail("busiest thread, % of it", 0),
        detail("next, %", 0),
        detail("generator busy, %", 0),
        column("messages/s with a core for each worker", 0),
    ]
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(WORK.clients, WORK.clients)?;
    [(WORK, WORK_IN_FLIGHT), (ECHO, ECHO_IN_FLIGHT)]
        .map(|(load, in_flight)| measure(load, in_flight, server, scale, &mut crowd))
        .into_iter()
        .collect()
}

fn measure(
    load: Load,
    in_flight: u16,
    server: &Server,
    scale: &Scale,
    crowd: &mut Crowd,
) -> Result<Sample> {
    let mut echoes = Echoes::new(load, in_flight)?;
    echoes.begin(crowd)?;
    echoes.run_for(scale.warm_up, crowd)?;
    echoes.forget();
    let before = threads(server.pid())?;
    let meter = Meter::start(server)?;
    echoes.run_for(scale.window, crowd)?;
    let used = meter.stop(server)?;
    let answered = echoes.answered;
    let [busiest, next] = busiest(&before, &threads(server.pid())?);
    echoes.end(crowd)?;
    let micros = used.server_micros_per(answered);
    let workers = if server.peer() == &TWO_WORKERS { 2.0 } else { 1.0 };
    let values = vec![
        used.rate(answered),
        micros,
        used.server_busy(),
        busiest * 100.0,
        next * 100.0,
        used.generator_busy() * 100.0,
        workers * 1e6 / micros,
    ];
    Ok(Sample { values, busy: None })
}

/// Nanoseconds that each thread of a process has run, by its number.
fn threads(pid: Pid) -> Result<HashMap<u32, u64>> {
    let mut threads = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let folder = entry?.path();
        let number = folder.file_name().and_then(|name| name.to_str());
        let number: Option<u32> = number.and_then(|number| number.parse().ok());
        // A thread that ended meanwhile has done nothing.
        let ran = fs::read_to_string(folder.join("schedstat")).unwrap_or_default();
        let ran = ran.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok());
        threads.extend(number.zip(ran));
    }
    Ok(threads)
}

/// Shares of all CPU time between two readings that the two busiest threads used.
fn busiest(before: &HashMap<u32, u64>, after: &HashMap<u32, u64>) -> [f64; 2] {
    let used = |(thread, ran): (&u32, &u64)| {
        ran.saturating_sub(before.get(thread).copied().unwrap_or_default())
    };
    let mut used: Vec<u64> = after.iter().map(used).collect();
    used.sort_unstable_by(|a, b| b.cmp(a));
    let all: u64 = used.iter().sum();
    [0, 1].map(|place| used.get(place).copied().unwrap_or_default() as f64 / all.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_threads_are_those_of_the_time_in_between() {
        let before = HashMap::from([(1, 1_000), (2, 5_000)]);
        let after = HashMap::from([(1, 1_000), (2, 5_300), (3, 100)]);
        assert_eq!(busiest(&before, &after), [0.75, 0.25]);
        assert_eq!(busiest(&after, &after), [0.0, 0.0]);
    }
}
