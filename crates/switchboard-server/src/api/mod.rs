//! The REST door: the rooms as resources under `/api/v1`.
//!
//! | file | what it is |
//! |---|---|
//! | `answer` | problems, JSON with an `ETag`, conditional requests |
//! | `extract` | what a request says: who asks, the body, the query, the path |
//! | `people` | `/guests`, `/me` |
//! | `rooms` | `/rooms`, `/rooms/{room}` |
//! | `messages` | `/rooms/{room}/messages`, `/rooms/{room}/messages/{id}` |
//!
//! Who asks is said by a bearer token and by nothing that a browser adds by itself, so another
//! site's page can do nothing here in somebody's name. No CORS headers are ever sent.
//!
//! Spec: RFC 9110 (statuses, conditional requests), RFC 6750 (bearer), RFC 8288 (`Link`), RFC
//! 9457 (problems).

mod answer;
mod extract;
mod messages;
mod people;
mod rooms;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::http::Uri;
use axum::middleware;
use axum::routing::{get, post};

pub use answer::Refusal;

use crate::limits::Limits;
use crate::rooms::{Error, GuestId, Problem, Rooms, Throttle};

/// What every request needs.
#[derive(Clone, Debug)]
pub struct Api {
    rooms: Rooms,
    limits: Limits,
    throttles: Arc<Throttles>,
}

#[derive(Debug)]
struct Throttles {
    guests: Throttle<IpAddr>,
    writes: Throttle<GuestId>,
}

impl Api {
    /// The API of these rooms.
    pub fn new(rooms: Rooms, limits: Limits) -> Self {
        let now = Instant::now();
        let throttles = Throttles {
            guests: Throttle::new(limits.guests_per_address, now),
            writes: Throttle::new(limits.rest_writes, now),
        };
        Self { rooms, limits, throttles: Arc::new(throttles) }
    }

    /// Its routes, to be nested under `/api`. Whatever is not one of them is 404, as a problem.
    pub fn router(self) -> Router {
        let message = get(messages::show)
            .put(messages::replace)
            .patch(messages::edit)
            .delete(messages::remove);
        Router::new()
            .route("/v1/guests", post(people::become_guest))
            .route("/v1/me", get(people::me).patch(people::rename))
            .route("/v1/rooms", get(rooms::list).post(rooms::create))
            .route("/v1/rooms/{room}", get(rooms::show))
            .route("/v1/rooms/{room}/messages", get(messages::page).post(messages::send))
            .route("/v1/rooms/{room}/messages/{id}", message)
            .fallback(unknown)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(middleware::map_response(answer::protect))
            .with_state(self)
    }

    /// One more guest from this address.
    fn take_guest(&self, address: IpAddr) -> Result<(), Error> {
        self.throttles.guests.take(network_of(address), Instant::now())
    }

    /// One more change by this guest.
    fn take_write(&self, guest: &GuestId) -> Result<(), Error> {
        self.throttles.writes.take(guest.clone(), Instant::now())
    }
}

/// Whom an address stands for: an IPv4 address for itself in whatever form, an IPv6 address for
/// its /64, because that is what one customer gets.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(prefix).into()
        }
        v4 => v4,
    }
}

async fn unknown(uri: Uri) -> Refusal {
    Problem::new(404, format!("there is nothing at {}", uri.path())).into()
}

async fn method_not_allowed() -> Refusal {
    Problem::new(405, "this resource does not do that; the Allow header says what it does").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_for_their_network() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
