//! Engine.IO packets, polling payloads and session rules, with no I/O.
//!
//! Bytes go in, events and packets come out. This crate opens no socket, starts no task and never
//! asks what time it is. It speaks protocol 4; it does not know HTTP or WebSocket frames.
//!
//! | start here | for |
//! |---|---|
//! | [`Packet`] | one packet, as text or as a binary message |
//! | [`payload`] | several packets in one polling body |
//! | [`Open`] | the handshake |
//! | [`Session`] | heartbeat, probe, upgrade and close, on the server's side |
//!
//! Spec: <https://socket.io/docs/v4/engine-io-protocol/>, protocol 4.

mod error;
mod open;
mod packet;
pub mod payload;
mod session;

pub use error::{Expired, PeerError, UpgradeRefused};
pub use open::Open;
pub use packet::{Data, Kind, Packet};
pub use session::{Config, Control, Event, Lane, Send, Session, Transport};
