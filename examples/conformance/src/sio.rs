//! Mode `sio`: what the official protocol suite expects.

use serde_json::Value;
use switchboard::{Ack, Auth, Server, Socket};

use crate::options::Options;
use crate::raw::Raw;

/// Has the namespaces `/` and `/custom`; every other one is refused.
pub(crate) fn server(options: &Options) -> Server {
    let io = options.builder().build();
    for namespace in [io.of("/"), io.of("/custom")] {
        namespace.on("connection", async |socket: Socket, Auth(auth): Auth<Value>| {
            socket.emit("auth", &auth).ok();
        });
    }
    io.on("message", async |socket: Socket, raw: Raw| {
        socket.emit("message-back", raw.args()).ok();
    });
    io.on("message-with-ack", async |raw: Raw, ack: Ack| {
        ack.send(raw.args()).ok();
    });
    io
}
