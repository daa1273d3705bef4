//! `cargo xtask bench crowd [CLIENTS]`: hundreds of thousands of live Socket.IO clients of one server process.
//!
//! Four fifths are WebSockets, one fifth long-polling with a poll always pending; all of them streams of HTTP/2
//! connections, held by several load processes ([`load`]) that end with this one. Heartbeats are on and answered.
//! A client that is lost ends it with an error.

mod load;
mod memory;
mod scene;

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use self::memory::Memory;
use self::scene::{Delivered, Scene};
use crate::cpu;
use crate::peers::SWITCHBOARD;
use crate::report;

const CLIENTS: usize = 250_000;
const CLIENTS_QUICK: usize = 10_000;
/// The first argument of a load process.
const LOAD: &str = "crowd-load";
/// Clients that come before memory is looked at again.
const STEP: usize = 50_000;
/// One client in so many polls.
const POLLING_SHARE: usize = 5;
/// A little more than a heartbeat's interval.
const IDLE: Duration = Duration::from_secs(26);
const IDLE_QUICK: Duration = Duration::from_secs(3);
const BROADCASTS: u32 = 7;
/// With less memory left on the machine the crowd grows no further.
const AVAILABLE_MIN: u64 = 1_500_000_000;

/// Runs the command if `arguments` ask for it.
pub(crate) fn command(arguments: &[String]) -> Option<Result<()>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.split_first()? {
        (&"crowd", rest) => {
            let is_quick = rest.contains(&"--quick");
            let number = rest.iter().find_map(|word| word.parse().ok());
            let default = if is_quick { CLIENTS_QUICK } else { CLIENTS };
            let is_default = rest.is_empty();
            Some(run(number.unwrap_or(default), is_quick, is_default))
        }
        (&LOAD, rest) => Some(load::run(rest)),
        _ => None,
    }
}

fn run(clients: usize, is_quick: bool, is_default: bool) -> Result<()> {
    set_pdeathsig(Signal::SIGTERM)?;
    SWITCHBOARD.build()?;
    cpu::pin_generator()?;
    let words = if is_default { String::new() } else { format!(" {clients}") };
    let command = format!("cargo xtask bench crowd{words}");
    let mut text = report::circumstances(&command, 1)?;
    let measured = measure(clients, is_quick, &mut text);
    if let Err(error) = &measured {
        writeln!(text, "\nHere it ends: {error:#}.")?;
    }
    print_all(&text);
    measured?;
    if is_default {
        report::publish("crowd", &text)?;
    }
    Ok(())
}

/// Everything that is looked at; what was seen before an error is in `text`, too.
fn measure(clients: usize, is_quick: bool, text: &mut String) -> Result<()> {
    let mut scene = Scene::start()?;
    let empty = Memory::now(&scene)?;
    let grown = grow(&mut scene, clients, text)?;
    let full = Memory::now(&scene)?;
    writeln!(text, "\n{}", full.table(&empty, grown))?;
    scene.rest(Duration::from_secs(2))?;
    idle(&mut scene, if is_quick { IDLE_QUICK } else { IDLE }, text)?;
    broadcasts(&mut scene, grown, is_quick, text)?;
    scene.rest(Duration::from_secs(2))?;
    let end = Memory::now(&scene)?;
    writeln!(
        text,
        "\nAfter the broadcasts the server holds {:.0} MB, {:.3} times as much as before them.",
        end.server as f64 / 1e6,
        end.server as f64 / full.server as f64
    )?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the results")]
fn print_all(text: &str) {
    println!("## crowd\n\n{text}");
}

/// Clients come until there are `clients`, or no memory is left for more. Returns how many there are.
fn grow(scene: &mut Scene, clients: usize, text: &mut String) -> Result<usize> {
    writeln!(text, "\n### Growing\n")?;
    writeln!(
        text,
        "| clients | connects/s | server CPU per connect, µs | server RSS, MB | load RSS, MB |"
    )?;
    writeln!(text, "|---:|---:|---:|---:|---:|")?;
    let mut grown = 0;
    while grown < clients {
        let step = STEP.min(clients - grown);
        let (started, before) = (Instant::now(), scene.server_cpu()?);
        scene.grow(step - step / POLLING_SHARE, step / POLLING_SHARE)?;
        grown += step;
        let (wall, used) = (started.elapsed(), scene.server_cpu()?.saturating_sub(before));
        let memory = Memory::now(scene)?;
        let line = format!(
            "| {grown} | {:.0} | {:.1} | {:.0} | {:.0} |",
            step as f64 / wall.as_secs_f64(),
            used.as_secs_f64() * 1e6 / step as f64,
            memory.server as f64 / 1e6,
            memory.load as f64 / 1e6
        );
        scene::tell(&line);
        writeln!(text, "{line}")?;
        if memory.available < AVAILABLE_MIN && grown < clients {
            let left = memory.available / 1_000_000;
            writeln!(text, "\nHere it ends: {left} MB of memory are left on the machine.")?;
            break;
        }
    }
    Ok(grown)
}

/// Heartbeats, and nothing else.
fn idle(scene: &mut Scene, length: Duration, text: &mut String) -> Result<()> {
    let before = (scene.heartbeats()?, scene.server_cpu()?, scene.load_cpu()?);
    let started = Instant::now();
    scene.rest(length)?;
    let after = (scene.heartbeats()?, scene.server_cpu()?, scene.load_cpu()?);
    let wall = started.elapsed().as_secs_f64();
    let beats = after.0 - before.0;
    let server = after.1.saturating_sub(before.1).as_secs_f64();
    let load = after.2.saturating_sub(before.2).as_secs_f64();
    writeln!(
        text,
        "\nIdle for {wall:.0} s: {:.0} heartbeats/s answered, the server used {:.1}% of its core ({:.1} µs per \
         heartbeat), the load {:.1}% of its own.",
        beats as f64 / wall,
        server / wall * 100.0,
        server * 1e6 / beats.max(1) as f64,
        load / wall * 100.0
    )?;
    Ok(())
}

fn broadcasts(scene: &mut Scene, clients: usize, is_quick: bool, text: &mut String) -> Result<()> {
    writeln!(text, "\n### Broadcasts of 128 B to all, one at a time\n")?;
    writeln!(
        text,
        "| | delivered | WebSocket p50, ms | p99 | last | polling p50, ms | p99 | last | deliveries/s | \
         server CPU per delivery, µs |"
    )?;
    writeln!(text, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for number in 1..=(if is_quick { 2 } else { BROADCASTS }) {
        let before = scene.server_cpu()?;
        let Delivered { count, sockets, polls } = scene.broadcast(number)?;
        let used = scene.server_cpu()?.saturating_sub(before);
        ensure!(count == clients, "broadcast {number} reached {count} of {clients} clients");
        let last = sockets.max().max(polls.max());
        let ms = |micros: u64| micros as f64 / 1e3;
        writeln!(
            text,
            "| {number} | {count} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} |",
            ms(sockets.value_at_quantile(0.5)),
            ms(sockets.value_at_quantile(0.99)),
            ms(sockets.max()),
            ms(polls.value_at_quantile(0.5)),
            ms(polls.value_at_quantile(0.99)),
            ms(polls.max()),
            count as f64 / (last.max(1) as f64 / 1e6),
            used.as_secs_f64() * 1e6 / count.max(1) as f64
        )
        .context("no room for the report")?;
        scene.rest(Duration::from_millis(1_500))?;
    }
    Ok(())
}
