//! The opening handshake: what the headers must say before frames may flow.
//!
//! Servers call [`check`] ([`check_connect`] over HTTP/2) and answer 101 with [`Request::accept`], or with the status of the
//! [`Refusal`]. Clients make a [`key`] and give the answer to [`check_response`]. HTTP itself is
//! parsed and written elsewhere; there is no policy here either, such as which Origin may come in.
//!
//! Spec: RFC 6455, sections 4.1 (client) and 4.2 (server); RFC 8441, section 5 (HTTP/2).

pub(crate) mod list;
mod request;
mod response;
mod value;

pub use request::{ConnectRequest, Refusal, Request, check, check_connect};
pub use response::{BadResponse, check_response};
pub use value::{accept_value, key};
