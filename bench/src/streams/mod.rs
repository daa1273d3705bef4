//! The load of `rss-h2` and `crowd`: clients that are streams of HTTP/2 connections, hundreds of thousands of them.
//!
//! A [`Fleet`] is an epoll loop over [connections](link), each as full of streams as the server allows. What a client
//! costs here is a [seat](sockets) of a few bytes: frames are made and taken apart as bytes, heads are prepared for each
//! connection ([`heads`]), and nothing is kept for a stream that waits.
//!
//! Specs: RFC 9113; RFC 8441; RFC 7541.

mod fleet;
mod frames;
mod heads;
mod link;
mod polls;
mod sockets;
mod tally;

pub(crate) use fleet::{Fleet, Kind};
pub(crate) use tally::{message, monotonic_nanos};
