//! Broadcasts: from one emit to the bytes at every member of the room.

use anyhow::{Context, Result};
use switchboard::{Broadcast, Socket};

use super::{Row, Run};
use crate::apart::aside;
use crate::harness::{Client, answer, join, listen, runtime, server, until};

pub(super) fn rows() -> Vec<Row> {
    let to_room = |name, at_once, run: Run| Row {
        name,
        unit: "delivery",
        units_per_turn: MEMBERS * at_once,
        turns_few: 3,
        turns_many: 13,
        run,
    };
    vec![
        Row {
            name: "broadcast 128 B to a room of 1",
            unit: "broadcast",
            units_per_turn: 1,
            turns_few: 200,
            turns_many: 1_200,
            run: |turns| broadcast(1, 1, turns),
        },
        to_room("fan-out 128 B per member of 1,000", 1, |turns| broadcast(MEMBERS, 1, turns)),
        to_room("fan-out 128 B per member of 1,000, 16 at once", BATCH, |turns| {
            broadcast(MEMBERS, BATCH, turns)
        }),
    ]
}

/// `at_once` emits to a room of `members`; everybody has them before the next.
fn broadcast(members: u32, at_once: u32, turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let ready = aside(|| {
        runtime.block_on(async {
            let io = server().build();
            io.on("connection", async |socket: Socket| {
                let _ = socket.join("everybody");
            });
            let everybody = io.to("everybody");
            let serve = |listener| switchboard::serve(listener, io, std::future::pending());
            let address = listen(serve).await?;
            let mut clients = Vec::new();
            for _ in 0..members {
                clients.push(join(address).await?);
            }
            anyhow::Ok((everybody, clients))
        })
    });
    let (everybody, mut clients) = ready.context("set up")??;
    let text = "x".repeat(128);
    let back = answer(&format!("42[\"message\",\"{text}\"]")).repeat(at_once as usize);
    runtime.block_on(async {
        for _ in 0..turns {
            emit(&everybody, &text, at_once)?;
            everybody_has(&mut clients, &back).await?;
        }
        Ok(())
    })
}

fn emit(everybody: &Broadcast, text: &str, times: u32) -> Result<()> {
    for _ in 0..times {
        everybody.emit("message", text)?;
    }
    Ok(())
}

async fn everybody_has(clients: &mut [Client], back: &[u8]) -> Result<()> {
    let mut missing = clients.iter_mut().peekable();
    until(|| {
        while let Some(client) = missing.peek_mut() {
            if !client.has(back)? {
                return Ok(false);
            }
            missing.next();
        }
        Ok(true)
    })
    .await
}

const MEMBERS: u32 = 1_000;
const BATCH: u32 = 16;
