//! The benchmark of Switchboard: a load generator that measures our server beside its peers in one run.
//!
//! `cargo xtask bench [ROW...]` calls it; `--help` tells the arguments, docs/benchmarks.md the method and the results.
//! Every row starts a fresh server for every run, in turn (A B C A B C ...), so that noise meets all alike. A wrong
//! answer, a lost or doubled message, or a connection that breaks ends it with exit code 1.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

mod client;
mod cpu;
mod crowd;
mod idle;
mod multitude;
mod others;
mod peers;
mod plain;
mod pollers;
mod report;
mod rows;
mod stats;
mod streams;
mod system;
mod wire;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::peers::{Peer, Server};
use crate::report::Results;
use crate::rows::{Filter, KNOWN, Known, Row, Scale};

const USAGE: &str = "\
usage: cargo xtask bench [ROW...] [--quick] [--runs N] [--servers NAME,...] [--no-build]
                         [--payload BYTES,...] [--in-flight N,...] [--deflate on|off]

Servers (default: all that the row knows):
  over Socket.IO: switchboard, socket.io, socketioxide, bare;
  over plain WebSocket: switchboard, tokio-tungstenite, fastwebsockets, tokio-websockets, sockudo-ws, yawc, ws, bare;
  those that can write once for several messages, with 16 in flight: tokio-tungstenite-batched,
  tokio-websockets-batched, sockudo-ws-batched, yawc-batched.

  --quick      one short run of each, to see that everything works
  --runs       so many runs instead of five
  --servers    only these
  --payload    only the tables with these payloads: of echo*, broadcast* and ws-echo
  --in-flight  only the tables with so many in flight, 1 or 16: of echo*, broadcast* and ws-echo
  --no-build   with servers as they were built before
  --deflate    only the tables of ws-echo and ws-rss with or without permessage-deflate

With any of them docs/benchmarks.md stays as it is.

usage: cargo xtask bench crowd [CLIENTS] [--quick]

So many Socket.IO clients of one server process, over HTTP/2 (default: 250,000).";

/// What `--help` tells.
fn usage() -> String {
    let row = |known: &Known| format!("  {:<18}{}\n", known.name, known.about);
    let rows: String = KNOWN.iter().map(row).collect();
    format!("{USAGE}\n\nRows (default: all):\n{rows}")
}

/// What the command line asks for.
struct Plan {
    rows: Vec<Row>,
    scale: Scale,
    /// Something was left out or shortened, so that nothing is written to docs/benchmarks.md.
    is_partial: bool,
    /// The servers are built already.
    is_built: bool,
    command: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    }
    if let Some(result) = multitude::command(&arguments) {
        return ended(result);
    }
    let Some(plan) = Plan::parse(&arguments) else {
        eprintln!("{}", usage());
        return ExitCode::from(2);
    };
    ended(run(plan))
}

fn ended(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Plan {
    fn parse(arguments: &[String]) -> Option<Self> {
        let (mut known, mut servers, mut filter) = (Vec::new(), Vec::new(), Filter::default());
        let (mut scale, mut is_partial, mut is_built) = (Scale::FULL, false, false);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with("--") {
                known.push(Known::named(argument)?);
                continue;
            }
            is_partial = true;
            match argument.as_str() {
                "--no-build" => is_built = true,
                "--quick" => scale = Scale::QUICK,
                "--runs" => scale.runs = rest.next()?.parse().ok().filter(|runs| *runs > 0)?,
                "--payload" => filter.payloads = numbers(rest.next()?)?,
                "--in-flight" => filter.in_flight = numbers(rest.next()?)?,
                "--deflate" if rest.as_slice().first()? == "on" => filter.deflate = Some(true),
                "--deflate" if rest.as_slice().first()? == "off" => filter.deflate = Some(false),
                "--servers" => {
                    let named = rest.next()?.split(',').map(Peer::named);
                    servers = named.collect::<Option<Vec<_>>>()?;
                }
                _ => return None,
            }
            if argument == "--deflate" {
                rest.next();
            }
        }
        if known.is_empty() {
            known.extend(&KNOWN);
        }
        let mut rows: Vec<Row> = known.iter().flat_map(|known| (known.rows)(&filter)).collect();
        for row in &mut rows {
            row.peers.retain(|peer| servers.is_empty() || servers.contains(peer));
        }
        rows.retain(|row| !row.peers.is_empty());
        let words = ["cargo xtask bench"].into_iter().chain(arguments.iter().map(String::as_str));
        let command = words.collect::<Vec<_>>().join(" ");
        Some(Self { rows, scale, is_partial, is_built, command })
    }
}

