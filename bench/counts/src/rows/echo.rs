//! From a client's bytes to the answer's: events through the real server, over TCP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use switchboard::ws::{self, WebSocket};
use switchboard::{Ack, Data};

use super::{Row, Run, TEXT_20};
use crate::apart::aside;
use crate::harness::{Client, answer, frame, join, listen, runtime, server, until, upgrade};

pub(super) fn rows() -> Vec<Row> {
    let row = |name, unit, units_per_turn: u32, run: Run| {
        let (turns_few, turns_many) = (200, 2_200 / units_per_turn.min(4));
        Row { name, unit, units_per_turn, turns_few, turns_many, run }
    };
    vec![
        row("event with ack 20 B", "event", 1, |turns| with_ack(1, turns)),
        row("event with ack 20 B, 16 at once", "event", BATCH, |turns| with_ack(BATCH, turns)),
        row("event 20 B, 16 at once", "event", BATCH, without_ack),
        row("plain WebSocket echo 20 B", "message", 1, |turns| plain(1, turns)),
        row("plain WebSocket echo 20 B, 16 at once", "message", BATCH, |turns| plain(BATCH, turns)),
    ]
}

/// `at_once` events in one write; their acks are awaited before the next.
fn with_ack(at_once: u32, turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let client = aside(|| {
        runtime.block_on(async {
            let io = server().build();
            io.on("echo", async |Data(text): Data<String>, ack: Ack| {
                let _ = ack.send(&text);
            });
            let serve = |listener| switchboard::serve(listener, io, std::future::pending());
            join(listen(serve).await?).await
        })
    });
    let there = frame(&format!("421[\"echo\",\"{TEXT_20}\"]")).repeat(at_once as usize);
    let back = answer(&format!("431[\"{TEXT_20}\"]")).repeat(at_once as usize);
    runtime.block_on(exchange(client.context("set up")??, &there, &back, turns))
}

/// The same without acks: done when the handler has seen all of them.
fn without_ack(turns: u32) -> Result<()> {
    let (runtime, handled) = (runtime()?, Arc::new(AtomicU32::new(0)));
    let client = aside(|| {
        runtime.block_on(async {
            let (io, handled) = (server().build(), Arc::clone(&handled));
            io.on("note", async move |Data(text): Data<String>| {
                handled.fetch_add(u32::from(text == TEXT_20), Ordering::Relaxed);
            });
            let serve = |listener| switchboard::serve(listener, io, std::future::pending());
            join(listen(serve).await?).await
        })
    });
    let mut client = client.context("set up")??;
    let there = frame(&format!("42[\"note\",\"{TEXT_20}\"]")).repeat(BATCH as usize);
    runtime.block_on(async {
        for turn in 1..=turns {
            aside(|| client.send(&there)).context("sent")??;
            until(|| Ok(handled.load(Ordering::Relaxed) == turn * BATCH)).await?;
        }
        Ok(())
    })
}

fn plain(at_once: u32, turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let client = aside(|| {
        runtime.block_on(async {
            let server = ws::Server::new(async |mut socket: WebSocket| {
                while let Ok(Some(message)) = socket.recv().await {
                    let _ = socket.send(message);
                }
            });
            let serve = |listener| ws::serve(listener, server, std::future::pending());
            upgrade(listen(serve).await?, "/").await
        })
    });
    let there = frame(TEXT_20).repeat(at_once as usize);
    let back = answer(TEXT_20).repeat(at_once as usize);
    runtime.block_on(exchange(client.context("set up")??, &there, &back, turns))
}

async fn exchange(mut client: Client, there: &[u8], back: &[u8], turns: u32) -> Result<()> {
    for _ in 0..turns {
        aside(|| client.send(there)).context("sent")??;
        until(|| client.has(back)).await?;
    }
    Ok(())
}

const BATCH: u32 = 16;
