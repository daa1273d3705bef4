//! What must compile: a handler for every occasion, with what closures usually capture.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use switchboard::{Ack, ConnectError, Data, EventError, Server, Socket};

pub fn register(io: &Server) {
    let counter = Arc::new(AtomicU64::new(0));
    io.on("count", async move |ack: Ack, Data(by): Data<u64>| {
        ack.send(&counter.fetch_add(by, Ordering::Relaxed)).ok();
    });
    io.on("named", named);
    io.of("/admin").middleware(async || Err(ConnectError::new("closed")));
    io.event_middleware(async |socket: Socket| match socket.is_connected() {
        true => Ok(()),
        false => Err(EventError::new("late")),
    });
    io.of_fn(async |name, auth| name == "/x" && auth["key"] == 1);
}

async fn named(socket: Socket) {
    socket.emit("named", ()).ok();
}
