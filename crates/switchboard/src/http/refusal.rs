//! The errors that official clients know, with the official wording.

use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::reply::Answer;

/// Why a request gets no session, and what there is to say about it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// Names and values, as the official server has them.
    pub(super) context: Vec<(&'static str, String)>,
}

/// Why a request gets no session. The numbers are Engine.IO's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport = 0,
    UnknownSession = 1,
    BadMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
    UnsupportedVersion = 5,
}

impl Refusal {
    /// With one thing to say about it.
    pub(super) fn because(self, name: &'static str, value: impl Into<String>) -> Refused {
        Refused { refusal: self, context: vec![(name, value.into())] }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The answer to a polling request.
    pub(super) fn to_json(self) -> Answer {
        json(self, self.message())
    }
}

impl Refused {
    pub(super) fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.context.push((name, value.into()));
        self
    }

    /// What the context says under that name.
    pub(super) fn context(&self, name: &str) -> Option<&str> {
        self.context.iter().find_map(|(it, value)| (*it == name).then_some(&**value))
    }

    /// The answer to a polling request.
    pub(super) fn to_json(&self) -> Answer {
        json(self.refusal, self.message())
    }

    /// The answer to an upgrade. The connection ends, so that nothing behind it is ever parsed.
    pub(super) fn to_text(&self) -> Answer {
        // "If the server does not wish to accept this connection, it MUST return an appropriate
        // HTTP error code (e.g., 403 Forbidden)" (RFC 6455, section 4.2.2, about the origin). For
        // everything else the official server says 400.
        let status = match self.context("name") {
            Some(FOREIGN_ORIGIN) => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        let mut response = Response::new(Full::from(self.message().to_owned()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn message(&self) -> &str {
        self.context("message").unwrap_or_else(|| self.refusal.message())
    }
}

fn json(refusal: Refusal, message: &str) -> Answer {
    let message = serde_json::Value::from(message);
    let body = format!(r#"{{"code":{},"message":{message}}}"#, refusal as u8);
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = match refusal {
        Refusal::Forbidden => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The name, in the context, of a page that may not connect.
pub(super) const FOREIGN_ORIGIN: &str = "ORIGIN_NOT_ALLOWED";
