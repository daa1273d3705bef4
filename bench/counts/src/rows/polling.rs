//! Long-polling: requests handed to the service, without HTTP around them.

use std::sync::mpsc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use switchboard::{Ack, Data, Service, Socket};
use tower_service::Service as _;

use super::{Row, Run, TEXT_20};
use crate::apart::aside;
use crate::harness::{runtime, server};

pub(super) fn rows() -> Vec<Row> {
    let row = |name, units_per_turn, run: Run| Row {
        name,
        unit: "event",
        units_per_turn,
        turns_few: 100,
        turns_many: 1_100,
        run,
    };
    vec![
        row("polling: answer with 16 events of 128 B", BATCH, take),
        row("polling: POST of an event, GET of its ack", 1, echo),
    ]
}

/// The server emits, and a GET takes it all.
fn take(turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let client = aside(|| runtime.block_on(Client::join()));
    let mut client = client.context("set up")??;
    let text = "x".repeat(128);
    let expected = vec![format!("42[\"message\",\"{text}\"]"); BATCH as usize].join("\u{1e}");
    runtime.block_on(async {
        for _ in 0..turns {
            for _ in 0..BATCH {
                client.socket.emit("message", &text)?;
            }
            client.expect(&expected).await?;
        }
        Ok(())
    })
}

fn echo(turns: u32) -> Result<()> {
    let runtime = runtime()?;
    let client = aside(|| runtime.block_on(Client::join()));
    let mut client = client.context("set up")??;
    let expected = format!("431[\"{TEXT_20}\"]");
    let body = Bytes::from(format!("421[\"echo\",\"{TEXT_20}\"]"));
    runtime.block_on(async {
        for _ in 0..turns {
            let posted = client.call(Method::POST, body.clone()).await?;
            ensure!(aside(|| posted == "ok") == Some(true), "another answer: {posted:?}");
            client.expect(&expected).await?;
        }
        Ok(())
    })
}

struct Client {
    service: Service,
    path: String,
    socket: Socket,
}

impl Client {
    /// Opens a session and joins `/`.
    async fn join() -> Result<Self> {
        let (io, (tell, told)) = (server().build(), mpsc::channel());
        io.on("connection", async move |socket: Socket| {
            let _ = tell.send(socket);
        });
        io.on("echo", async |Data(text): Data<String>, ack: Ack| {
            let _ = ack.send(&text);
        });
        let mut service = io.service();
        let mut path = String::from("/socket.io/?EIO=4&transport=polling");
        let open = call(&mut service, Method::GET, &path, Bytes::new()).await?;
        let open = std::str::from_utf8(&open)?;
        let sid = open.split('"').nth(3).with_context(|| format!("no sid in {open:?}"))?;
        path += "&sid=";
        path += sid;
        call(&mut service, Method::POST, &path, "40".into()).await?;
        let joined = call(&mut service, Method::GET, &path, Bytes::new()).await?;
        ensure!(joined.starts_with(b"40{\"sid\":"), "not joined: {joined:?}");
        // The handler may run after the answer is there.
        let socket = loop {
            tokio::task::yield_now().await;
            if let Ok(socket) = told.try_recv() {
                break socket;
            }
        };
        Ok(Self { service, path, socket })
    }

    /// A poll that has to be answered with just that.
    async fn expect(&mut self, expected: &str) -> Result<()> {
        let got = self.call(Method::GET, Bytes::new()).await?;
        ensure!(aside(|| got == expected) == Some(true), "another answer: {got:?}");
        Ok(())
    }

    async fn call(&mut self, method: Method, body: Bytes) -> Result<Bytes> {
        call(&mut self.service, method, &self.path, body).await
    }
}

async fn call(service: &mut Service, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
    let request = aside(|| Request::builder().method(method).uri(path).body(Full::new(body)));
    let response = service.call(request.context("a request")??).await?;
    ensure!(response.status().is_success(), "{}", response.status());
    Ok(response.into_body().collect().await?.to_bytes())
}

const BATCH: u32 = 16;
