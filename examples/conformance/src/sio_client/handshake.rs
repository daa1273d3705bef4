//! The handshake, as the official server describes it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use switchboard::{Ack, Auth, Namespace, Socket};

use crate::dates;

/// Registers the event that asks for it.
pub(super) fn register(namespace: &Namespace) {
    namespace.on("connection", async |socket: Socket, Auth(auth): Auth<Value>| {
        let handshake = describe(&socket, &auth);
        socket.insert(handshake);
    });
    namespace.on("getHandshake", async |socket: Socket, ack: Ack| {
        ack.send(&socket.extension::<Value>().as_deref()).ok();
    });
}

/// The request of the connection, and the auth payload of the namespace.
pub(super) fn describe(socket: &Socket, auth: &Value) -> Value {
    let handshake = socket.handshake();
    let now = SystemTime::now();
    let issued = now.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis());
    let headers: BTreeMap<&str, &str> = handshake.headers().collect();
    let (_, query) = handshake.uri().split_once('?').unwrap_or_default();
    let query: BTreeMap<&str, Option<String>> = query
        .split('&')
        .map(|it| it.split_once('=').map_or(it, |(name, _value)| name))
        .map(|name| (name, handshake.query(name)))
        .collect();
    json!({
        "headers": headers,
        "time": dates::iso(now),
        "address": handshake.address().map(|it| it.ip()),
        "xdomain": headers.contains_key("origin"),
        "secure": false,
        "issued": u64::try_from(issued).unwrap_or_default(),
        "url": handshake.uri(),
        "query": query,
        "auth": auth,
    })
}
