//! The request that opened a connection, kept small.
//!
//! Two compact texts hold the target and the headers: what is the client's own, and what many
//! clients have in common, which is kept once for all of them ([`common`]). Both are parsed on
//! access, because most connections never look at them again.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, Uri};
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::PeerAddress;

mod common;

/// The HTTP request that opened the connection of a socket, and the `auth` payload with which the
/// client joined the namespace. An extractor, cheap to clone.
///
/// It serialises to the object that the official server calls `handshake`: `headers`, `time`,
/// `address`, `xdomain`, `secure`, `issued`, `url`, `query`, `auth`.
///
/// ```
/// use switchboard::{Handshake, Server, Socket};
///
/// let io = Server::builder().build();
/// io.on("connection", async |socket: Socket, handshake: Handshake| {
///     let agent = handshake.header("user-agent").unwrap_or("unknown");
///     println!("{agent} asked for {}", handshake.uri());
///     socket.emit("handshake", &handshake).ok();
/// });
/// ```
#[derive(Clone)]
pub struct Handshake {
    /// The target if it is common, then one header a line.
    common: Arc<str>,
    /// The target if it is not, then one header a line.
    own: Arc<str>,
    /// What is kept of the payload with which the client joins a namespace, if it had anything to
    /// say. Two boxes, because one pointer is half as large as that of a text.
    auth: Option<Arc<Box<str>>>,
    /// Milliseconds since 1970.
    issued: u64,
    address: Address,
    target_len: u32,
    /// The payload is longer than [`AUTH_BYTES_MAX`].
    auth_is_too_long: bool,
    is_secure: bool,
}

/// A socket's address, small when it is of IPv4.
#[derive(Clone)]
enum Address {
    Unknown,
    V4(SocketAddrV4),
    Other(Box<SocketAddr>),
}

/// Marks a request that came over TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secured;

