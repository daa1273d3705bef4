//! Mode `eio-client`: what the tests of the official Engine.IO client look for.

use std::collections::BTreeMap;

use switchboard::Handshake;
use switchboard::engine::{Message, Server, Socket};

use crate::options::Options;

/// Says hi, and echoes all but three messages.
pub(crate) fn server(options: &Options) -> Server {
    let builder = options.builder().max_payload(100).keep_requests(true);
    builder.build_engine(async |mut socket: Socket| {
        socket.send("hi");
        while let Some(message) = socket.recv().await {
            let answer = match message.as_text() {
                Some("give binary") => Message::from(vec![0, 1, 2, 3, 4]),
                Some("give utf8") => Message::from("пойду спать всем спокойной ночи"),
                Some("sendHeaders") => Message::from(headers(socket.request())),
                _ => message,
            };
            socket.send(answer);
        }
    })
}

fn headers(request: &Handshake) -> String {
    let headers: BTreeMap<&str, &str> = request.headers().collect();
    serde_json::to_string(&headers).unwrap_or_default()
}
