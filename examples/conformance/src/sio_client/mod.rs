//! Mode `sio-client`: what the tests of the official Socket.IO client look for.

mod bytes;
mod handshake;
mod speaking;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use switchboard::{Ack, Auth, ConnectError, Handshake, Recovery, RequestInfo, Server, Socket};

use crate::options::Options;

/// Has the namespaces of those tests; every other one is refused.
pub(crate) fn server(options: &Options) -> Server {
    let builder = options.builder().recovery(Recovery::default()).allow_request(
        async |_request: RequestInfo| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        },
    );
    let io = builder.build();
    io.middleware(async |handshake: Arc<Handshake>| {
        match handshake.query("fail").filter(|it| !it.is_empty()) {
            Some(_) => Err(ConnectError::new("Auth failed (main namespace)")),
            None => Ok(()),
        }
    });
    let main = io.of("/");
    handshake::register(&main);
    speaking::register(&main);
    bytes::register(&main);
    for namespace in [main, io.of("/foo")] {
        namespace.on("getId", async |socket: Socket, ack: Ack| {
            ack.send(&socket.displayed_id()).ok();
        });
    }
    for name in ["/timeout_socket", "/valid", "/asd"] {
        io.of(name);
    }
    io.of("/abc").on("connection", async |socket: Socket, Auth(auth): Auth<Value>| {
        socket.emit("handshake", &handshake::describe(&socket, &auth)).ok();
    });
    io.of("/no")
        .middleware(async || Err::<(), _>(ConnectError::new("Auth failed (custom namespace)")));
    io
}
