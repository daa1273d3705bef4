//! The HTTP door: from a request to a session.
//!
//! | file | what it knows |
//! |---|---|
//! | `service.rs` | the `tower` service and layer; which requests are ours |
//! | `door.rs` | the checks of a request, in the official order, and its answers |
//! | `upgrade.rs` | the handshakes of WebSocket, over HTTP/1.1 and HTTP/2 |
//! | `refusal.rs` | the official errors, as JSON for polling and as text for upgrades |
//! | `origin.rs` | which pages may connect |
//! | `query.rs` | query strings |
//! | `serve.rs` | the accept loop |

mod door;
pub(crate) mod origin;
pub(crate) mod query;
mod refusal;
mod serve;
pub(crate) mod service;
pub(crate) mod upgrade;

pub(crate) use serve::serve_service;
pub use serve::{PeerAddress, serve, serve_with};
