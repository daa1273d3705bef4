//! Clients that come, join `/` and go: accept, upgrade, Engine.IO's open packet, Socket.IO's CONNECT, the end.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use switchboard::{Ack, Data, Server};

use super::Row;
use crate::apart::aside;
use crate::harness::{Client, frame, listen, request, runtime, server, until};

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        name: "handshake and end",
        unit: "client",
        units_per_turn: 1,
        turns_few: 50,
        turns_many: 250,
        run,
    }]
}

fn run(turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let ready = aside(|| {
        runtime.block_on(async {
            let io = server().build();
            io.on("echo", async |Data(text): Data<String>, ack: Ack| {
                let _ = ack.send(&text);
            });
            let serving = io.clone();
            let serve = |listener| switchboard::serve(listener, serving, std::future::pending());
            anyhow::Ok((io, listen(serve).await?))
        })
    });
    let (io, address) = ready.context("set up")??;
    runtime.block_on(async {
        let head = request("/socket.io/?EIO=4&transport=websocket");
        let connect = frame("40");
        for _ in 0..turns {
            come_and_go(&io, address, head.as_bytes(), &connect).await?;
        }
        Ok(())
    })
}

async fn come_and_go(io: &Server, address: SocketAddr, head: &[u8], connect: &[u8]) -> Result<()> {
    let client = aside(|| {
        let mut client = Client::connect(address)?;
        client.send(head)?;
        anyhow::Ok(client)
    });
    let mut client = client.context("connected")??;
    // The head, and behind it the frame of Engine.IO's open packet, whose JSON ends with a brace.
    until(|| client.has_between(b"HTTP/1.1 101 ", b"}")).await?;
    aside(|| client.send(connect)).context("sent")??;
    until(|| client.has_between(b"\x81\x2040{\"sid\":\"", b"\"}")).await?;
    aside(|| drop(client));
    until(|| Ok(io.clients_count() == 0)).await
}
