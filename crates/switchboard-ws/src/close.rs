//! Close codes and the payload of close frames.
//!
//! A [`CloseCode`] is always one that may stand on the wire, so nobody can send 1005 by mistake.
//!
//! Spec: RFC 6455, sections 5.5.1 (payload), 7.4 (codes); IANA "WebSocket Close Code Number
//! Registry" for 1012 to 1014.

use std::borrow::Cow;
use std::fmt;

use crate::PeerError;

/// Why a connection ends, as it stands on the wire (RFC 6455, section 7.4).
///
/// 1000-1003, 1007-1014 and 3000-4999. The codes 1004, 1005, 1006 and 1015 are reserved: they
/// never appear in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server shuts down, or the page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke a rule of the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1007: the peer sent text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: the peer broke a rule of ours that has no code of its own.
    pub const POLICY: Self = Self(1008);
    /// 1009: the peer sent a message above the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: we met a fault of our own.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the server restarts; connect again.
    pub const RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; connect again later.
    pub const TRY_LATER: Self = Self(1013);

    /// The code, or `None` if it may not stand on the wire.
    ///
    /// ```
    /// use switchboard_ws::CloseCode;
    ///
    /// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
    /// assert_eq!(CloseCode::new(4001).map(CloseCode::value), Some(4001));
    /// assert_eq!(CloseCode::new(1005), None);
    /// ```
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Longest payload of a control frame (section 5.5).
pub(crate) const CONTROL_BYTES_MAX: usize = 125;

/// Code and reason of a close frame that arrived.
pub(crate) type Close<'i> = (Option<CloseCode>, Cow<'i, str>);

/// Reads the payload of a close frame.
pub(crate) fn decode(payload: Cow<'_, [u8]>) -> Result<Close<'_>, PeerError> {
    let code = match payload.split_first_chunk() {
        Some((code, _reason)) => CloseCode::new(u16::from_be_bytes(*code)),
        None if payload.is_empty() => return Ok((None, Cow::Borrowed(""))),
        None => None,
    };
    let code = code.ok_or(PeerError::BadClose)?;
    let reason = match payload {
        Cow::Borrowed(payload) => Cow::Borrowed(reason(payload)?),
        Cow::Owned(payload) => Cow::Owned(reason(&payload)?.to_owned()),
    };
    Ok((Some(code), reason))
}

fn reason(payload: &[u8]) -> Result<&str, PeerError> {
    let reason = payload.get(2..).unwrap_or_default();
    simdutf8::basic::from_utf8(reason).map_err(|_| PeerError::InvalidUtf8)
}

/// As much of `reason` as fits into a close frame, cut between characters.
pub(crate) fn fitting(reason: &str) -> &str {
    let mut ends = (0..=CONTROL_BYTES_MAX - 2).rev();
    ends.find_map(|end| reason.get(..end)).unwrap_or_default()
}
