//! The client's half of the handshake, as a server judges it.
//!
//! Extensions are not looked at: [`deflate::negotiate`](crate::deflate::negotiate) judges them, and
//! an answer without the header declines them all.
//!
//! Spec: RFC 6455, sections 4.2.1 (what must be there) and 4.4 (versions); RFC 8441, section 5
//! (HTTP/2).

use std::fmt;

use super::{accept_value, list, value};

/// Checks the request that asks to become a WebSocket.
///
/// `headers` are all headers of the request in order, names in any case. The caller has made sure
/// that the request is of HTTP/1.1 and has no body. Answer with status 101, `Connection: Upgrade`,
/// `Upgrade: websocket` and `Sec-WebSocket-Accept:` [`Request::accept`].
///
/// # Errors
///
/// A [`Refusal`]: answer with its status and header, close the transport, and parse nothing that
/// came after the request.
///
/// # Examples
///
/// ```
/// use switchboard_ws::handshake;
///
/// let headers: [(&str, &[u8]); 4] = [
///     ("connection", b"keep-alive, Upgrade"),
///     ("upgrade", b"websocket"),
///     ("sec-websocket-version", b"13"),
///     ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
/// ];
/// let request = handshake::check("GET", headers)?;
/// assert_eq!(request.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), handshake::Refusal>(())
/// ```
pub fn check<'h>(
    method: &str,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<Request<'h>, Refusal> {
    if method != "GET" {
        return Err(Refusal::NotGet);
    }
    let mut seen = Seen::default();
    for (name, value) in headers {
        seen.note(name, value)?;
    }
    if !seen.has_upgrade_in_connection {
        return Err(Refusal::NoConnectionUpgrade);
    }
    if !seen.has_websocket_in_upgrade {
        return Err(Refusal::NoUpgradeWebsocket);
    }
    if seen.version != Some(b"13") {
        return Err(Refusal::OtherVersion);
    }
    let key = seen.key.and_then(list::text).filter(|it| value::is_key(it));
    let key = key.ok_or(Refusal::BadKey)?;
    Ok(Request { key, protocols: seen.protocols })
}

/// Checks the extended CONNECT that asks to become a WebSocket over HTTP/2 or HTTP/3.
///
/// `protocol` is the value of the `:protocol` pseudo-header, `headers` are all other headers in
/// order, names in any case. There is no key, and neither `Connection` nor `Upgrade`; HTTP has
/// refused them before. Answer with status 200 and none of the headers of the other handshake but
/// `Sec-WebSocket-Protocol` and `Sec-WebSocket-Extensions`.
///
/// # Errors
///
/// A [`Refusal`]: answer with its status and header, and end the stream.
///
/// # Examples
///
/// ```
/// use switchboard_ws::handshake;
///
/// let headers: [(&str, &[u8]); 2] =
///     [("sec-websocket-version", b"13"), ("sec-websocket-protocol", b"chat, other")];
/// let request = handshake::check_connect("CONNECT", Some("websocket"), headers)?;
/// assert_eq!(request.protocols, ["chat", "other"]);
/// # Ok::<(), handshake::Refusal>(())
/// ```
pub fn check_connect<'h>(
    method: &str,
    protocol: Option<&str>,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<ConnectRequest<'h>, Refusal> {
    if method != "CONNECT" {
        return Err(Refusal::NotConnect);
    }
    if !protocol.is_some_and(|it| it.eq_ignore_ascii_case("websocket")) {
        return Err(Refusal::OtherProtocol);
    }
    let mut seen = Seen::default();
    for (name, value) in headers {
        seen.note(name, value)?;
    }
    if seen.version != Some(b"13") {
        return Err(Refusal::OtherVersion);
    }
    Ok(ConnectRequest { protocols: seen.protocols })
}

/// An extended CONNECT that may become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest<'h> {
    /// The subprotocols on offer, in the client's order of preference. Answer with at most one of
    /// them, in `Sec-WebSocket-Protocol`.
    pub protocols: Vec<&'h str>,
}

/// A request that may become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'h> {
    /// The `Sec-WebSocket-Key`.
    pub key: &'h str,
    /// The subprotocols on offer, in the client's order of preference. Answer with at most one of
    /// them, in `Sec-WebSocket-Protocol`.
    pub protocols: Vec<&'h str>,
}

