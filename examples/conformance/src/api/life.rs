//! From a socket's welcome to its end, and handlers that wait or break in between.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::{Ack, Args, Auth, Data, DisconnectReason, Namespace, Socket};

/// Registers the handlers.
pub(super) fn register(namespace: &Namespace) {
    namespace.on("connection", welcome);
    take_time(namespace);
    part(namespace);
}

async fn welcome(socket: Socket, Auth(auth): Auth<Value>) {
    let welcome =
        json!({ "id": socket.displayed_id(), "namespace": socket.namespace(), "auth": auth });
    socket.emit("welcome", &welcome).ok();
    socket.insert(welcome);
}

/// Handlers that wait, and one that breaks.
fn take_time(namespace: &Namespace) {
    namespace.on("slow", async |socket: Socket, Args((number, time)): Args<(u64, u64)>| {
        tokio::time::sleep(Duration::from_millis(time)).await;
        socket.emit("slow-done", &number).ok();
    });
    namespace.on("ticks", async |socket: Socket, Data(total): Data<u64>| {
        for i in 0..total {
            socket.emit("tick", &i).ok();
        }
    });
    #[allow(clippy::panic, reason = "the tests want to see that nothing else breaks")]
    namespace.on("panic", async || panic!("a client asked for it"));
}

/// The end of a socket.
fn part(namespace: &Namespace) {
    namespace.on(
        "kick",
        async |socket: Socket, Data(close): Data<bool>| {
            if close { socket.close() } else { socket.disconnect() }
        },
    );
    namespace.on("watch", async |socket: Socket, ack: Ack| {
        socket.join("log").ok();
        ack.send(()).ok();
    });
    let all = namespace.clone();
    namespace.on("disconnect", async move |socket: Socket, reason: DisconnectReason| {
        println!("left {} {} {reason}", socket.namespace(), socket.displayed_id());
        all.to("log").emit("left", &json!({ "id": socket.displayed_id(), "reason": reason })).ok();
    });
}
