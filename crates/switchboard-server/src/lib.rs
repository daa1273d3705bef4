//! The server around the engine: discussion rooms, their REST API, their web page, one binary.
//!
//! Everything a person can do goes through [`rooms::Rooms`], whatever door they came by. A change
//! is stored first, then announced to every open socket in the order in which it was stored, and
//! only then confirmed to whoever asked for it.
//!
//! | read in this order | what it is |
//! |---|---|
//! | [`rooms`] | the domain: values, the service, presence, what is announced |
//! | [`store`] | SQLite: one writer thread with group commit, a few readers |
//! | [`api`] | the REST door, `/api/v1` |
//! | [`sockets`] | the Socket.IO door, `/socket.io/`, and the plain WebSocket door, `/ws` |
//! | [`web`] | the embedded web page |
//! | [`serve`] | how the parts are put together, started and stopped |
//! | [`cli`] | the command line |

pub mod api;
pub mod cli;
mod door;
pub mod limits;
mod logging;
pub mod rooms;
pub mod serve;
pub mod sockets;
pub mod store;
pub mod web;