impl Handshake {
    pub(crate) fn new(uri: &Uri, headers: &HeaderMap, address: Option<SocketAddr>) -> Self {
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let (mut own, mut shared) = (String::with_capacity(256), String::with_capacity(640));
        if common::is_common_target(target) { &mut shared } else { &mut own }.push_str(target);
        if let Some(authority) = uri.authority().filter(|_| !headers.contains_key(HOST)) {
            // HTTP/2 has it in the target.
            push_line(&mut shared, HOST.as_str(), authority.as_str());
        }
        if headers.contains_key(COOKIE) {
            // "If there are multiple Cookie header fields after decompression, these MUST be
            // concatenated into a single octet string using the two-octet delimiter of 0x3b, 0x20"
            // (RFC 9113, section 8.2.3).
            let cookies = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
            for (before, cookie) in cookies.enumerate() {
                own.push_str(if before == 0 { "\ncookie:" } else { "; " });
                own.push_str(cookie);
            }
        }
        for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
            // A header that is not text is of no use to anybody here.
            let Ok(value) = value.to_str() else { continue };
            let text = if common::is_common(name) { &mut shared } else { &mut own };
            push_line(text, name.as_str(), value);
        }
        let issued = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            common: common::keep(&shared),
            own: own.into(),
            auth: None,
            issued: u64::try_from(issued.as_millis()).unwrap_or(u64::MAX),
            address: address.into(),
            target_len: u32::try_from(target.len()).unwrap_or(0),
            auth_is_too_long: false,
            is_secure: false,
        }
    }

    /// The request with these parts, which [`Serve`](crate::Serve) has marked.
    pub(crate) fn of(parts: &Parts) -> Self {
        let address = parts.extensions.get::<PeerAddress>().map(|it| it.0);
        Self::new(&parts.uri, &parts.headers, address).marked(&parts.extensions)
    }

    /// Takes over what [`Serve`](crate::Serve) has found out about the connection.
    pub(crate) fn marked(self, extensions: &Extensions) -> Self {
        Self { is_secure: extensions.get::<Secured>().is_some(), ..self }
    }

    /// The same request, of a client that has joined a namespace with this payload.
    pub(crate) fn with_auth(self: &Arc<Self>, auth: &str) -> Arc<Self> {
        let auth = match auth.trim() {
            "" | "{}" => return Arc::clone(self),
            long if AUTH_BYTES_MAX < long.len() => None,
            auth => Some(Arc::new(Box::from(auth))),
        };
        Arc::new(Self { auth_is_too_long: auth.is_none(), auth, ..Self::clone(self) })
    }

    /// The payload as JSON; `None` when it was too long.
    pub(crate) fn auth_json(&self) -> Option<&str> {
        match &self.auth {
            None if self.auth_is_too_long => None,
            None => Some("{}"),
            Some(auth) => Some(auth),
        }
    }

    /// The `auth` payload with which the client joined the namespace; `{}` if it gave none.
    ///
    /// `None` when it is of another type, or longer than 16 KiB: so much of it is kept with a
    /// socket. Middleware and connection handlers get a longer one with the extractor
    /// [`Auth`](crate::Auth).
    pub fn auth<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.auth_json()?).ok()
    }

    /// When the request came.
    pub fn time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.issued)
    }

    /// When the request came, in milliseconds since 1970.
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether the request names an `Origin`, as browsers do in requests to another origin and for
    /// every WebSocket.
    pub fn is_cross_domain(&self) -> bool {
        self.header("origin").is_some()
    }

    /// Whether the connection is protected by the TLS of [`Serve`](crate::Serve). Behind a proxy
    /// that ends TLS, look at its `x-forwarded-proto` header.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The target of the request: path and query.
    pub fn uri(&self) -> &str {
        // The other text begins with the end of a line, or is empty.
        let text = if self.own.is_empty() || self.own.starts_with('\n') {
            &self.common
        } else {
            &self.own
        };
        text.get(..self.target_len as usize).unwrap_or_default()
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find_map(|(it, value)| (it == name).then_some(value))
    }

    /// Every header, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = [&self.own, &self.common];
        texts.into_iter().flat_map(|it| it.split('\n').skip(1)).filter_map(|it| it.split_once(':'))
    }

    /// The value of a query parameter, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.uri().split_once('?')?;
        crate::http::query::value(query, name).map(Into::into)
    }

    /// Every query parameter, percent-decoded.
    pub fn query_pairs(&self) -> impl Iterator<Item = (String, String)> {
        let query = self.uri().split_once('?').map_or("", |it| it.1);
        crate::http::query::pairs(query)
    }

    /// Who is at the other end of the TCP connection. A proxy's address behind a proxy; `None`
    /// where the hosting framework does not tell (see [`PeerAddress`](crate::PeerAddress)).
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.address {
            Address::Unknown => None,
            Address::V4(address) => Some(SocketAddr::V4(*address)),
            Address::Other(address) => Some(**address),
        }
    }
}

impl From<Option<SocketAddr>> for Address {
    fn from(address: Option<SocketAddr>) -> Self {
        match address {
            None => Self::Unknown,
            Some(SocketAddr::V4(address)) => Self::V4(address),
            Some(other) => Self::Other(Box::new(other)),
        }
    }
}

fn push_line(text: &mut String, name: &str, value: &str) {
    text.push('\n');
    text.push_str(name);
    text.push(':');
    text.push_str(value);
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither headers nor auth nor the query's sid: they hold secrets.
        let path = self.uri().split('?').next().unwrap_or_default();
        f.debug_struct("Handshake")
            .field("path", &path)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// The object of the official server.
impl Serialize for Handshake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let auth: Option<&RawValue> = self.auth_json().and_then(|it| serde_json::from_str(it).ok());
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("headers", &headers_object(self))?;
        map.serialize_entry("time", &js_date(self.issued))?;
        map.serialize_entry("address", &self.address().map(|it| it.ip()))?;
        map.serialize_entry("xdomain", &self.is_cross_domain())?;
        map.serialize_entry("secure", &self.is_secure)?;
        map.serialize_entry("issued", &self.issued)?;
        map.serialize_entry("url", self.uri())?;
        // Of a parameter that came twice the last counts, as in the official server.
        map.serialize_entry("query", &self.query_pairs().collect::<BTreeMap<_, _>>())?;
        map.serialize_entry("auth", &auth)?;
        map.end()
    }
}

/// The headers as an object, as Node has it: one that came twice is joined with a comma.
fn headers_object(handshake: &Handshake) -> BTreeMap<&str, String> {
    let mut object: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in handshake.headers() {
        let joined = object.entry(name).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value);
    }
    object
}

