//! The HTTP door: from a request to a session.
//!
//! | file | what it knows |
//! |---|---|
//! | `service.rs` | the `tower` service and layer; which requests are ours |
//! | `door.rs` | every request of ours: CORS, then a WebSocket or long-polling |
//! | `check.rs` | the checks that all transports share, in the official order |
//! | `polling.rs` | the requests of long-polling |
//! | `asker.rs` | what an answer to a poll depends on |
//! | `body.rs` | their bodies, and how long those may take |
//! | `request.rs` | the request as hooks see it |
//! | `hooks.rs` | what the application may do at the door |
//! | `options.rs` | the options, and the builder's methods for them |
//! | `cors.rs`, `cookie.rs` | what browsers are told |
//! | `compression.rs` | compressed answers |
//! | `bundles.rs` | the client's files |
//! | `reply.rs` | answers: types, headers, statuses |
//! | `script.rs` | JSONP |
//! | `upgrade.rs` | the handshakes of WebSocket, over HTTP/1.1 and HTTP/2 |
//! | `refusal.rs` | the official errors, as JSON for polling and as text for upgrades |
//! | `origin.rs` | which pages may connect |
//! | `query.rs` | query strings |
//! | `serve.rs` | the accept loop |
//! | `connection.rs` | one connection: TLS, HTTP/1.1 or HTTP/2, its end |
//! | `opening.rs` | the first bytes of a connection |
//! | `patience.rs` | answers over HTTP/1.1: those that nobody takes, and what leaves together |
//! | `http2.rs` | the streams of an HTTP/2 connection and their limits |
//! | `tls.rs` | TLS handshakes, and a configuration from files |

mod asker;
mod body;
mod bundles;
mod check;
mod compression;
mod connection;
mod cookie;
mod cors;
mod door;
mod hooks;
mod http2;
mod opening;
pub(crate) mod options;
pub(crate) mod origin;
mod patience;
mod polling;
pub(crate) mod query;
mod refusal;
mod reply;
mod request;
mod script;
mod serve;
pub(crate) mod service;
#[cfg(feature = "tls")]
pub mod tls;
pub(crate) mod upgrade;

pub use bundles::ClientBundles;
pub use compression::HttpCompression;
pub use cookie::{Cookie, InvalidCookie, SameSite};
pub use cors::Cors;
pub use hooks::{ConnectionError, Refuse};
pub use request::RequestInfo;
pub use serve::{NotFound, PeerAddress, Serve, serve, serve_with};
