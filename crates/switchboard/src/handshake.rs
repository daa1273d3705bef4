//! The request that opened a connection, kept small.
//!
//! One compact text holds the target and the headers; it is parsed on access, because most
//! connections never look at it again.

use std::net::SocketAddr;

use http::header::{COOKIE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

/// The HTTP request that opened the connection of a socket.
///
/// ```
/// use switchboard::{Handshake, Server, Socket};
/// use std::sync::Arc;
///
/// let io = Server::builder().build();
/// io.on("connection", async |_socket: Socket, handshake: Arc<Handshake>| {
///     let agent = handshake.header("user-agent").unwrap_or("unknown");
///     println!("{agent} asked for {}", handshake.uri());
/// });
/// ```
#[derive(Debug)]
pub struct Handshake {
    /// The target, then one header a line.
    head: Box<str>,
    target_len: u32,
    address: Option<SocketAddr>,
}

impl Handshake {
    pub(crate) fn new(uri: &Uri, headers: &HeaderMap, address: Option<SocketAddr>) -> Self {
        let mut head = uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        let target_len = u32::try_from(head.len()).unwrap_or(0);
        if let Some(authority) = uri.authority().filter(|_| !headers.contains_key(HOST)) {
            // HTTP/2 has it in the target.
            head.push_str("\nhost:");
            head.push_str(authority.as_str());
        }
        if headers.contains_key(COOKIE) {
            // "If there are multiple Cookie header fields after decompression, these MUST be
            // concatenated into a single octet string using the two-octet delimiter of 0x3b, 0x20"
            // (RFC 9113, section 8.2.3).
            let cookies = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
            head.push_str("\ncookie:");
            head.push_str(&cookies.collect::<Vec<_>>().join("; "));
        }
        for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
            // A header that is not text is of no use to anybody here.
            let Ok(value) = value.to_str() else { continue };
            head.push('\n');
            head.push_str(name.as_str());
            head.push(':');
            head.push_str(value);
        }
        Self { head: head.into(), target_len, address }
    }

    /// The target of the request: path and query.
    pub fn uri(&self) -> &str {
        self.head.get(..self.target_len as usize).unwrap_or_default()
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find_map(|(it, value)| (it == name).then_some(value))
    }

    /// Every header, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.split('\n').skip(1).filter_map(|line| line.split_once(':'))
    }

    /// The value of a query parameter, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.uri().split_once('?')?;
        crate::http::query::value(query, name)
    }

    /// Who is at the other end of the TCP connection. A proxy's address behind a proxy; `None`
    /// where the hosting framework does not tell (see [`PeerAddress`](crate::PeerAddress)).
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_request_of_http_2_reads_like_one_of_http_1() {
        let uri = Uri::from_static("https://chat.example/socket.io/?EIO=4");
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        headers.append("origin", HeaderValue::from_static("https://chat.example"));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        let handshake = Handshake::new(&uri, &headers, None);
        assert_eq!(handshake.uri(), "/socket.io/?EIO=4");
        assert_eq!(handshake.query("EIO").as_deref(), Some("4"));
        assert_eq!(handshake.header("host"), Some("chat.example"));
        assert_eq!(handshake.header("cookie"), Some("a=1; b=2"));
        assert_eq!(handshake.header("origin"), Some("https://chat.example"));
    }
}
