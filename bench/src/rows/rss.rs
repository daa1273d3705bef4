//! Rows `rss*`: resident memory of the server for each idle client.
//!
//! The first hundred clients are not counted: they load code, make thread pools and tables. The figure is the growth
//! of `VmRSS` from there, divided by the clients that caused it. The kernel's socket buffers are not in it.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Decompress, FlushDecompress};

use super::{Case, Column, Row, Run, Sample, Scale, column, detail};
use crate::cpu::resident_bytes;
use crate::crowd::Request;
use crate::idle::{Herd, Polling, Received, Scene, Talk, WebSocket};
use crate::peers::{
    BARE_HYPER, Door, Peer, SOCKET_IO_ALL, SOCKET_IO_NODE, SOCKETIOXIDE, SWITCHBOARD, Server,
};
use crate::plain::{Tls, Transport};
use crate::wire::push_frame;

pub(super) const FIRST_CLIENTS: usize = 100;
pub(super) const AT_ONCE: usize = 64;
/// Memory has settled when it changed less than one percent in this time.
const CALM: Duration = Duration::from_millis(600);
const SETTLING_MAX: Duration = Duration::from_secs(5);
const COLUMNS: [Column; 2] =
    [column("RSS per client, kB (1,000 B)", 2), detail("RSS with 100 clients, MB", 1)];
/// The large message of the row `rss-deflate`, and how many clients send it: with peers that keep a compressor for each
/// client memory goes fast.
const DEFLATED_BYTES: usize = 4_000;
const DEFLATED_CLIENTS: usize = 2_000;

/// Socket.IO over WebSocket.
pub(super) fn socket_io() -> Row {
    let run = Box::new(|server: &Server, scale: &Scale| {
        let scene = Scene::new(server.address(), Request::EngineIo);
        grown(&mut Herd::<TcpStream, WebSocket>::new(server.address(), scene)?, server, scale)
    });
    row("rss", Door::SocketIo, &SOCKET_IO_ALL, "idle Socket.IO clients over WebSocket", run)
}

/// Socket.IO over long-polling, each with a poll pending.
pub(super) fn polling() -> Row {
    let run = Box::new(|server: &Server, scale: &Scale| {
        let scene = Scene::new(server.address(), Request::EngineIo);
        grown(&mut Herd::<TcpStream, Polling>::new(server.address(), scene)?, server, scale)
    });
    let peers = [&SWITCHBOARD, &SOCKET_IO_NODE, &SOCKETIOXIDE, &BARE_HYPER];
    row("rss-polling", Door::SocketIo, &peers, "clients with a poll pending", run)
}

/// Socket.IO over WebSocket over TLS.
pub(super) fn tls() -> Row {
    let run = Box::new(|server: &Server, scale: &Scale| {
        let scene = Scene::new(server.address(), Request::EngineIo);
        grown(&mut Herd::<Tls, WebSocket>::new(server.address(), scene)?, server, scale)
    });
    row("rss-tls", Door::SocketIoTls, &[&SWITCHBOARD], "idle Socket.IO clients over TLS", run)
}

/// Socket.IO over WebSocket with permessage-deflate.
pub(super) fn deflate() -> Row {
    let run = Box::new(|server: &Server, scale: &Scale| {
        let clients = DEFLATED_CLIENTS.min(scale.idle_sockets / 9);
        let mut samples = vec![compressed(server, clients)?];
        let fresh = Server::start(server.peer(), Door::SocketIoDeflated)?;
        let scene = Scene::new(fresh.address(), Request::EngineIo);
        let mut herd = Herd::<TcpStream, WebSocket>::new(fresh.address(), scene)?;
        samples.extend(grown(&mut herd, &fresh, scale)?);
        Ok(samples)
    });
    let peers = [&SWITCHBOARD, &SOCKET_IO_NODE];
    let what = "idle Socket.IO clients, permessage-deflate agreed on";
    let mut row = row("rss-deflate", Door::SocketIoDeflated, &peers, what, run);
    let title = "2,000 idle clients, each of which has sent and got a compressed message of 4 kB";
    row.cases.insert(0, Case { title: title.into(), columns: COLUMNS.to_vec() });
    row
}

