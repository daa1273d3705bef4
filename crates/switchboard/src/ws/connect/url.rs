//! Where to connect: the URL of a WebSocket, taken apart and judged.
//!
//! Spec: RFC 6455, section 3 (URIs), RFC 3986, section 3.2 (authority), RFC 7617 (Basic).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{HeaderValue, uri};

use super::ConnectError;

/// A URL that may be connected to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) is_tls: bool,
    pub(super) endpoint: Endpoint,
    /// What the request line asks for.
    pub(super) path: PathAndQuery,
    /// The URL's user and password as a value of `Authorization`.
    pub(super) credentials: Option<HeaderValue>,
}

/// A host and a port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// A name or an address; an IPv6 address stands without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// Judges the URL of a WebSocket.
    pub(super) fn parse(url: &str) -> Result<Self, ConnectError> {
        let uri = parse(url).map_err(ConnectError::BadUrl)?;
        let is_tls = match scheme(&uri) {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(ConnectError::BadUrl("the scheme must be ws or wss")),
        };
        let default_port = default_port(is_tls);
        let (endpoint, credentials) =
            authority(&uri, default_port).map_err(ConnectError::BadUrl)?;
        let path = uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { is_tls, endpoint, path, credentials })
    }

    /// The value of `Host`: without the port that the scheme implies (RFC 9110, section 7.2).
    pub(super) fn host_header(&self) -> String {
        let host = self.endpoint.bracketed();
        match self.endpoint.port {
            port if port == default_port(self.is_tls) => host,
            port => format!("{host}:{port}"),
        }
    }
}

impl Endpoint {
    /// `host:port`, as `CONNECT` asks for it.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// The URL of a proxy: where it is, and the credentials as a value of `Proxy-Authorization`.
pub(super) fn proxy(url: &str) -> Result<(Endpoint, Option<HeaderValue>), &'static str> {
    // `host:port` without a scheme is usual in the environment.
    let with_scheme = if url.contains("://") { url } else { &format!("http://{url}") };
    let uri = parse(with_scheme)?;
    if scheme(&uri) != "http" {
        return Err("only proxies at http:// are supported");
    }
    authority(&uri, default_port(false))
}

/// RFC 6455, section 3: "Fragment identifiers are meaningless in the context of WebSocket URIs and
/// MUST NOT be used on these URIs."
fn parse(url: &str) -> Result<Uri, &'static str> {
    if url.contains('#') {
        return Err("a fragment (#) has no meaning here");
    }
    if !url.bytes().all(|it| it.is_ascii_graphic()) {
        return Err("spaces, control and non-ASCII characters must be percent-encoded");
    }
    let uri: Uri = url.parse().map_err(|_| "it is malformed")?;
    if uri.scheme().is_none() {
        return Err("it needs a scheme, as in ws://host/path");
    }
    Ok(uri)
}

/// In lower case: `http` keeps schemes that it does not know as they were written.
fn scheme(uri: &Uri) -> &str {
    let known = ["ws", "wss", "http", "https"];
    let scheme = uri.scheme().map(Scheme::as_str).unwrap_or_default();
    known.into_iter().find(|it| it.eq_ignore_ascii_case(scheme)).unwrap_or_default()
}

fn authority(
    uri: &Uri,
    default_port: u16,
) -> Result<(Endpoint, Option<HeaderValue>), &'static str> {
    let authority = uri.authority().ok_or("it needs a host")?;
    let (userinfo, place) = match authority.as_str().rsplit_once('@') {
        Some((userinfo, place)) => (Some(userinfo), place),
        None => (None, authority.as_str()),
    };
    let endpoint = endpoint(authority, place, default_port)?;
    Ok((endpoint, userinfo.map(basic).transpose()?))
}

fn endpoint(
    authority: &uri::Authority,
    place: &str,
    default_port: u16,
) -> Result<Endpoint, &'static str> {
    let host = authority.host();
    let port = match (place.strip_prefix(host), authority.port_u16()) {
        // `host:` is allowed and means the default (RFC 3986, section 3.2.3).
        (Some("" | ":"), _) => default_port,
        (Some(_), Some(port)) if port != 0 => port,
        _ => return Err("the port must be 1 to 65535"),
    };
    let host = match host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
        Some(_) => return Err("between the brackets must be an IPv6 address"),
        None => host,
    };
    if host.is_empty() || host.contains(['[', ']', '%']) {
        return Err("the host is malformed");
    }
    Ok(Endpoint { host: host.to_owned(), port })
}

