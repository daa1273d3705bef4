//! Which pages may connect.
//!
//! Browsers tell the page's origin with every WebSocket and every cross-origin request. A page of
//! another origin could otherwise act in its visitor's name (cross-site WebSocket hijacking), so
//! by default only the server's own pages may connect. The same check serves every transport.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, HOST, ORIGIN, VARY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};

/// The origins whose pages may connect, besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    allowed: Vec<String>,
    any: bool,
}

/// What a request's `Origin` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No browser, or a page of our own.
    Own,
    /// A page of another origin that may connect: the answer needs CORS headers.
    Allowed,
    /// A page that may not.
    Refused,
}

impl Origins {
    pub(crate) fn any() -> Self {
        Self { allowed: Vec::new(), any: true }
    }

    pub(crate) fn allow(&mut self, origin: String) {
        self.allowed.push(origin);
    }

    /// Judges a request by its target and headers.
    pub(crate) fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, more) = (origins.next(), origins.next());
        let Some(origin) = origin else { return Verdict::Own };
        let Ok(origin) = origin.to_str() else { return Verdict::Refused };
        if more.is_some() {
            return Verdict::Refused;
        }
        // HTTP/2 names the host in `:authority`, which counts before a `Host` beside it.
        let authority = uri.authority().map(Authority::as_str);
        let host = authority.or_else(|| headers.get(HOST).and_then(|it| it.to_str().ok()));
        if host.is_some_and(|host| is_same(origin, host)) {
            Verdict::Own
        } else if self.any || self.allowed.iter().any(|it| it == origin) {
            Verdict::Allowed
        } else {
            Verdict::Refused
        }
    }

    /// Adds the CORS headers for an origin that was [`Verdict::Allowed`].
    pub(crate) fn answer(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if self.any {
            // Without credentials: nobody's cookies serve a page that nobody vouched for.
            let all = HeaderValue::from_static("*");
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, all);
        } else if let Some(origin) = request.get(ORIGIN) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let yes = HeaderValue::from_static("true");
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
            response.append(VARY, HeaderValue::from_static("Origin"));
        }
    }

    /// Adds the headers that answer a preflight request.
    pub(crate) fn answer_preflight(&self, request: &HeaderMap, response: &mut HeaderMap) {
        self.answer(request, response);
        let methods = HeaderValue::from_static("GET,POST");
        response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        if let Some(headers) = request.get("access-control-request-headers") {
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

/// Whether `origin` names `host`. The scheme is left aside, because behind a proxy that ends TLS
/// we cannot know it.
fn is_same(origin: &str, host: &str) -> bool {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("", ""));
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |it: &str| it.strip_suffix(default_port).unwrap_or(it).to_ascii_lowercase();
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_and_allowed_pages_pass() {
        let mut origins = Origins::default();
        origins.allow("https://app.example".to_owned());
        let judge = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("chat.example:3000"));
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
            origins.judge(&Uri::from_static("/"), &headers)
        };
        assert_eq!(judge("http://chat.example:3000"), Verdict::Own);
        assert_eq!(judge("http://CHAT.example:3000"), Verdict::Own);
        assert_eq!(judge("https://app.example"), Verdict::Allowed);
        for evil in [
            "null",
            "",
            "http://chat.example",
            "http://chat.example:3001",
            "http://chat.example:3000.evil.test",
            "https://app.example.evil.test",
            "https://evilapp.example",
            "http://app.example",
            "file://chat.example:3000",
        ] {
            assert_eq!(judge(evil), Verdict::Refused, "{evil}");
        }
        assert_eq!(origins.judge(&Uri::default(), &HeaderMap::new()), Verdict::Own);
    }

    #[test]
    fn two_origins_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("a.test"));
        headers.append(ORIGIN, HeaderValue::from_static("http://a.test"));
        headers.append(ORIGIN, HeaderValue::from_static("http://b.test"));
        assert_eq!(Origins::any().judge(&Uri::default(), &headers), Verdict::Refused);
    }

    #[test]
    fn the_authority_of_http_2_is_the_host() {
        let uri = Uri::from_static("https://chat.example/socket.io/");
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static("https://chat.example"));
        assert_eq!(Origins::default().judge(&uri, &headers), Verdict::Own);
        headers.insert(HOST, HeaderValue::from_static("evil.test"));
        assert_eq!(Origins::default().judge(&uri, &headers), Verdict::Own);
        headers.insert(ORIGIN, HeaderValue::from_static("https://evil.test"));
        assert_eq!(Origins::default().judge(&uri, &headers), Verdict::Refused);
    }
}