fn row(
    name: &'static str,
    door: Door,
    peers: &[&'static Peer],
    what: &'static str,
    run: Run,
) -> Row {
    let case = |clients: &str| Case {
        title: format!("{clients} {what}").into(),
        columns: COLUMNS.to_vec(),
    };
    let cases = vec![case("10,000 (`--quick`: 3,333)"), case("18,000 (`--quick`: 6,000)")];
    Row { name, door, peers: peers.to_vec(), cases, run }
}

/// The two numbers of clients that are looked at.
pub(super) fn steps(scale: &Scale) -> [usize; 2] {
    [scale.idle_sockets * 5 / 9, scale.idle_sockets]
}

fn grown<T: Transport, K: Talk>(
    herd: &mut Herd<T, K>,
    server: &Server,
    scale: &Scale,
) -> Result<Vec<Sample>> {
    herd.grow(FIRST_CLIENTS, AT_ONCE)?;
    let before = settled_bytes(server, herd)?;
    let mut samples = Vec::new();
    for clients in steps(scale) {
        herd.grow(clients - herd.len(), AT_ONCE)?;
        let after = settled_bytes(server, herd)?;
        samples.push(sample(before, after, clients - FIRST_CLIENTS));
    }
    Ok(samples)
}

/// Everybody sends one compressed message, which is answered with a compressed one.
fn compressed(server: &Server, clients: usize) -> Result<Sample> {
    let scene = Scene::new(server.address(), Request::EngineIo);
    let herd = &mut Herd::<TcpStream, WebSocket>::new(server.address(), scene)?;
    herd.grow(FIRST_CLIENTS, AT_ONCE)?;
    exchange(herd, 0)?;
    let before = settled_bytes(server, herd)?;
    herd.grow(clients, AT_ONCE)?;
    exchange(herd, FIRST_CLIENTS)?;
    Ok(sample(before, settled_bytes(server, herd)?, clients))
}

fn exchange(herd: &mut Herd<TcpStream, WebSocket>, first: usize) -> Result<()> {
    let text = "compress me, ".repeat(DEFLATED_BYTES / 13);
    let mut frame = Vec::new();
    push_frame(format!("420[\"echo\",\"{text}\"]").as_bytes(), &mut frame);
    let expected = format!("430[\"{text}\"]");
    for number in first..herd.len() {
        herd.send(number, &frame)?;
        let mut is_answered = false;
        while !is_answered {
            herd.turn(&mut |from, received| {
                ensure!(from == number && received.is_deflated, "no compressed answer to {number}");
                ensure!(inflated(&received)? == expected.as_bytes(), "a wrong answer");
                is_answered = true;
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// The text of the first compressed message of a connection.
fn inflated(received: &Received<'_>) -> Result<Vec<u8>> {
    let input = [received.payload, &[0x00, 0x00, 0xff, 0xff]].concat();
    let mut text = Vec::with_capacity(2 * DEFLATED_BYTES);
    let mut inflate = Decompress::new(false);
    inflate
        .decompress_vec(&input, &mut text, FlushDecompress::Sync)
        .context("not compressed by RFC 7692")?;
    if text.is_empty() { bail!("an empty message") } else { Ok(text) }
}

pub(super) fn sample(before: u64, after: u64, clients: usize) -> Sample {
    let each = (after as f64 - before as f64) / clients as f64;
    Sample { values: vec![each / 1e3, before as f64 / 1e6], busy: None }
}

/// Waits until the server's memory rests; answers heartbeats meanwhile.
pub(super) fn settled_bytes<T: Transport, K: Talk>(
    server: &Server,
    herd: &mut Herd<T, K>,
) -> Result<u64> {
    rested_bytes(server, |length| herd.idle_for(length))
}

/// The same for clients that `idle_for` lets be.
pub(super) fn rested_bytes(
    server: &Server,
    mut idle_for: impl FnMut(Duration) -> Result<()>,
) -> Result<u64> {
    let deadline = Instant::now() + SETTLING_MAX;
    let mut last = resident_bytes(server.pid())?;
    loop {
        idle_for(CALM)?;
        let now = resident_bytes(server.pid())?;
        if now.abs_diff(last) * 100 < last || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}
