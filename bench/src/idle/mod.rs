//! The load of the rows about memory: clients that come, say what they have to, and then sit there.
//!
//! [`Herd`] holds thousands of them on one epoll loop, whatever they speak ([`Talk`]) over whatever carries it
//! ([`Transport`](crate::plain::Transport)). Each has a cookie of its own, as clients of a real site have.

mod heads;
mod herd;
mod polling;
mod websocket;

pub(crate) use heads::{Scene, cookie};
pub(crate) use herd::{Herd, Received, Talk};
pub(crate) use polling::{Polling, session_id};
pub(crate) use websocket::{WebSocket, next_frame};
