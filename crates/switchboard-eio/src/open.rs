//! The handshake: what the server tells a client that has come.

use std::time::Duration;

/// The data of the open packet.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Open<'a> {
    /// The session id. Must need no escaping in JSON.
    pub sid: &'a str,
    /// The transports that the client may move to.
    pub upgrades: &'a [&'a str],
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long the client has for its pong.
    pub ping_timeout: Duration,
    /// The most bytes that one body or message may have.
    pub max_payload: usize,
}

impl Open<'_> {
    /// Appends the open packet, its type digit included.
    pub fn encode(&self, output: &mut Vec<u8>) {
        let upgrades: Vec<String> = self.upgrades.iter().map(|it| format!("\"{it}\"")).collect();
        let packet = format!(
            r#"0{{"sid":"{}","upgrades":[{}],"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            self.sid,
            upgrades.join(","),
            self.ping_interval.as_millis(),
            self.ping_timeout.as_millis(),
            self.max_payload
        );
        output.extend_from_slice(packet.as_bytes());
    }
}
