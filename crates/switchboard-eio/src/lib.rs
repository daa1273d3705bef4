//! Engine.IO packets, polling payloads and session rules, with no I/O.
//!
//! Packets go in, events and packets come out. This crate opens no socket, starts no task and never
//! asks what time it is, so every rule of a session can be tested with plain function calls. It knows
//! nothing of HTTP or WebSocket frames: its owner reads bodies and messages, and writes them.
//!
//! | verb | called when | gives back |
//! |---|---|---|
//! | [`payload::decode`] | the body of a POST is there | its packets, text borrowed from the body |
//! | [`Packet::decode`] | a WebSocket message arrived | the packet, borrowed from the message |
//! | [`Session::receive`] | for each packet | perhaps an [`Event`]; answers appended to `output` |
//! | [`Session::tick`] | a deadline passed | pings and noops appended to `output`, the next deadline |
//! | [`Session::start_upgrade`] | a WebSocket came with a known sid | whether it may try to take over |
//! | [`payload::encode`] | a poll waits for an answer | packets appended to one body |
//!
//! ```
//! use std::time::Instant;
//! use switchboard_eio::{Config, Data, Event, Lane, Session, Transport, payload};
//!
//! let (config, now, mut output) = (Config::default(), Instant::now(), Vec::new());
//! let mut session = Session::new(Transport::Polling, &config, now);
//! for record in payload::decode("4hello\u{1e}bAQID", 20_000) {
//!     let record = record?;
//!     let event = session.receive(Lane::Current, record.packet(), &config, now, &mut output)?;
//!     assert!(matches!(event, Some(Event::Message(Data::Text("hello") | Data::Binary([1, 2, 3])))));
//! }
//! # Ok::<(), switchboard_eio::PeerError>(())
//! ```
//!
//! Clients of Socket.IO 1 and 2 speak revision 3, in which the client pings ([`Protocol`]) and payloads
//! look different ([`v3`]).
//!
//! Spec: Engine.IO protocol, revisions 4 and 3.

mod error;
mod open;
mod packet;
pub mod payload;
mod protocol;
mod session;
pub mod v3;

pub use error::{Expired, PeerError, UpgradeRefused};
pub use open::{Open, Opened};
pub use packet::{Data, Kind, Packet};
pub use protocol::Protocol;
pub use session::{Config, Control, Event, Lane, Send, Session, Transport};
