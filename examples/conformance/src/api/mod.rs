//! Mode `api`: every call of the API within reach of a client.
//!
//! `e2e/reference/api.mjs` is the same list for the official server, word for word.

mod answer;
mod life;
mod rooms;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde_json::{Value, json};
use switchboard::{Auth, ConnectError, Server};

use crate::options::Options;

/// How often a client has counted: state that all sockets share.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

/// Serves `/` and `/other` alike, and `/admin` to those who know the word.
pub(crate) fn server(options: &Options) -> Server {
    let io = options.builder().state(Counter::default()).build();
    for name in ["/", "/other", "/admin"] {
        let namespace = io.of(name);
        life::register(&namespace);
        answer::register(&namespace);
        rooms::register(&namespace);
    }
    io.of("/admin").middleware(async |Auth(auth): Auth<Value>| {
        if auth.get("token").and_then(Value::as_str) == Some("let-me-in") {
            return Ok(());
        }
        let data = json!({ "status": 401, "hint": "say the word" });
        Err(ConnectError::new("not authorized").data(&data))
    });
    io
}
