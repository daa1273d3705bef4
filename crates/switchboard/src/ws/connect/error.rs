//! Why a client got no WebSocket, told apart by whose fault it is.

use std::fmt;
use std::io;

use bytes::Bytes;
use http::Response;
use switchboard_ws::deflate::BadExtension;
use switchboard_ws::handshake::BadResponse;

/// Why [`connect`](super::connect) failed.
///
/// The first three mean that the call is wrong and will be wrong next time too. Of the others only
/// [`Refused`](Self::Refused) with a status of 500 or more, [`Resolve`](Self::Resolve),
/// [`Unreachable`](Self::Unreachable), [`Lost`](Self::Lost) and [`Timeout`](Self::Timeout) are
/// worth another try.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be connected to, for this reason.
    BadUrl(&'static str),
    /// A header cannot be sent, or is one that the handshake itself writes. A name or a value with
    /// a line break comes here: it is never split into two headers.
    BadHeader {
        /// The name, as far as it is one.
        name: String,
    },
    /// A subprotocol is not a token (RFC 6455, section 4.1, step 10), or was named twice.
    BadProtocol(String),
    /// The URL of the proxy is no such URL, for this reason.
    BadProxy(&'static str),
    /// The name of the host (or the proxy) has no address.
    Resolve(io::Error),
    /// None of the host's (or the proxy's) addresses accepted a connection; this is what the last
    /// of them said.
    Unreachable(io::Error),
    /// The proxy did not open a tunnel. 407 means that it wants other credentials; without a
    /// status, what it said was no answer to CONNECT.
    Proxy {
        /// The status of its answer.
        status: Option<http::StatusCode>,
    },
    /// The server's certificate is not to be trusted, for this reason.
    #[cfg(feature = "tls")]
    Certificate(rustls::CertificateError),
    /// The server does not speak TLS, or not in a way that is safe; or the platform has no roots.
    /// The inner error is a `rustls::Error` unless the connection broke.
    Tls(io::Error),
    /// The server answered with another status than 101: a refusal, a redirect (which is not
    /// followed: its `location` is in the headers), or a plain page. The body holds at most the
    /// first 64 KiB, and what came of it before the timeout.
    Refused(Box<Response<Bytes>>),
    /// The server answered 101, but not to this handshake.
    BadAnswer(BadResponse),
    /// The server answered with an extension that was not offered, or with parameters that are
    /// not allowed.
    BadExtension(BadExtension),
    /// What the server said is not HTTP/1.1, or its head is above 16 KiB or 100 headers.
    NotHttp(Box<dyn std::error::Error + Send + Sync>),
    /// The connection ended before the answer was there.
    Lost(io::Error),
    /// The whole took longer than [`Connect::timeout`](super::Connect::timeout).
    Timeout,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl(why) => write!(f, "this URL cannot be connected to: {why}"),
            Self::BadHeader { name } => write!(f, "the header {name:?} cannot be sent"),
            Self::BadProtocol(name) => write!(f, "the subprotocol {name:?} cannot be offered"),
            Self::BadProxy(why) => write!(f, "this proxy cannot be used: {why}"),
            Self::Resolve(error) => write!(f, "the host has no address: {error}"),
            Self::Unreachable(error) => write!(f, "the host cannot be reached: {error}"),
            Self::Proxy { status: Some(status) } => {
                write!(f, "the proxy opened no tunnel: {status}")
            }
            Self::Proxy { status: None } => f.write_str("the proxy's answer makes no sense"),
            #[cfg(feature = "tls")]
            Self::Certificate(error) => write!(f, "the server's certificate is bad: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Refused(response) => write!(f, "the server answered {}", response.status()),
            Self::BadAnswer(error) => error.fmt(f),
            Self::BadExtension(error) => error.fmt(f),
            Self::NotHttp(error) => write!(f, "the server's answer is not HTTP/1.1: {error}"),
            Self::Lost(error) => write!(f, "the connection ended before the answer: {error}"),
            Self::Timeout => f.write_str("the handshake took too long"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve(error)
            | Self::Unreachable(error)
            | Self::Tls(error)
            | Self::Lost(error) => Some(error),
            Self::BadAnswer(error) => Some(error),
            Self::BadExtension(error) => Some(error),
            Self::NotHttp(error) => Some(&**error),
            _ => None,
        }
    }
}