impl Request<'_> {
    /// The value of the answer's `Sec-WebSocket-Accept`.
    #[must_use]
    pub fn accept(&self) -> String {
        accept_value(self.key)
    }
}

/// Why a request cannot become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is not exactly one `Sec-WebSocket-Key` of 16 bytes in base64.
    BadKey,
    /// `Sec-WebSocket-Protocol` is not a list of different tokens, or has more than 100 of them.
    BadProtocols,
    /// `Connection` does not list `upgrade`.
    NoConnectionUpgrade,
    /// `Upgrade` does not list `websocket`.
    NoUpgradeWebsocket,
    /// The method is not CONNECT.
    NotConnect,
    /// The method is not GET.
    NotGet,
    /// `:protocol` is not `websocket`.
    OtherProtocol,
    /// `Sec-WebSocket-Version` is not 13.
    OtherVersion,
}

impl Refusal {
    /// The status to answer with: 400, 405, 426, or 501 for another `:protocol`.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NotConnect | Self::NotGet => 405,
            Self::OtherProtocol => 501,
            Self::OtherVersion => 426,
            _ => 400,
        }
    }

    /// The header that the status asks for, name and value.
    ///
    /// ```
    /// use switchboard_ws::handshake::Refusal;
    ///
    /// assert_eq!(Refusal::OtherVersion.header(), Some(("sec-websocket-version", "13")));
    /// ```
    #[must_use]
    pub fn header(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NotConnect => Some(("allow", "CONNECT")),
            Self::NotGet => Some(("allow", "GET")),
            Self::OtherVersion => Some(("sec-websocket-version", "13")),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadKey => "Sec-WebSocket-Key must be there once: 16 bytes in base64",
            Self::BadProtocols => "Sec-WebSocket-Protocol must list different tokens, 100 at most",
            Self::NoConnectionUpgrade => "Connection must list `upgrade`",
            Self::NoUpgradeWebsocket => "Upgrade must list `websocket`",
            Self::NotConnect => "the method must be CONNECT",
            Self::NotGet => "the method must be GET",
            Self::OtherProtocol => ":protocol must be `websocket`",
            Self::OtherVersion => "Sec-WebSocket-Version must be 13",
        })
    }
}

impl std::error::Error for Refusal {}

/// What the headers have said so far.
#[derive(Default)]
struct Seen<'h> {
    has_upgrade_in_connection: bool,
    has_websocket_in_upgrade: bool,
    version: Option<&'h [u8]>,
    key: Option<&'h [u8]>,
    protocols: Vec<&'h str>,
}

impl<'h> Seen<'h> {
    fn note(&mut self, name: &str, value: &'h [u8]) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case("connection") {
            self.has_upgrade_in_connection |= list::has_token(value, "upgrade");
        } else if name.eq_ignore_ascii_case("upgrade") {
            self.has_websocket_in_upgrade |= list::has_token(value, "websocket");
        } else if name.eq_ignore_ascii_case("sec-websocket-version") {
            if self.version.replace(value.trim_ascii()).is_some() {
                return Err(Refusal::OtherVersion);
            }
        } else if name.eq_ignore_ascii_case("sec-websocket-key") {
            if self.key.replace(value).is_some() {
                return Err(Refusal::BadKey);
            }
        } else if name.eq_ignore_ascii_case("sec-websocket-protocol") {
            self.note_protocols(value)?;
        }
        Ok(())
    }

    fn note_protocols(&mut self, value: &'h [u8]) -> Result<(), Refusal> {
        let value = list::text(value).ok_or(Refusal::BadProtocols)?;
        for token in list::tokens(value) {
            let token = token.ok_or(Refusal::BadProtocols)?;
            if PROTOCOLS_MAX <= self.protocols.len() || self.protocols.contains(&token) {
                return Err(Refusal::BadProtocols);
            }
            self.protocols.push(token);
        }
        if self.protocols.is_empty() { Err(Refusal::BadProtocols) } else { Ok(()) }
    }
}

/// Subprotocols that a client may offer. Real ones offer one or two.
const PROTOCOLS_MAX: usize = 100;
