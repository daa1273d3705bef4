//! Row `rss`: resident memory of the server for each idle client.
//!
//! The first hundred clients are not counted: they load code, make thread pools and tables. The figure is the growth
//! of `VmRSS` from there, divided by the clients that caused it. The kernel's socket buffers are not in it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Case, Row, Sample, Scale, column, detail};
use crate::cpu::resident_bytes;
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO_ALL, Server};

const FIRST_CLIENTS: usize = 100;
const AT_ONCE: usize = 64;
/// Memory has settled when it changed less than one percent in this time.
const CALM: Duration = Duration::from_millis(600);
const SETTLING_MAX: Duration = Duration::from_secs(8);

pub(super) fn row() -> Row {
    Row {
        name: "rss",
        door: Door::SocketIo,
        peers: SOCKET_IO_ALL.to_vec(),
        cases: vec![Case {
            title: "Idle clients over WebSocket (5,000; `--quick`: 1,000)".into(),
            columns: vec![
                column("RSS per client, kB (1,000 B)", 2),
                detail("RSS with 100 clients, MB", 1),
            ],
        }],
        run: Box::new(run),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(FIRST_CLIENTS, AT_ONCE)?;
    let before = settled_bytes(server, &mut crowd)?;
    crowd.grow(scale.idle_clients, AT_ONCE)?;
    let after = settled_bytes(server, &mut crowd)?;
    let per_client = (after as f64 - before as f64) / scale.idle_clients as f64;
    Ok(vec![Sample { values: vec![per_client / 1e3, before as f64 / 1e6], busy: None }])
}

/// Waits until the server's memory rests; answers heartbeats meanwhile.
pub(super) fn settled_bytes(server: &Server, crowd: &mut Crowd) -> Result<u64> {
    let deadline = Instant::now() + SETTLING_MAX;
    let mut last = resident_bytes(server.pid())?;
    loop {
        let calm_until = Instant::now() + CALM;
        while Instant::now() < calm_until {
            crowd.expect_messages();
            crowd.turn(&mut |_, text, _| {
                bail!("an idle client received {:?}", String::from_utf8_lossy(text))
            })?;
        }
        let now = resident_bytes(server.pid())?;
        if now.abs_diff(last) * 100 < last || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}
