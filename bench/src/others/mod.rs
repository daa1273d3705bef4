//! Servers that broadcast over WebSocket in a protocol of their own: what their clients say and hear.
//!
//! Only as much as the row `broadcast-others` needs: many subscribers of one subject, and one who publishes.

mod flock;
mod tongue;

pub(crate) use flock::Flock;
pub(crate) use tongue::Tongue;
