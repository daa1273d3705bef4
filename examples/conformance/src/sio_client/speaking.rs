//! Text, dates, and acks both ways.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::json;
use switchboard::{Ack, Namespace, Socket};

use crate::dates;
use crate::raw::Raw;

/// Registers the handlers.
pub(super) fn register(namespace: &Namespace) {
    namespace.on("hi", async |socket: Socket| {
        socket.emit("hi", ()).ok();
    });
    namespace.on("echo", async |raw: Raw, ack: Ack| {
        ack.send(raw.args()).ok();
    });
    namespace.on("ack", ask);
    namespace.on("getAckDate", async |ack: Ack| {
        ack.send(&dates::iso(SystemTime::now())).ok();
    });
    namespace.on("getDate", async |socket: Socket| {
        socket.emit("takeDate", &dates::iso(SystemTime::now())).ok();
    });
    namespace.on("getDateObj", async |socket: Socket| {
        socket.emit("takeDateObj", &json!({ "date": dates::iso(SystemTime::now()) })).ok();
    });
    namespace.on("getUtf8", async |socket: Socket| {
        for text in ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"]
        {
            socket.emit("takeUtf8", text).ok();
        }
    });
    namespace.on("false", async |socket: Socket| {
        socket.emit("false", &false).ok();
    });
}

async fn ask(socket: Socket) {
    // Of a task's own, because the answer is one of this socket's next events.
    let asked = socket.emit_with_ack::<(i64, Answer)>("ack", ()).args();
    tokio::spawn(async move {
        if let Ok((5, Answer { test: true })) = asked.await {
            socket.emit("got it", ()).ok();
        }
    });
}

/// The second argument of the answer.
#[derive(Deserialize)]
struct Answer {
    test: bool,
}