/// `Sat Nov 21 2026 13:18:22 GMT+0000 (Coordinated Universal Time)`: how JavaScript writes a date
/// in UTC.
fn js_date(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let weekday = WEEKDAYS.get((days % 7) as usize).copied().unwrap_or_default();
    let month = MONTHS.get(month).copied().unwrap_or_default();
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!(
        "{weekday} {month} {day:02} {year:04} {hour:02}:{minute:02}:{second:02} GMT+0000 \
         (Coordinated Universal Time)"
    )
}

/// Year, month from 0 and day of a count of days since 1970, in the Gregorian calendar.
fn civil(days: u64) -> (u64, usize, u64) {
    // Years that begin in March have their leap day last.
    let since_0000 = days + 719_468;
    let (era, of_era) = (since_0000 / 146_097, since_0000 % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    (year + era * 400 + u64::from(month < 2), month as usize, day)
}

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Bytes of an auth payload that are kept with a socket.
const AUTH_BYTES_MAX: usize = 16 * 1024;

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

    fn parse(target: &str, pairs: &[(&'static str, &'static str)]) -> Handshake {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Handshake::new(&target.parse().unwrap(), &headers, None)
    }

    #[test]
    fn what_clients_have_in_common_is_kept_once() {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let one = parse(target, &[("user-agent", "A"), ("cookie", "id=1"), ("x-id", "1")]);
        let two = parse(target, &[("user-agent", "A"), ("cookie", "id=2"), ("x-id", "2")]);
        assert!(Arc::ptr_eq(&one.common, &two.common));
        assert_eq!((one.uri(), two.uri()), (target, target));
        assert_eq!((one.header("cookie"), two.header("cookie")), (Some("id=1"), Some("id=2")));
        assert_eq!((one.header("x-id"), two.header("x-id")), (Some("1"), Some("2")));
        let mut headers: Vec<_> = two.headers().collect();
        headers.sort_unstable();
        assert_eq!(headers, [("cookie", "id=2"), ("user-agent", "A"), ("x-id", "2")]);
    }

    #[test]
    fn targets_and_headers_are_found_wherever_they_are_kept() {
        let own_target = "/socket.io/?EIO=4&transport=polling&t=abc";
        for target in [own_target, "/socket.io/?EIO=4&transport=polling", "/"] {
            for pairs in [&[][..], &[("accept", "*/*")], &[("x-a", "b")]] {
                let handshake = parse(target, pairs);
                assert_eq!(handshake.uri(), target);
                assert_eq!(handshake.headers().collect::<Vec<_>>(), pairs);
            }
        }
    }

    #[test]
    fn addresses_are_kept_whole() {
        for text in ["127.0.0.1:80", "[2001:db8::1]:8080", "[fe80::1%3]:1"] {
            let address = text.parse().unwrap();
            let handshake =
                Handshake::new(&Uri::from_static("/"), &HeaderMap::new(), Some(address));
            assert_eq!(handshake.address(), Some(address));
        }
    }

    #[test]
    fn auth_payloads_are_kept_up_to_a_limit() {
        let handshake = Arc::new(parse("/", &[]));
        assert_eq!(handshake.auth_json(), Some("{}"));
        assert_eq!(handshake.with_auth(r#"{"a":1}"#).auth_json(), Some(r#"{"a":1}"#));
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(AUTH_BYTES_MAX));
        assert_eq!(handshake.with_auth(&long).auth_json(), None);
    }

    #[test]
    fn a_handshake_is_small() {
        assert!(size_of::<Handshake>() <= 72, "{}", size_of::<Handshake>());
    }

    #[test]
    fn dates_read_as_in_javascript() {
        let cases = [
            (0, "Thu Jan 01 1970 00:00:00"),
            (951_782_400_000, "Tue Feb 29 2000 00:00:00"),
            (1_735_689_599_999, "Tue Dec 31 2024 23:59:59"),
            (1_795_267_102_000, "Sat Nov 21 2026 13:18:22"),
            (4_107_542_400_000, "Mon Mar 01 2100 00:00:00"),
        ];
        for (millis, date) in cases {
            let whole = format!("{date} GMT+0000 (Coordinated Universal Time)");
            assert_eq!(js_date(millis), whole);
        }
    }
}
