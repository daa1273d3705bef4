//! One HTTP/1.1 exchange that ends in a change of protocol, and the judgement of a WebSocket's.
//!
//! hyper writes the request and parses the answer, so nobody parses HTTP twice here. What follows
//! the answer's head in the same packet stays in [`Upgraded`].
//!
//! Spec: RFC 6455, section 4.1; RFC 9110, section 7.8.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use switchboard_ws::deflate::{self, Agreement, Config};
use switchboard_ws::handshake::{BadResponse, check_response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::ConnectError;
use super::url::Target;

/// What an HTTP server made of a request to change the protocol.
pub(super) enum Answer {
    /// It changed: the head of its answer, and the bytes from there on.
    Switched(Parts, Upgraded),
    /// It did not: its answer, with the first 64 KiB of the body.
    Plain(Box<Response<Bytes>>),
}

/// Our half of a WebSocket's handshake.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) key: String,
    pub(super) protocols: Vec<String>,
    pub(super) deflate: Option<Config>,
}

/// What both sides agreed on.
pub(super) struct Accepted {
    pub(super) protocol: Option<String>,
    pub(super) agreement: Option<Agreement>,
}

impl Offer {
    /// An offer under a fresh key.
    pub(super) fn new(protocols: Vec<String>, deflate: Option<Config>) -> Self {
        let mut random = [0; 16];
        // Whoever knows the key beforehand could prepare an answer for a cache.
        #[expect(clippy::expect_used, reason = "an OS without random numbers cannot mask either")]
        getrandom::fill(&mut random).expect("the operating system gives random numbers");
        Self { key: switchboard_ws::handshake::key(random), protocols, deflate }
    }

    /// The request for `target` with the caller's `headers`, which hold nothing that stands here.
    pub(super) fn request(
        &self,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Request<Empty<Bytes>>, ConnectError> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = target.path.clone().into();
        let all = request.headers_mut();
        // `Host` first, as RFC 9110, section 7.2 advises.
        all.insert(header::HOST, written(&header::HOST, target.host_header())?);
        all.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        all.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        all.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        all.insert(header::SEC_WEBSOCKET_KEY, written(&header::SEC_WEBSOCKET_KEY, &*self.key)?);
        if !self.protocols.is_empty() {
            let name = header::SEC_WEBSOCKET_PROTOCOL;
            let value = written(&name, self.protocols.join(", "))?;
            all.insert(name, value);
        }
        if let Some(config) = &self.deflate {
            let name = header::SEC_WEBSOCKET_EXTENSIONS;
            let value = written(&name, deflate::offer(config))?;
            all.insert(name, value);
        }
        if let Some(credentials) = &target.credentials {
            all.insert(header::AUTHORIZATION, credentials.clone());
        }
        for name in headers.keys() {
            // The first of the caller's replaces ours (`Host`, `Authorization`).
            all.remove(name);
            headers.get_all(name).iter().for_each(|it| _ = all.append(name, it.clone()));
        }
        Ok(request)
    }

    /// Whether the server's 101 answers this offer.
    pub(super) fn judge(&self, head: &Parts) -> Result<Accepted, ConnectError> {
        // RFC 9110, section 7.8: Upgrade is a header of HTTP/1.1.
        if head.version != Version::HTTP_11 {
            return Err(ConnectError::BadAnswer(BadResponse::NotWebsocket));
        }
        let agreement = match &self.deflate {
            Some(config) => {
                let values = head.headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
                let values = values.iter().map(HeaderValue::as_bytes);
                deflate::accept(config, values).map_err(ConnectError::BadExtension)?
            }
            None => None,
        };
        let protocols: Vec<&str> = self.protocols.iter().map(String::as_str).collect();
        let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let is_judged = self.deflate.is_some();
        let headers =
            headers.filter(|(name, _)| !is_judged || header::SEC_WEBSOCKET_EXTENSIONS != *name);
        let status = head.status.as_u16();
        let protocol = check_response(status, &self.key, &protocols, headers);
        let protocol = protocol.map_err(ConnectError::BadAnswer)?.map(str::to_owned);
        Ok(Accepted { protocol, agreement })
    }
}

/// Whether the handshake itself writes this header, so that a caller must not.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    let fixed = [
        header::CONNECTION,
        header::UPGRADE,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::EXPECT,
    ];
    name.as_str().starts_with("sec-websocket-") || fixed.contains(name)
}