/// `1,16`.
fn numbers(list: &str) -> Option<Vec<usize>> {
    list.split(',').map(|number| number.parse().ok()).collect()
}

fn run(mut plan: Plan) -> Result<()> {
    // Whoever started us takes us along: servers then follow by the same means.
    set_pdeathsig(Signal::SIGTERM)?;
    let missing = left_out(&mut plan);
    for peer in peers_of(&plan.rows).into_iter().filter(|_| !plan.is_built) {
        peer.build().with_context(|| format!("cannot build {}", peer.name))?;
    }
    cpu::pin_generator()?;
    let started = Instant::now();
    for rows in plan.rows.chunk_by(|one, next| one.name == next.name) {
        let name = rows.first().map_or("", |row| row.name);
        let runs = rows.first().map_or(0, |row| row.runs(&plan.scale));
        let circumstances = report::circumstances(&plan.command, runs)?
            + "\n"
            + &report::versions(&peers_of(rows))?
            + &missing;
        println!("## {name}\n\n{circumstances}");
        let begun = Instant::now();
        let mut text = circumstances;
        for row in rows {
            let tables = report::tables(row, &measure(row, &plan.scale)?)?;
            println!("{tables}");
            text += &tables;
        }
        let took = format!("\nMeasured in {:.0} s.\n", begun.elapsed().as_secs_f64());
        println!("{took}");
        text += &took;
        if !plan.is_partial {
            let path = report::publish(name, &text)?;
            eprintln!("written to {}", path.display());
        }
    }
    eprintln!("measured in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Leaves out who cannot take part on this machine, and says so.
fn left_out(plan: &mut Plan) -> String {
    let mut text = String::new();
    for peer in peers_of(&plan.rows) {
        let Some(reason) = peer.missing() else { continue };
        let line = format!("\n**Left out: {}**, {reason}.\n", peer.name);
        eprintln!("{}", line.trim());
        text += &line;
        for row in &mut plan.rows {
            row.peers.retain(|other| *other != peer);
        }
    }
    text
}

/// Everybody who takes part in one of the rows, in the order of the fullest.
fn peers_of(rows: &[Row]) -> Vec<&'static Peer> {
    let fullest = rows.iter().max_by_key(|row| row.peers.len());
    let mut peers = fullest.map_or_else(Vec::new, |row| row.peers.clone());
    for peer in rows.iter().flat_map(|row| &row.peers) {
        if !peers.contains(peer) {
            peers.push(peer);
        }
    }
    peers
}

/// Runs a row against all servers in turn, as often as the scale says.
fn measure(row: &Row, scale: &Scale) -> Result<Vec<Results>> {
    let title = row.cases.first().map_or("", |case| &case.title);
    let mut results: Vec<Results> =
        row.peers.iter().map(|peer| Results { peer, runs: Vec::new() }).collect();
    let runs = row.runs(scale);
    for number in 1..=runs {
        for result in &mut results {
            let name = result.peer.name;
            eprintln!("{} ({title}): run {number} of {runs}: {name}", row.name);
            let server = Server::start(result.peer, row.door)?;
            let samples = (row.run)(&server, scale);
            result.runs.push(samples.with_context(|| format!("row {}, server {name}", row.name))?);
        }
    }
    Ok(results)
}
