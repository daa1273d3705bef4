//! Rows `ws-tls` and `ws-h2`: the echo of 20 B with something between TCP and the WebSocket.
//!
//! Ours alone: the peers leave both to others. `ws-h2` has one connection for each WebSocket, so that it shows the cost of
//! the layer, not of sharing.

use super::ws_echo::{Load, run};
use super::{Case, Row, column, rate};
use crate::peers::{Door, SWITCHBOARD};
use crate::plain::{Http2, Kind, Tls};

const KIND: Kind = Kind { payload_bytes: 20, is_deflated: false };
const CLIENTS: usize = 64;

/// HTTP/1.1 over TLS 1.3.
pub(super) fn tls() -> Vec<Row> {
    [1, 16].map(|in_flight| row("ws-tls", Door::Tls, in_flight)).into()
}

/// Extended CONNECT over HTTP/2 without TLS.
pub(super) fn http2() -> Vec<Row> {
    [1, 16].map(|in_flight| row("ws-h2", Door::Plain, in_flight)).into()
}

fn row(name: &'static str, door: Door, in_flight: usize) -> Row {
    let layer = if door == Door::Tls { "TLS" } else { "HTTP/2" };
    let title = format!("20 B, {in_flight} in flight, {CLIENTS} clients, {layer}").into();
    let load = Load { kind: KIND, clients: CLIENTS, in_flight };
    Row {
        name,
        door,
        peers: vec![&SWITCHBOARD],
        cases: vec![Case {
            title,
            columns: vec![rate("messages/s"), column("server CPU per message, µs", 3)],
        }],
        run: Box::new(move |server, scale| match door {
            Door::Tls => run::<Tls>(load, server, scale),
            _ => run::<Http2>(load, server, scale),
        }),
    }
}