/// Sends `request` and reads the answer, in time.
pub(super) async fn exchange<IO>(
    io: IO,
    request: Request<Empty<Bytes>>,
    deadline: Instant,
) -> Result<Answer, ConnectError>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let is_connect = request.method() == Method::CONNECT;
    let mut client = http1::Builder::new();
    client.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (mut sender, connection) = client.handshake(TokioIo::new(io)).await.map_err(explained)?;
    let conversation = async move {
        let sent = timeout_at(deadline, sender.send_request(request)).await;
        let mut response = sent.map_err(|_| ConnectError::Timeout)?.map_err(explained)?;
        let is_switched = match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => !is_connect,
            status => is_connect && status.is_success(),
        };
        if !is_switched {
            return Ok(Answer::Plain(Box::new(collect(response, deadline).await)));
        }
        let upgraded = timeout_at(deadline, hyper::upgrade::on(&mut response)).await;
        let upgraded = upgraded.map_err(|_| ConnectError::Timeout)?.map_err(explained)?;
        Ok(Answer::Switched(response.into_parts().0, upgraded))
    };
    let mut conversation = pin!(conversation);
    tokio::select! {
        biased;
        answer = &mut conversation => answer,
        // It has ended well or badly, and the conversation is told which.
        _ended = connection.with_upgrades() => conversation.await,
    }
}

/// The answer with the beginning of its body.
async fn collect(response: Response<Incoming>, deadline: Instant) -> Response<Bytes> {
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < BODY_BYTES_MAX
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Ok(data) = frame.into_data() {
                let room = data.len().min(BODY_BYTES_MAX - bytes.len());
                bytes.extend_from_slice(data.get(..room).unwrap_or_default());
            }
        }
    };
    // The status is the news. A body that does not come must not hold it back.
    timeout_at(deadline.min(Instant::now() + BODY_PATIENCE), reading).await.ok();
    Response::from_parts(head, bytes.into())
}

/// Tells an end of the connection from an answer that is no HTTP.
fn explained(error: hyper::Error) -> ConnectError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io_error) = inner.downcast_ref::<io::Error>() {
            return ConnectError::Lost(io::Error::new(io_error.kind(), error));
        }
        cause = inner.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return ConnectError::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, error));
    }
    ConnectError::NotHttp(error.into())
}

fn written<V>(name: &HeaderName, value: V) -> Result<HeaderValue, ConnectError>
where
    HeaderValue: TryFrom<V>,
{
    HeaderValue::try_from(value)
        .map_err(|_| ConnectError::BadHeader { name: name.as_str().to_owned() })
}

/// For the head of the answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
/// Of the body of a refusal.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// For the body of a refusal once its head is there.
const BODY_PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client that offers compression makes of an answer with these extensions.
    fn judge(config: Option<Config>, extensions: &[&str]) -> Result<Accepted, ConnectError> {
        let offer = Offer::new(Vec::new(), config);
        let mut answer = Response::builder()
            .status(101)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-accept", switchboard_ws::handshake::accept_value(&offer.key));
        for extension in extensions {
            answer = answer.header("sec-websocket-extensions", *extension);
        }
        offer.judge(&answer.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn compression_is_agreed_on_or_not() {
        let config = Some(Config::default());
        assert!(judge(config, &[]).unwrap().agreement.is_none());
        let answer = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
        let agreement = judge(config, &[answer]).unwrap().agreement.unwrap();
        assert_eq!(agreement.server_max_window_bits(), 10);
    }

    /// A server's word about its window has ended clients before now (threat row W3).
    #[test]
    fn parameters_that_a_server_must_not_choose_are_an_error() {
        for extensions in [
            &["permessage-deflate; server_max_window_bits=7"][..],
            &["permessage-deflate; server_max_window_bits=16"],
            &["permessage-deflate; server_max_window_bits=0"],
            &["permessage-deflate; server_max_window_bits=-1"],
            &["permessage-deflate; server_max_window_bits=99999999999999999999"],
            &["permessage-deflate; server_max_window_bits="],
            &["permessage-deflate; server_max_window_bits"],
            &["permessage-deflate; server_max_window_bits=010"],
            &["permessage-deflate; client_max_window_bits=16"],
            &["permessage-deflate; client_max_window_bits"],
            &["permessage-deflate; mystery=1"],
            &["permessage-deflate; server_no_context_takeover=1"],
            &["permessage-deflate, permessage-deflate"],
            &["permessage-deflate", "permessage-deflate"],
            &["x-webkit-deflate-frame"],
            &["permessage-deflate;;"],
            &["\"permessage-deflate\""],
            &[";"],
        ] {
            let judged = judge(Some(Config::default()), extensions);
            let is_refused = matches!(judged, Err(ConnectError::BadExtension(_)));
            assert!(is_refused, "{extensions:?}");
        }
    }

    #[test]
    fn without_an_offer_every_extension_is_an_error() {
        let judged = judge(None, &["permessage-deflate"]);
        let expected = BadResponse::UnofferedExtension;
        assert!(matches!(judged, Err(ConnectError::BadAnswer(it)) if it == expected));
    }
}
