//! The server's half of the handshake, as a client judges it.
//!
//! Spec: RFC 6455, section 4.1, from "If the status code" on.

use std::fmt;

use super::{accept_value, list};

/// Checks the answer to a request with this `key` that offered these `protocols`. Gives the
/// subprotocol that the server chose, if it chose one.
///
/// `headers` are all headers of the answer in order, names in any case. Whoever offered
/// permessage-deflate leaves `Sec-WebSocket-Extensions` out and has
/// [`deflate::accept`](crate::deflate::accept) judge it.
///
/// # Errors
///
/// A [`BadResponse`]: drop the transport. With [`BadResponse::NotSwitching`] the answer is
/// ordinary HTTP, such as a redirect or a refusal.
///
/// # Examples
///
/// ```
/// use switchboard_ws::handshake;
///
/// let headers: [(&str, &[u8]); 4] = [
///     ("upgrade", b"websocket"),
///     ("connection", b"Upgrade"),
///     ("sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
///     ("sec-websocket-protocol", b"chat"),
/// ];
/// let key = handshake::key(*b"the sample nonce");
/// let protocol = handshake::check_response(101, &key, &["chat"], headers)?;
/// assert_eq!(protocol, Some("chat"));
/// # Ok::<(), handshake::BadResponse>(())
/// ```
pub fn check_response<'h>(
    status: u16,
    key: &str,
    protocols: &[&str],
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<Option<&'h str>, BadResponse> {
    if status != 101 {
        return Err(BadResponse::NotSwitching);
    }
    let (mut has_connection, mut has_upgrade) = (false, false);
    let (mut accept, mut protocol) = (None, None);
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("connection") {
            has_connection |= list::has_token(value, "upgrade");
        } else if name.eq_ignore_ascii_case("upgrade") {
            has_upgrade |= value.trim_ascii().eq_ignore_ascii_case(b"websocket");
        } else if name.eq_ignore_ascii_case("sec-websocket-accept") {
            if accept.replace(value.trim_ascii()).is_some() {
                return Err(BadResponse::WrongAccept);
            }
        } else if name.eq_ignore_ascii_case("sec-websocket-protocol") {
            let chosen = list::text(value).filter(|it| protocols.contains(it));
            let chosen = chosen.ok_or(BadResponse::UnofferedProtocol)?;
            if protocol.replace(chosen).is_some() {
                return Err(BadResponse::UnofferedProtocol);
            }
        } else if name.eq_ignore_ascii_case("sec-websocket-extensions")
            && !value.trim_ascii().is_empty()
        {
            return Err(BadResponse::UnofferedExtension);
        }
    }
    if !has_connection || !has_upgrade {
        return Err(BadResponse::NotWebsocket);
    }
    if accept != Some(accept_value(key).as_bytes()) {
        return Err(BadResponse::WrongAccept);
    }
    Ok(protocol)
}

/// Why an answer does not open a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BadResponse {
    /// The status is not 101.
    NotSwitching,
    /// `Connection` does not list `upgrade`, or `Upgrade` is not `websocket`.
    NotWebsocket,
    /// The server wants an extension that was not offered.
    UnofferedExtension,
    /// The server wants a subprotocol that was not offered, or several.
    UnofferedProtocol,
    /// `Sec-WebSocket-Accept` does not belong to our key.
    WrongAccept,
}

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSwitching => "the server did not answer 101 Switching Protocols",
            Self::NotWebsocket => "the server switched to something other than `websocket`",
            Self::UnofferedExtension => "the server chose an extension that was not offered",
            Self::UnofferedProtocol => "the server chose a subprotocol that was not offered",
            Self::WrongAccept => "Sec-WebSocket-Accept does not belong to our key",
        })
    }
}

impl std::error::Error for BadResponse {}
