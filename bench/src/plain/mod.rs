//! The load of the rows `ws-*`: plain WebSocket clients that send prepared frames and check what comes back.

mod answers;
mod client;
mod http2;
mod messages;
mod swarm;
mod tls;
mod transport;

pub(crate) use http2::Http2;
pub(crate) use messages::{Answering, Kind, Messages};
pub(crate) use swarm::Swarm;
pub(crate) use tls::Tls;
pub(crate) use transport::{Transport, connected};
