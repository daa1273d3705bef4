//! The doors for those who want to hear at once: Socket.IO at `/socket.io/`, in its namespace `/`,
//! and plain WebSockets at `/ws`. The same events by either.
//!
//! | file | what it is |
//! |---|---|
//! | `call` | one event from a client: who, what, how often, and its answer |
//! | `events` | what clients may ask for, one function each |
//! | `deliver` | what the server tells clients by itself |
//! | `socket_io` | the Socket.IO door |
//! | `client` | the client's files for browsers |
//! | `plain` | the plain door |
//! | `listeners` | which plain WebSocket hears what |
//!
//! Every event but `typing` is answered: `{ok: true, ...}`, or `{ok: false, error}` with the same
//! status, title and detail that REST would give. By an ack over Socket.IO, by a message with the
//! `id` of the question otherwise.
//!
//! Who is at the other end is said once, by a token: in the auth payload with which a Socket.IO
//! socket connects, in the first message of a plain one. Without a valid one it does not get in.

mod call;
mod client;
mod deliver;
mod events;
mod listeners;
mod plain;
mod socket_io;

pub use deliver::deliver_all;
pub use listeners::Listeners;
pub use plain::plain_server;
pub use socket_io::server;
