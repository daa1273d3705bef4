//! The benchmark of Switchboard: a load generator that measures our server beside its peers in one run.
//!
//! `cargo xtask bench [ROW...]` calls it; `--help` tells the arguments, docs/benchmarks.md the method and the results.
//! Every row starts a fresh server for every run, in turn (A B C A B C ...), so that noise meets all alike. A wrong
//! answer, a lost or doubled message, or a connection that breaks ends it with exit code 1.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

mod client;
mod cpu;
mod crowd;
mod peers;
mod report;
mod rows;
mod stats;
mod wire;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::peers::{Peer, Server};
use crate::report::Results;
use crate::rows::{ROWS, Row, Scale};

const USAGE: &str = "\
usage: cargo xtask bench [ROW...] [--quick] [--servers NAME,...]

Rows (default: all): rss, broadcast, echo, connect.
Servers (default: all): switchboard, socket.io, socketioxide, bare.

  --quick    one short run of each, to see that everything works; docs/benchmarks.md stays as it is
  --servers  only these; docs/benchmarks.md stays as it is";

/// What the command line asks for.
struct Plan {
    rows: Vec<&'static Row>,
    peers: Vec<Peer>,
    is_quick: bool,
    command: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(plan) = Plan::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Plan {
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut plan =
            Self { rows: Vec::new(), peers: Vec::new(), is_quick: false, command: String::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--quick" {
                plan.is_quick = true;
            } else if argument == "--servers" {
                for name in rest.next()?.split(',') {
                    plan.peers.push(Peer::ALL.into_iter().find(|peer| peer.name() == name)?);
                }
            } else {
                plan.rows.push(ROWS.into_iter().find(|row| row.name == argument)?);
            }
        }
        if plan.rows.is_empty() {
            plan.rows.extend(ROWS);
        }
        if plan.peers.is_empty() {
            plan.peers.extend(Peer::ALL);
        }
        plan.command = ["cargo xtask bench"]
            .into_iter()
            .chain(arguments.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ");
        Some(plan)
    }

    /// Only full runs of all servers are published.
    fn is_published(&self) -> bool {
        !self.is_quick && self.peers.len() == Peer::ALL.len()
    }
}

fn run(plan: &Plan) -> Result<()> {
    // Whoever started us takes us along: servers then follow by the same means.
    set_pdeathsig(Signal::SIGTERM)?;
    for peer in &plan.peers {
        peer.build().with_context(|| format!("cannot build {}", peer.name()))?;
    }
    cpu::pin_generator()?;
    let scale = if plan.is_quick { Scale::QUICK } else { Scale::FULL };
    let circumstances =
        report::circumstances(&plan.command, scale.runs)? + "\n" + &report::versions(&plan.peers)?;
    println!("{circumstances}");
    let started = Instant::now();
    for row in &plan.rows {
        let results = measure(row, &plan.peers, &scale)?;
        let text = report::tables(row, &results)?;
        println!("## {}\n{text}", row.name);
        if plan.is_published() {
            let path = report::publish(row.name, &format!("{circumstances}{text}"))?;
            eprintln!("written to {}", path.display());
        }
    }
    eprintln!("measured in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a row against all servers in turn, as often as the scale says.
fn measure(row: &Row, peers: &[Peer], scale: &Scale) -> Result<Vec<Results>> {
    let mut results: Vec<Results> =
        peers.iter().map(|peer| Results { peer: *peer, runs: Vec::new() }).collect();
    for number in 1..=scale.runs {
        for result in &mut results {
            let name = result.peer.name();
            eprintln!("{}: run {number} of {}: {name}", row.name, scale.runs);
            let server = Server::start(result.peer)?;
            let samples = (row.run)(&server, scale);
            result.runs.push(samples.with_context(|| format!("row {}, server {name}", row.name))?);
        }
    }
    Ok(results)
}
