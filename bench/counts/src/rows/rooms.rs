//! Joining and leaving: the room table alone.

use std::sync::mpsc;

use anyhow::{Context, Result, ensure};
use switchboard::Socket;

use super::{Row, Run};
use crate::apart::aside;
use crate::harness::{Client, join, listen, runtime, server, until_uncounted};

pub(super) fn rows() -> Vec<Row> {
    let row = |name, run: Run| Row {
        name,
        unit: "join and leave",
        units_per_turn: 1,
        turns_few: 500,
        turns_many: 5_500,
        run,
    };
    vec![
        row("room of nobody else: join and leave", |turns| join_and_leave(0, turns)),
        row("room of 256 others: join and leave", |turns| join_and_leave(256, turns)),
    ]
}

fn join_and_leave(others: u32, turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let ready = aside(|| runtime.block_on(sockets(others + 1)));
    let (sockets, _clients) = ready.context("set up")??;
    let (socket, others) = sockets.split_first().context("there is one")?;
    aside(|| others.iter().try_for_each(|it| it.join("room"))).context("joined")??;
    for _ in 0..turns {
        socket.join("room")?;
        socket.leave("room");
    }
    ensure!(
        !aside(|| socket.rooms()).context("asked")?.iter().any(|it| **it == *"room"),
        "still in"
    );
    Ok(())
}

async fn sockets(count: u32) -> Result<(Vec<Socket>, Vec<Client>)> {
    let (io, (tell, told)) = (server().build(), mpsc::channel());
    io.on("connection", async move |socket: Socket| {
        let _ = tell.send(socket);
    });
    let serve = |listener| switchboard::serve(listener, io, std::future::pending());
    let address = listen(serve).await?;
    let (mut sockets, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..count {
        clients.push(join(address).await?);
        until_uncounted(|| {
            let socket = told.try_recv().ok();
            let is_there = socket.is_some();
            sockets.extend(socket);
            Ok(is_there)
        })
        .await?;
    }
    Ok((sockets, clients))
}