/// `user:password` of a URL as `Basic` credentials.
fn basic(userinfo: &str) -> Result<HeaderValue, &'static str> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let (mut user, password) = (decode(user)?, decode(password)?);
    if user.contains(&b':') {
        return Err("a user name must not contain a colon");
    }
    user.push(b':');
    user.extend(password);
    // RFC 7617, section 2: "The user-id and password MUST NOT contain any control characters".
    if user.iter().any(u8::is_ascii_control) {
        return Err("user and password must not contain control characters");
    }
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user)));
    let mut value = value.map_err(|_| "user and password cannot be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |it: Option<u8>| char::from(it?).to_digit(16);
        bytes.push(match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err("a % must be followed by two hexadecimal digits"),
            },
            byte => byte,
        });
    }
    Ok(bytes)
}

const fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, is_tls: bool, authority: &str, host_header: &str, path: &str) {
        let target = Target::parse(url).unwrap();
        assert_eq!(target.is_tls, is_tls, "{url}");
        assert_eq!(target.endpoint.authority(), authority, "{url}");
        assert_eq!(target.host_header(), host_header, "{url}");
        assert_eq!(target.path.to_string(), path, "{url}");
    }

    #[test]
    fn schemes_imply_ports_and_the_host_header_leaves_them_out() {
        check("ws://example.org", false, "example.org:80", "example.org", "/");
        check("ws://example.org:80/a", false, "example.org:80", "example.org", "/a");
        check("WSS://example.org/a?b=c", true, "example.org:443", "example.org", "/a?b=c");
        check("wss://example.org:80/", true, "example.org:80", "example.org:80", "/");
        check("http://example.org:8080", false, "example.org:8080", "example.org:8080", "/");
        check("https://example.org:?b", true, "example.org:443", "example.org", "/?b");
        check("ws://[::1]:3000/x", false, "[::1]:3000", "[::1]:3000", "/x");
        check("wss://[2001:db8::1]", true, "[2001:db8::1]:443", "[2001:db8::1]", "/");
    }

    #[test]
    fn ipv6_addresses_are_dialled_without_brackets() {
        assert_eq!(Target::parse("ws://[::1]:3000/x").unwrap().endpoint.host, "::1");
    }

    #[test]
    fn user_and_password_become_basic_credentials() {
        let target = Target::parse("ws://Aladdin:open%20sesame@example.org:81/").unwrap();
        let credentials = target.credentials.as_ref().unwrap();
        assert_eq!(credentials, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(credentials.is_sensitive());
        assert_eq!(target.host_header(), "example.org:81");
        assert_eq!(target.endpoint.host, "example.org");
    }

    #[test]
    fn urls_that_cannot_be_meant_are_refused() {
        for url in [
            "",
            "example.org",
            "/path",
            "ftp://example.org/",
            "ws://",
            "ws:///path",
            "ws://example.org/#",
            "ws://example.org/a#b",
            "ws://example.org/a b",
            "ws://example.org/a\r\nX: y",
            "ws://exämple.org/",
            "ws://example.org:0/",
            "ws://example.org:65536/",
            "ws://example.org:x/",
            "ws://[::1/",
            "ws://[example.org]/",
            "ws://[fe80::1%25eth0]/",
            "ws://a%0d%0ab@example.org/",
            "ws://a%3ab:c@example.org/",
            "ws://a%4@example.org/",
            "ws://user@/",
        ] {
            assert!(matches!(Target::parse(url), Err(ConnectError::BadUrl(_))), "{url}");
        }
    }

    #[test]
    fn proxies_are_told_by_url_or_by_host_and_port() {
        let at = |host: &str, port| Endpoint { host: host.to_owned(), port };
        assert_eq!(proxy("http://proxy:3128").unwrap(), (at("proxy", 3128), None));
        assert_eq!(proxy("proxy:3128").unwrap(), (at("proxy", 3128), None));
        assert_eq!(proxy("http://proxy/").unwrap().0, at("proxy", 80));
        let (place, credentials) = proxy("http://u:p@[::1]:8080").unwrap();
        assert_eq!(place, at("::1", 8080));
        assert_eq!(credentials.unwrap(), "Basic dTpw");
        for url in ["https://proxy", "socks5://proxy", "", "http://"] {
            assert!(proxy(url).is_err(), "{url}");
        }
    }
}
