//! One client and the server: echoes, acks both ways, bytes, state.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::{Ack, AckError, Args, Binary, Data, Namespace, Socket, State};

use super::Counter;
use crate::raw::{Any, Raw};

/// Registers the handlers.
pub(super) fn register(namespace: &Namespace) {
    namespace.on("echo", async |socket: Socket, raw: Raw, ack: Ack| {
        if ack.is_wanted() {
            ack.send(raw.args()).ok();
        } else {
            socket.emit("echo", raw.args()).ok();
        }
    });
    namespace.on("never", async |_ack: Ack| ());
    namespace.on("nothing", async |ack: Ack| {
        ack.send(()).ok();
    });
    namespace.on("count", async |State(counter): State<Counter>, ack: Ack| {
        ack.send(&(counter.0.fetch_add(1, Ordering::Relaxed) + 1)).ok();
    });
    namespace.on("remember", async |socket: Socket, Data(value): Data<Any>| socket.insert(value));
    namespace.on("recall", async |socket: Socket, ack: Ack| {
        ack.send(&socket.extension::<Any>().as_deref()).ok();
    });
    namespace.on("bytes", async |Data(length): Data<usize>, ack: Ack| {
        let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
        ack.send(&Binary::from(bytes)).ok();
    });
    namespace.on("measure", async |Data(bytes): Data<Binary>, ack: Ack| {
        let sum: u64 = bytes.as_ref().iter().copied().map(u64::from).sum();
        ack.send((bytes.as_ref().len(), sum)).ok();
    });
    namespace.on("about", async |socket: Socket, ack: Ack| {
        let handshake = socket.handshake();
        let about = json!({
            "id": socket.displayed_id(),
            "transport": socket.transport().as_str(),
            "colour": handshake.query("colour"),
            "address": handshake.address().map(|it| it.ip()),
            "auth": socket.extension::<Value>().and_then(|it| it.get("auth").cloned()),
        });
        ack.send(&about).ok();
    });
    namespace.on(
        "ask",
        async |socket: Socket, Args((question, time)): Args<(Any, u64)>, ack: Ack| {
            // Of a task's own, because the answer is one of this socket's next events.
            let asked = socket.emit_with_ack("question", &question);
            tokio::spawn(async move {
                let answer: Result<Any, AckError> =
                    asked.timeout(Duration::from_millis(time)).await;
                match answer {
                    Ok(answer) => ack.send(&BTreeMap::from([("answer", answer)])).ok(),
                    Err(AckError::Timeout) => ack.send(&json!({ "error": "timeout" })).ok(),
                    Err(error) => ack.send(&json!({ "error": error.to_string() })).ok(),
                };
            });
        },
    );
}
