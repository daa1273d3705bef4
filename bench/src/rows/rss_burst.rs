//! Rows `rss-burst` and `ws-rss-burst`: what stays in the server's memory after all clients had much to say and to hear.
//!
//! 10,000 clients; each sends 64 messages of 1 KiB and one of 64 KiB at once and gets them back, a few hundred at a time,
//! and over Socket.IO everybody gets 64 broadcasts of 1 KiB at once, 640 MB in all. Then they sit there for 30 s.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::rss::{AT_ONCE, FIRST_CLIENTS, settled_bytes};
use super::{Case, Row, Sample, Scale, column, detail};
use crate::cpu::resident_bytes;
use crate::crowd::Request;
use crate::idle::{Herd, Scene, WebSocket};
use crate::peers::{Door, Peer, SOCKET_IO_NODE, SWITCHBOARD, Server};
use crate::wire::push_frame;

const SMALL_BYTES: usize = 1_024;
const SMALL_COUNT: usize = 64;
const LARGE_BYTES: usize = 64 * 1_024 - 64;
/// Clients that have a burst under way at the same time.
const BURSTS_AT_ONCE: usize = 256;
const REST: Duration = Duration::from_secs(30);
const REST_QUICK: Duration = Duration::from_secs(3);

type Clients = Herd<TcpStream, WebSocket>;

/// Socket.IO over WebSocket.
pub(super) fn socket_io() -> Row {
    row("rss-burst", Door::SocketIo, "Socket.IO", &[&SWITCHBOARD, &SOCKET_IO_NODE])
}

/// Plain WebSocket.
pub(super) fn plain() -> Row {
    row("ws-rss-burst", Door::Plain, "plain WebSocket", &[&SWITCHBOARD])
}

fn row(name: &'static str, door: Door, what: &'static str, peers: &[&'static Peer]) -> Row {
    let columns = vec![
        detail("RSS per idle client before, kB (1,000 B)", 2),
        detail("RSS at the end of the burst, MB", 1),
        detail("per client 30 s later, kB", 2),
        column("after ÷ before", 3),
    ];
    let title = format!("10,000 clients after a burst, {what} (`--quick`: 3,333 and 3 s)").into();
    Row {
        name,
        door,
        peers: peers.to_vec(),
        cases: vec![Case { title, columns }],
        run: Box::new(move |server, scale| run(door == Door::SocketIo, server, scale)),
    }
}

fn run(is_socket_io: bool, server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let kind = if is_socket_io { Request::EngineIo } else { Request::Plain };
    let mut herd = Clients::new(server.address(), Scene::new(server.address(), kind))?;
    herd.grow(FIRST_CLIENTS, AT_ONCE)?;
    // The first burst loads code and fills what the process keeps once.
    burst(&mut herd, is_socket_io)?;
    let first = settled_bytes(server, &mut herd)?;
    let clients = scale.idle_sockets * 5 / 9;
    herd.grow(clients - FIRST_CLIENTS, AT_ONCE)?;
    let before = settled_bytes(server, &mut herd)?;
    burst(&mut herd, is_socket_io)?;
    let during = resident_bytes(server.pid())?;
    herd.idle_for(if scale.idle_sockets < 18_000 { REST_QUICK } else { REST })?;
    let after = resident_bytes(server.pid())?;
    let each = |bytes: u64| (bytes as f64 - first as f64) / (clients - FIRST_CLIENTS) as f64 / 1e3;
    let values = vec![each(before), during as f64 / 1e6, each(after), each(after) / each(before)];
    Ok(vec![Sample { values, busy: None }])
}

fn burst(herd: &mut Clients, is_socket_io: bool) -> Result<()> {
    let echo = Echo::new(is_socket_io);
    let mut missing = vec![0; herd.len()];
    let (mut begun, mut under_way) = (0, 0);
    while begun < herd.len() || under_way > 0 {
        while begun < herd.len() && under_way < BURSTS_AT_ONCE {
            herd.send(begun, &echo.frames)?;
            *missing.get_mut(begun).context("no such client")? = SMALL_COUNT + 1;
            (begun, under_way) = (begun + 1, under_way + 1);
        }
        herd.turn(&mut |number, received| {
            let missing = missing.get_mut(number).context("no such client")?;
            let text = if *missing > 1 { &echo.small } else { &echo.large };
            ensure!(*missing > 0 && received.payload == text, "a wrong echo to client {number}");
            *missing -= 1;
            under_way -= usize::from(*missing == 0);
            Ok(())
        })?;
    }
    if is_socket_io { broadcast(herd) } else { Ok(()) }
}

/// One client publishes, all get everything.
fn broadcast(herd: &mut Clients) -> Result<()> {
    let text = "x".repeat(SMALL_BYTES);
    let mut frames = Vec::new();
    for _ in 0..SMALL_COUNT {
        push_frame(format!("42[\"publish\",\"{text}\"]").as_bytes(), &mut frames);
    }
    let expected = format!("42[\"message\",\"{text}\"]");
    herd.send(0, &frames)?;
    let mut missing = SMALL_COUNT * herd.len();
    while missing > 0 {
        herd.turn(&mut |number, received| {
            ensure!(received.payload == expected.as_bytes(), "a wrong message to client {number}");
            missing = missing.checked_sub(1).context("more messages than there were")?;
            Ok(())
        })?;
    }
    Ok(())
}

/// What each client sends at once, and the answers.
struct Echo {
    frames: Vec<u8>,
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Echo {
    fn new(is_socket_io: bool) -> Self {
        let texts = [SMALL_BYTES, LARGE_BYTES].map(|bytes| {
            let text = "y".repeat(bytes);
            if is_socket_io {
                (format!("420[\"echo\",\"{text}\"]"), format!("430[\"{text}\"]"))
            } else {
                (text.clone(), text)
            }
        });
        let [(small, small_answer), (large, large_answer)] = texts;
        let mut frames = Vec::new();
        for _ in 0..SMALL_COUNT {
            push_frame(small.as_bytes(), &mut frames);
        }
        push_frame(large.as_bytes(), &mut frames);
        Self { frames, small: small_answer.into_bytes(), large: large_answer.into_bytes() }
    }
}
