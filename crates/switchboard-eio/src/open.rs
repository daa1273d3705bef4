//! The open packet: what a server tells about a new session.
//!
//! Servers write [`Open`] as the first packet of a session; clients read it into [`Opened`].
//!
//! Spec: Engine.IO protocol 4, "Handshake".

use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::{Kind, PeerError};

/// What the server announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// The session id. A secret of this connection.
    pub sid: &'a str,
    /// The transports to which the session may move: `["websocket"]`, or none.
    pub upgrades: &'a [&'a str],
    /// How often the server pings. Whole milliseconds on the wire.
    pub ping_interval: Duration,
    /// How long it waits for the pong. Whole milliseconds on the wire.
    pub ping_timeout: Duration,
    /// Most bytes in one message or body.
    pub max_payload: usize,
}

impl Open<'_> {
    /// Appends the packet, type digit included: `0{"sid":"...",...}`.
    pub fn encode(&self, output: &mut Vec<u8>) {
        output.push(Kind::Open.digit());
        output.extend_from_slice(b"{\"sid\":");
        quote(self.sid, output);
        output.extend_from_slice(b",\"upgrades\":[");
        for (index, upgrade) in self.upgrades.iter().enumerate() {
            if index != 0 {
                output.push(b',');
            }
            quote(upgrade, output);
        }
        let written = write!(
            output,
            "],\"pingInterval\":{},\"pingTimeout\":{},\"maxPayload\":{}}}",
            self.ping_interval.as_millis(),
            self.ping_timeout.as_millis(),
            self.max_payload
        );
        debug_assert!(written.is_ok(), "a Vec takes every write");
    }
}

/// What a client learned from an open packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The session id.
    pub sid: String,
    /// The transports to which the session may move.
    pub upgrades: Vec<String>,
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long the server waits for the pong. A client that hears nothing for both times together
    /// may take the connection for dead.
    pub ping_timeout: Duration,
    /// Most bytes in one message or body; `None` from old servers, which do not say.
    pub max_payload: Option<usize>,
}

impl Opened {
    /// Reads the data of an open packet, the JSON after its type digit. Members that we do not know
    /// are ignored.
    ///
    /// # Errors
    ///
    /// [`PeerError::InvalidOpen`] when it is no JSON object, or a member is missing or of another type.
    pub fn decode(json: &str) -> Result<Self, PeerError> {
        Self::from_json(json).ok_or(PeerError::InvalidOpen)
    }

    fn from_json(json: &str) -> Option<Self> {
        let object: Value = serde_json::from_str(json).ok()?;
        let upgrades = object.get("upgrades")?.as_array()?;
        Some(Self {
            sid: object.get("sid")?.as_str()?.to_owned(),
            upgrades: upgrades.iter().map(owned_text).collect::<Option<_>>()?,
            ping_interval: Duration::from_millis(object.get("pingInterval")?.as_u64()?),
            ping_timeout: Duration::from_millis(object.get("pingTimeout")?.as_u64()?),
            max_payload: match object.get("maxPayload") {
                Some(bytes) => Some(usize::try_from(bytes.as_u64()?).ok()?),
                None => None,
            },
        })
    }
}

fn owned_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Appends a JSON string.
fn quote(text: &str, output: &mut Vec<u8>) {
    let written = serde_json::to_writer(&mut *output, text);
    debug_assert!(written.is_ok(), "a Vec takes every write, and text is always JSON");
}
