//! WebSocket frames, handshake values and connection rules, with no I/O.
//!
//! Bytes go in, events and bytes come out. This crate opens no socket, starts no task and never
//! asks what time it is, so every rule of RFC 6455 and RFC 7692 can be tested with plain function calls. It
//! does not parse HTTP either: [`handshake`] and [`deflate`] judge headers that somebody else has
//! parsed.
//!
//! Start reading at [`Connection`]: everything else serves it.
//!
//! | verb | called when | gives back |
//! |---|---|---|
//! | [`Connection::receive`] | bytes arrived | the next [`Event`], replies appended to `output` |
//! | [`Connection::send`] | the application has a [`Message`] | a frame appended to `output` |
//! | [`Connection::close`] | the application is done | a close frame appended to `output` |
//! | [`Connection::tick`] | a deadline passed | whether the transport must be dropped |
//! | [`encode`] | many connections get one message | a frame that all of them share |
//!
//! A transcript of one connection:
//!
//! ```
//! use std::time::Instant;
//! use switchboard_ws::{Connection, Event, Limits, Message, Role};
//!
//! let now = Instant::now();
//! let mut connection = Connection::new(Role::Server, Limits::default());
//! let mut output = Vec::new();
//!
//! // The "Hello" of RFC 6455, section 5.7, and the first byte of the next frame.
//! let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x81";
//! let mut input = &mut bytes[..];
//! let event = connection.receive(&mut input, now, &mut output)?;
//! assert_eq!(event, Some(Event::Text("Hello".into())));
//! assert_eq!(connection.receive(&mut input, now, &mut output)?, None);
//!
//! connection.send(Message::Text("Hi"), &mut output);
//! assert_eq!(output, b"\x81\x02Hi");
//! # Ok::<(), switchboard_ws::PeerError>(())
//! ```

mod assembly;
mod close;
mod connection;
mod control;
mod error;
mod event;
mod frame;
mod header;
mod limits;
mod mask;
mod message;
mod pace;

pub mod deflate;
pub mod handshake;

pub use close::CloseCode;
pub use connection::{Connection, Role, Whole};
pub use error::{CloseTimeout, PeerError};
pub use event::Event;
pub use header::{FrameHeader, Opcode};
pub use limits::Limits;
pub use message::{Message, encode, encode_close, encode_masked, encode_ping, encode_pong};
