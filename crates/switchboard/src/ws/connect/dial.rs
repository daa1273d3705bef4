//! TCP connections to the first of a host's addresses that answers.
//!
//! Addresses are tried in the order of the resolver, the two families in turn, each with a head
//! start of 250 ms before the next; one that fails passes its turn on at once.
//!
//! Spec: RFC 8305 ("Happy Eyeballs"), sections 4 and 5.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

use super::ConnectError;
use super::url::Endpoint;

/// Connects to a host, whichever of its addresses it takes.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<TcpStream, ConnectError> {
    let addresses = resolve(endpoint).await.map_err(ConnectError::Resolve)?;
    let stream = race(in_turn(addresses)).await.map_err(ConnectError::Unreachable)?;
    // A small message must not wait for the next one. Failing here costs latency only.
    stream.set_nodelay(true).ok();
    Ok(stream)
}

async fn resolve(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        return Ok(vec![(address, endpoint.port).into()]);
    }
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"));
    }
    Ok(addresses)
}

/// The two families alternate, beginning with that of the first address.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let prefers_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|it| it.is_ipv6() == prefers_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut sorted = Vec::new();
    loop {
        let before = sorted.len();
        sorted.extend(first.next());
        sorted.extend(second.next());
        if sorted.len() == before {
            return sorted;
        }
    }
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    // Dropping the set ends the attempts that lost.
    let mut attempts = JoinSet::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match addresses.next() {
            Some(address) => _ = attempts.spawn(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(last_error),
            None => (),
        }
        let head_start = if addresses.len() == 0 { Duration::MAX } else { HEAD_START };
        match tokio::time::timeout(head_start, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => last_error = error,
            Ok(Some(Err(error))) => last_error = io::Error::other(error),
            Ok(None) | Err(_) => (),
        }
    }
}

/// RFC 8305, section 5: "a recommended value for a default delay is 250 milliseconds."
const HEAD_START: Duration = Duration::from_millis(250);
/// Of a name's addresses no more than this many are tried.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"];
        let parsed = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let sorted: Vec<String> = in_turn(parsed).iter().map(SocketAddr::to_string).collect();
        assert_eq!(sorted, ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
    }

    /// An address of this machine where nobody listens.
    async fn deaf() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_refuses_passes_its_turn_on_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = race(vec![deaf().await, deaf().await, address]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_is_overtaken() {
        // A listener whose queue is full answers no SYN, like an address that is filtered.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(1).unwrap();
        let silent_address = silent.local_addr().unwrap();
        let mut waiting = Vec::new();
        for _ in 0..8 {
            let attempt = TcpStream::connect(silent_address);
            waiting.push(tokio::time::timeout(Duration::from_millis(50), attempt).await);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = race(vec![silent_address, address]);
        let stream = tokio::time::timeout(Duration::from_secs(10), connecting).await.unwrap();
        assert_eq!(stream.unwrap().peer_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn when_all_refuse_the_last_refusal_is_told() {
        let error = race(vec![deaf().await, deaf().await]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
