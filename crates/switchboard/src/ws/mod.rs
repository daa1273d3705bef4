//! Plain WebSockets, for those who need no Socket.IO: servers, clients and their messages.
//!
//! ```
//! use switchboard::ws::{self, Options, WebSocket};
//!
//! let shout = ws::Server::with_options(
//!     Options::new().message_bytes_max(4096),
//!     async |mut socket: WebSocket| -> Result<(), ws::Error> {
//!         while let Some(message) = socket.recv().await? {
//!             match message.as_text() {
//!                 Some(text) => socket.send(text.to_uppercase())?,
//!                 None => socket.send(message)?,
//!             }
//!         }
//!         Ok(())
//!     },
//! );
//! // `ws::serve(listener, shout, shutdown)`, or a service of any tower framework.
//! let app: axum::Router = axum::Router::new().route_service("/shout", shout);
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `server.rs` | from a request to a handler |
//! | `connect.rs` | from a URL to a WebSocket: clients |
//! | `mask_key.rs` | the keys that clients mask their frames with |
//! | `handler.rs` | what a handler is |
//! | `options.rs` | limits, timeouts, subprotocols, origins |
//! | `socket.rs` | what a handler holds: the receiving half, and senders |
//! | `message.rs`, `text.rs` | messages, and messages for many |
//! | `reading.rs` | from bytes to events |
//! | `shared.rs` | what the halves and the task share |
//! | `driver.rs` | the task of a connection |
//! | `hub.rs` | the connections of a server |
//! | `stream.rs` | the byte stream, in two halves |
//! | `error.rs` | how a connection ends badly |
//!
//! Spec: RFC 6455; RFC 8441 for HTTP/2.

mod connect;
mod deflating;
mod driver;
mod error;
mod handler;
mod hub;
mod mask_key;
mod message;
mod options;
mod reading;
mod server;
mod shared;
mod socket;
mod stream;
mod text;

pub use connect::{Connect, ConnectError, connect};
pub use error::{Closed, Error};
pub use handler::{Handler, Outcome};
pub use message::{Message, Prepared};
pub use options::Options;
pub use server::{Acceptor, Server, serve};
pub use socket::{Event, Receiver, Sender, WebSocket};
pub use switchboard_ws::deflate::{BadExtension, Config as Deflate};
pub use switchboard_ws::handshake::BadResponse;
pub use switchboard_ws::{CloseCode, PeerError};
pub use text::Text;
