//! What clients of Socket.IO 1 and 2, which speak Engine.IO 3, do in another way.
//!
//! They are in the namespace `/` without asking, and ask for another one with a query behind its
//! name: `0/chat?token=1,`. The query is what `auth` is to newer clients.
//!
//! Reference: `client.js` and `namespace.js` of socket.io 4.8.4.

use std::borrow::Cow;
use std::task::Context;

use serde_json::{Map, Value};
use switchboard_sio as sio;

use super::driver::Driver;
use super::ending::End;
use crate::http::query;

impl Driver {
    /// The client is in the namespace `/`, for which it never asks.
    pub(super) fn enter(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.connect("/", None, cx)
    }

    /// What this client may send: behind the name of a namespace there may be a query.
    pub(super) fn sio_limits(&self) -> sio::Limits {
        let limits = self.session.engine.config.sio;
        if !self.session.dialect.is_v3() {
            return limits;
        }
        let namespace_bytes_max = limits.namespace_bytes_max.saturating_add(QUERY_BYTES_MAX);
        sio::Limits { namespace_bytes_max, ..limits }
    }

    /// Moves the query of a namespace to where newer clients have it.
    pub(super) fn translate<'a>(
        &self,
        mut packet: sio::Packet<'a>,
    ) -> Result<sio::Packet<'a>, sio::PeerError> {
        let (name, query) = match packet.namespace.split_once('?') {
            Some((name, query)) => (Some(name.to_owned()), query),
            None => (None, ""),
        };
        if let sio::Body::Connect { payload } = &mut packet.body {
            *payload = Some(Cow::Owned(auth(query)));
        }
        if let Some(name) = name {
            packet.namespace = Cow::Owned(name);
        }
        if self.session.engine.config.sio.namespace_bytes_max < packet.namespace.len() {
            return Err(sio::PeerError::NamespaceTooLong);
        }
        Ok(packet)
    }
}

/// The query as a JSON object. Of parameters with the same name the last one counts.
fn auth(query: &str) -> String {
    let pairs = query::pairs(query).map(|(name, value)| (name, Value::String(value)));
    Value::Object(Map::from_iter(pairs)).to_string()
}

/// For tokens, which old clients have no better place for.
const QUERY_BYTES_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::auth;

    #[test]
    fn a_query_becomes_an_object_of_strings() {
        assert_eq!(auth(""), "{}");
        assert_eq!(auth("token=a%22b&n=1&n=2&flag"), r#"{"flag":"","n":"2","token":"a\"b"}"#);
    }
}
