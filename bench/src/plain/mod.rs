//! The load of the rows `ws-*`: plain WebSocket clients that send prepared frames and check what comes back.

mod answers;
mod client;
mod messages;
mod swarm;
mod transport;

pub(crate) use messages::{Answering, Kind, Messages};
pub(crate) use swarm::Swarm;
pub(crate) use transport::{Transport, connected};
