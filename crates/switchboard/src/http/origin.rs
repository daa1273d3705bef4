//! Which pages may connect.
//!
//! Browsers tell the page's origin with every WebSocket and every cross-origin request. A page of
//! another origin could otherwise act in its visitor's name (cross-site WebSocket hijacking), so
//! by default only the server's own pages may connect. The same check serves every transport.

use std::fmt;
use std::sync::Arc;

use http::header::{HOST, HeaderName, ORIGIN, REFERER};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};
use regex::Regex;

/// The origins whose pages may connect, besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    rules: Vec<Rule>,
    all: Option<All>,
}

/// How everybody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum All {
    /// By `*`.
    Any,
    /// Each by name.
    Reflect,
}

#[derive(Clone)]
enum Rule {
    Exact(Box<str>),
    Matching(Regex),
    Checked(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Rule {
    fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Exact(allowed) => **allowed == *origin,
            Self::Matching(pattern) => pattern.is_match(origin),
            Self::Checked(check) => check(origin),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => f.write_str(origin),
            Self::Matching(pattern) => write!(f, "/{pattern}/"),
            Self::Checked(_) => f.write_str("a function"),
        }
    }
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
    /// Every page, by `*`.
    pub(crate) fn any() -> Self {
        Self { rules: Vec::new(), all: Some(All::Any) }
    }

    /// Every page, each by its name.
    pub(super) fn reflect() -> Self {
        Self { rules: Vec::new(), all: Some(All::Reflect) }
    }

    pub(crate) fn allow(&mut self, origin: String) {
        self.rules.push(Rule::Exact(origin.into()));
    }

    pub(super) fn allow_matching(&mut self, pattern: Regex) {
        self.rules.push(Rule::Matching(pattern));
    }

    pub(super) fn allow_checked(&mut self, check: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.rules.push(Rule::Checked(Arc::new(check)));
    }

    /// Whether every page is let in by `*`.
    pub(super) fn is_any(&self) -> bool {
        self.all == Some(All::Any)
    }

    /// Whether no other origin is let in.
    pub(super) fn is_none(&self) -> bool {
        self.all.is_none() && self.rules.is_empty()
    }

    /// Judges a request by its target and headers.
    pub(crate) fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (origin, more) = (origins.next(), origins.next());
        let Some(origin) = origin else { return self.judge_unnamed(headers) };
        let Ok(origin) = origin.to_str() else { return Verdict::Refused };
        if more.is_some() {
            return Verdict::Refused;
        }
        // HTTP/2 names the host in `:authority`, which counts before a `Host` beside it.
        let authority = uri.authority().map(Authority::as_str);
        let host = authority.or_else(|| headers.get(HOST).and_then(|it| it.to_str().ok()));
        if host.is_some_and(|host| is_same(origin, host)) {
            Verdict::Own
        } else {
            self.judge_foreign(origin)
        }
    }

    /// Judges a request without `Origin`. Browsers leave it out where a page cannot read the
    /// answer, as of a script; but with JSONP it can, and each such request opens a session. What
    /// they do say is whose page it is (Fetch Metadata, section 2.3), and its origin in `Referer`.
    fn judge_unnamed(&self, headers: &HeaderMap) -> Verdict {
        let is_foreign = |it: &HeaderValue| it == "cross-site" || it == "same-site";
        if !headers.get_all(SEC_FETCH_SITE).iter().any(is_foreign) {
            return Verdict::Own;
        }
        let referer = headers.get(REFERER).and_then(|it| it.to_str().ok()).unwrap_or_default();
        self.judge_foreign(origin_of(referer))
    }

    fn judge_foreign(&self, origin: &str) -> Verdict {
        let is_allowed = || !origin.is_empty() && self.rules.iter().any(|it| it.allows(origin));
        if self.all.is_some() || is_allowed() { Verdict::Allowed } else { Verdict::Refused }
    }
}

/// The origin of a page at `url`; empty if that is no address of a page.
fn origin_of(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return "" };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    url.get(..scheme.len() + "://".len() + authority.len()).unwrap_or_default()
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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
    fn patterns_and_functions_let_pages_in() {
        let mut origins = Origins::default();
        origins.allow_matching(Regex::new(r"^https://([a-z0-9-]+\.)?example\.com$").unwrap());
        origins.allow_checked(|origin| origin.ends_with(":8443"));
        let judge = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            origins.judge(&Uri::from_static("/"), &headers)
        };
        assert_eq!(judge("https://example.com"), Verdict::Allowed);
        assert_eq!(judge("https://a.example.com"), Verdict::Allowed);
        assert_eq!(judge("https://any.test:8443"), Verdict::Allowed);
        assert_eq!(judge("https://example.com.evil.test"), Verdict::Refused);
        assert_eq!(judge("http://example.com"), Verdict::Refused);
        assert_eq!(judge("null"), Verdict::Refused);
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
