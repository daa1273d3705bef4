//! The way through an HTTP proxy: a tunnel opened by `CONNECT`.
//!
//! The proxy sees the host and the port that we want, nothing more when TLS runs inside. Names are
//! resolved by the proxy.
//!
//! Spec: RFC 9110, section 9.3.6 (CONNECT); RFC 6455, section 4.1, step 3.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Request};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::handshake::{self, Answer};
use super::url::{self, Endpoint, Target};
use super::{ConnectError, dial};

/// Whether to go through a proxy, as the builder was told.
#[derive(Clone, Debug, Default)]
pub(super) enum Choice {
    #[default]
    Direct,
    /// Through the proxy at this URL.
    Through(String),
    /// Through the proxy of the environment, if there is one for this host.
    Environment,
}

/// A proxy on the way.
#[derive(Debug)]
pub(super) struct Proxy {
    endpoint: Endpoint,
    credentials: Option<HeaderValue>,
}

impl Choice {
    /// The proxy to use for `target`.
    pub(super) fn for_target(&self, target: &Target) -> Result<Option<Proxy>, ConnectError> {
        let url = match self {
            Self::Direct => None,
            Self::Through(url) => Some(url.clone()),
            Self::Environment => from_environment(target, |name| std::env::var(name).ok()),
        };
        let proxy = url.map(|it| url::proxy(&it).map_err(ConnectError::BadProxy)).transpose()?;
        Ok(proxy.map(|(endpoint, credentials)| Proxy { endpoint, credentials }))
    }
}

impl Proxy {
    /// A connection to `target` by way of this proxy.
    pub(super) async fn dial(
        &self,
        target: &Endpoint,
        deadline: Instant,
    ) -> Result<TcpStream, ConnectError> {
        let stream = dial::dial(&self.endpoint).await?;
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = Method::CONNECT;
        let authority = target.authority();
        let bad_host = |_| ConnectError::BadUrl("the host is malformed");
        *request.uri_mut() = authority.parse().map_err(bad_host)?;
        let host = HeaderValue::try_from(authority);
        let host = host.map_err(|_| ConnectError::BadUrl("the host is malformed"))?;
        request.headers_mut().insert(HOST, host);
        if let Some(credentials) = &self.credentials {
            request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
        }
        let answer = handshake::exchange(stream, request, deadline).await;
        let answer = answer.map_err(|error| match error {
            ConnectError::NotHttp(_) => ConnectError::Proxy { status: None },
            other => other,
        });
        match answer? {
            Answer::Switched(_head, upgraded) => {
                let io = upgraded.downcast::<TokioIo<TcpStream>>();
                let parts = io.map_err(|_| ConnectError::Proxy { status: None })?;
                // Neither a TLS server nor an HTTP server speaks first: this would be the proxy.
                if !parts.read_buf.is_empty() {
                    return Err(ConnectError::Proxy { status: None });
                }
                Ok(parts.io.into_inner())
            }
            Answer::Plain(response) => Err(ConnectError::Proxy { status: Some(response.status()) }),
        }
    }
}

/// What the environment says, in the variables that curl reads too. `HTTP_PROXY` in capitals is
/// not one of them: in a CGI program it is a header of the request (CVE-2016-5385).
fn from_environment(target: &Target, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let value = |name: &str| value(name).filter(|it| !it.is_empty());
    let exempt = value("no_proxy").or_else(|| value("NO_PROXY")).unwrap_or_default();
    if is_exempt(&target.endpoint, &exempt) {
        return None;
    }
    let names: &[&str] = if target.is_tls {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "all_proxy", "ALL_PROXY"]
    };
    names.iter().find_map(|name| value(name))
}

/// Whether `no_proxy`, a list with commas, names the host: exactly, by a domain above it, with or
/// without a port, or by `*`.
fn is_exempt(endpoint: &Endpoint, list: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| {
        let entry = match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                if port.parse() != Ok(endpoint.port) {
                    return false;
                }
                host
            }
            _ => entry,
        };
        let entry = entry.trim_start_matches(['[', '.']).trim_end_matches(']');
        if entry.is_empty() {
            return false;
        }
        let host = endpoint.host.trim_end_matches('.');
        let address = |it: &str| it.parse::<IpAddr>().ok();
        if let Some(address) = address(host) {
            return entry == "*" || entry.parse() == Ok(address);
        }
        let above = host.len().checked_sub(entry.len()).and_then(|at| host.split_at_checked(at));
        entry == "*"
            || above.is_some_and(|(below, domain)| {
                domain.eq_ignore_ascii_case(entry) && (below.is_empty() || below.ends_with('.'))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, environment: &[(&str, &str)], expected: Option<&str>) {
        let target = Target::parse(url).unwrap();
        let value = |name: &str| {
            let found = environment.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(from_environment(&target, value).as_deref(), expected, "{url} {environment:?}");
    }

    #[test]
    fn the_environment_has_a_proxy_for_each_scheme() {
        let both = [("http_proxy", "a:1"), ("https_proxy", "b:2")];
        check("ws://host/", &both, Some("a:1"));
        check("wss://host/", &both, Some("b:2"));
        check("ws://host/", &[("ALL_PROXY", "c:3")], Some("c:3"));
        check("ws://host/", &[("http_proxy", ""), ("ALL_PROXY", "c:3")], Some("c:3"));
        check("ws://host/", &[("https_proxy", "b:2")], None);
        check("ws://host/", &[("HTTP_PROXY", "header of a CGI request")], None);
    }

    #[test]
    fn hosts_may_be_exempt() {
        let proxy = |exempt| [("all_proxy", "p"), ("no_proxy", exempt)];
        for (url, exempt) in [
            ("ws://host/", "*"),
            ("ws://host/", "other, host"),
            ("ws://a.Example.org/", "example.org"),
            ("ws://a.example.org/", ".example.org"),
            ("ws://example.org:81/", "example.org:81"),
            ("ws://127.0.0.1/", "127.0.0.1"),
            ("ws://[::1]/", "::1"),
            ("ws://[::1]:81/", "[::1]:81"),
        ] {
            check(url, &proxy(exempt), None);
        }
        for (url, exempt) in [
            ("ws://host/", ""),
            ("ws://host/", ","),
            ("ws://badexample.org/", "example.org"),
            ("ws://example.org/", "example.org:81"),
            ("ws://127.0.0.1/", "0.0.1"),
            ("ws://org/", "example.org"),
        ] {
            check(url, &proxy(exempt), Some("p"));
        }
    }
}
