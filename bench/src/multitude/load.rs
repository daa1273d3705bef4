//! A load process of the crowd. It does what it reads from its standard input, a line for each order, and answers there.
//!
//! | order | answer |
//! |---|---|
//! | `grow SOCKETS POLLS` | `grown` when all of them are ready |
//! | `heartbeats` | `heartbeats COUNT`, answered until now |
//! | none | `delivered NUMBER COUNT` with `MICROS:COUNT`... for WebSockets, `/`, and the same for polling, when all have a broadcast |
//!
//! It ends when its input does.

use std::io::{Read, Write, stdin, stdout};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::streams::{Fleet, Kind};

/// Longest wait for something to happen.
const WAIT_MILLIS: u8 = 200;

/// `ADDRESS FIRST_NUMBER`: where the server is, and what the first client is called.
pub(super) fn run(arguments: &[&str]) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let &[address, first_number] = arguments else { bail!("wants ADDRESS FIRST_NUMBER") };
    let server: SocketAddr = address.parse()?;
    let mut fleet = Fleet::new(server, first_number.parse()?)?;
    let input = stdin();
    fleet.watch_other(input.as_fd())?;
    let (mut orders, mut told) = (Vec::new(), 0);
    loop {
        if fleet.turn(WAIT_MILLIS)? {
            let mut bytes = [0; 256];
            // Not by the buffer of `stdin`, which epoll cannot see into: an order is shorter than what is read.
            let count = input.lock().read(&mut bytes)?;
            if count == 0 {
                return Ok(());
            }
            orders.extend_from_slice(bytes.get(..count).unwrap_or_default());
            while let Some(end) = orders.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = orders.drain(..=end).collect();
                obey(std::str::from_utf8(&line)?.trim(), &mut fleet)?;
            }
        }
        let tally = &fleet.tally;
        if tally.number > told && tally.delivered == tally.ready {
            told = tally.number;
            let (sockets, polls) = (listed(&tally.sockets), listed(&tally.polls));
            say(&format!("delivered {told} {} {sockets}/{polls}", tally.delivered))?;
        }
    }
}

fn obey(order: &str, fleet: &mut Fleet) -> Result<()> {
    match *order.split(' ').collect::<Vec<_>>() {
        ["grow", sockets, polls] => {
            fleet.grow(Kind::SocketIo, sockets.parse()?)?;
            fleet.grow(Kind::Polling, polls.parse()?)?;
            say("grown")
        }
        ["heartbeats"] => say(&format!("heartbeats {}", fleet.tally.heartbeats)),
        _ => bail!("an unknown order: {order:?}"),
    }
}

fn say(line: &str) -> Result<()> {
    writeln!(stdout(), "{line}").context("nobody listens")
}

/// `MICROS:COUNT`, one after the other.
fn listed(latencies: &Histogram<u64>) -> String {
    let values = latencies.iter_recorded();
    values.map(|it| format!("{}:{} ", it.value_iterated_to(), it.count_at_value())).collect()
}
