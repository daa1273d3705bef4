//! The HTTP door: from a request to a session.
//!
//! | file | what it knows |
//! |---|---|
//! | `service.rs` | the `tower` service and layer; which requests are ours |
//! | `door.rs` | every request of ours: CORS, then a WebSocket or long-polling |
//! | `check.rs` | the checks that all transports share, in the official order |
//! | `polling.rs` | the requests of long-polling |
//! | `reply.rs` | answers: types, headers, statuses |
//! | `upgrade.rs` | the handshakes of WebSocket, over HTTP/1.1 and HTTP/2 |
//! | `refusal.rs` | the official errors, as JSON for polling and as text for upgrades |
//! | `origin.rs` | which pages may connect |
//! | `query.rs` | query strings |
//! | `serve.rs` | the accept loop |
//! | `connection.rs` | one connection: TLS, HTTP/1.1 or HTTP/2, its end |
//! | `http2.rs` | the streams of an HTTP/2 connection and their limits |
//! | `tls.rs` | TLS handshakes, and a configuration from files |

mod check;
mod connection;
mod door;
mod http2;
pub(crate) mod origin;
mod polling;
pub(crate) mod query;
mod refusal;
mod reply;
mod script;
mod serve;
pub(crate) mod service;
#[cfg(feature = "tls")]
pub mod tls;
pub(crate) mod upgrade;

pub use serve::{NotFound, PeerAddress, Serve, serve, serve_with};
