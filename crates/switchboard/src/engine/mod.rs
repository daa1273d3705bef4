//! Engine.IO alone, for those who need no Socket.IO: messages over whatever transport works.
//!
//! A client begins with long-polling and changes to a WebSocket when that comes through, or begins
//! with a WebSocket at once; the handler sees one [`Socket`], and messages, text and binary, in the
//! order in which they were sent. Official clients of `engine.io-client` work unchanged.
//!
//! ```
//! use switchboard::Server;
//! use switchboard::engine::Socket;
//!
//! let echo = Server::builder().build_engine(async |mut socket: Socket| {
//!     while let Some(message) = socket.recv().await {
//!         socket.send(message);
//!     }
//! });
//! // `switchboard::engine::serve(listener, echo, shutdown)`, or a layer of any tower framework.
//! let app: axum::Router = axum::Router::new().layer(echo.layer());
//! ```
//!
//! Transports, checks, heartbeat, limits and [options](crate::ServerBuilder) are those of Socket.IO,
//! which is the same machine with another application on top. Options that only Socket.IO knows
//! (`connect_timeout`, `ack_timeout`, `state`) mean nothing here.
//!
//! What is promised: messages are received in the order in which they were sent, and sent in the
//! order of the calls. While 256 messages or 1 MB wait for the handler, the connection is not read,
//! which slows its client down. A client that takes nothing for 5 s while more than 1 MiB waits for
//! it, or for which 16 MiB wait, is disconnected.
//!
//! | file | what it knows |
//! |---|---|
//! | `server.rs` | building and serving |
//! | `handler.rs` | what a handler is |
//! | `socket.rs` | what a handler holds: the receiving half, and senders |
//! | `inbox.rs` | what waits for the handler |
//! | `shared.rs` | what all connections share, those of Socket.IO too |
//!
//! Spec: Engine.IO protocol 4.

mod handler;
mod inbox;
mod server;
mod shared;
mod socket;

pub use crate::ws::{Message, Text};
pub use handler::{Begun, Handler};
pub use inbox::{Closed, Event};
pub use server::{Server, serve};
pub use socket::{Receiver, Sender, Socket};

pub(crate) use handler::{Handling, Starter};
pub(crate) use inbox::Inbox;
pub(crate) use shared::{Config, Engine};
