//! What browsers are told about pages of other origins (CORS).
//!
//! Reference: the npm package `cors`, which the official server uses; and the Fetch standard.

use std::fmt;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_LENGTH, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use regex::Regex;

use super::origin::{Origins, Verdict};
use super::request::RequestInfo;

/// Which pages of other origins may connect, and what their browsers are told. For
/// [`ServerBuilder::cors`](crate::ServerBuilder::cors).
///
/// It has the power of the npm package `cors`. One thing is stricter: a page that is not allowed
/// here is refused (403, code 4) on every transport, where the official server leaves that to the
/// browser, which asks for no permission before it opens a WebSocket.
///
/// ```
/// use switchboard::{Cors, Server};
///
/// let cors = Cors::new()
///     .origins(["https://app.example.com", "https://admin.example.com"])
///     .credentials(true);
/// let io = Server::builder().cors(cors).build();
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before it is given to a server"]
pub struct Cors {
    pub(super) origins: Origins,
    methods: Option<HeaderValue>,
    /// None reflects what was asked for.
    allowed_headers: Option<HeaderValue>,
    exposed_headers: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<Duration>,
    preflight_continue: bool,
    options_success_status: StatusCode,
}

impl Cors {
    /// No other origin yet.
    pub fn new() -> Self {
        Self {
            origins: Origins::default(),
            methods: Some(HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE")),
            allowed_headers: None,
            exposed_headers: None,
            credentials: false,
            max_age: None,
            preflight_continue: false,
            options_success_status: StatusCode::NO_CONTENT,
        }
    }

    /// Every page of the web (`Access-Control-Allow-Origin: *`), which browsers accept without
    /// credentials only. The default of the npm package.
    pub fn any() -> Self {
        Self { origins: Origins::any(), ..Self::new() }
    }

    /// Every page of the web, each told that it in particular may (`origin: true`).
    ///
    /// **Warning:** with [`credentials`](Self::credentials), every page can act in its visitor's
    /// name, as far as cookies say who that is.
    pub fn reflect() -> Self {
        Self { origins: Origins::reflect(), ..Self::new() }
    }

    /// Lets pages of one more origin connect, such as `https://app.example.com`: scheme, host, and
    /// the port unless it is the scheme's own; compared as text.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.allow(origin.into());
        self
    }

    /// Lets pages of more origins connect.
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        for origin in origins {
            self.origins.allow(origin.into());
        }
        self
    }

    /// Lets pages connect whose origin matches.
    ///
    /// **Warning:** the pattern is searched for anywhere in the origin unless it is anchored:
    /// `example\.com` also finds `https://example.com.evil.test`. Write
    /// `^https://([a-z0-9-]+\.)*example\.com$`.
    ///
    /// ```
    /// # fn run() -> Result<(), regex::Error> {
    /// let pattern = regex::Regex::new(r"^https://([a-z0-9-]+\.)?example\.com$")?;
    /// let cors = switchboard::Cors::new().matching(pattern);
    /// # Ok(())
    /// # }
    /// # run().unwrap();
    /// ```
    pub fn matching(mut self, pattern: Regex) -> Self {
        self.origins.allow_matching(pattern);
        self
    }

    /// Lets pages connect whose origin satisfies `check`, which runs for each request of a page
    /// that nothing else allows. What needs time to find out belongs in
    /// [`allow_request`](crate::ServerBuilder::allow_request).
    pub fn check(mut self, check: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.origins.allow_checked(check);
        self
    }

    /// The methods in answers to preflight requests. Default
    /// `GET,HEAD,PUT,PATCH,POST,DELETE`; clients of ours use GET and POST.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = list(methods);
        self
    }

    /// The headers that pages may send. Default: those that they ask for.
    pub fn allowed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.allowed_headers = list(headers);
        self
    }

    /// The headers that pages may read, besides those that they always may. Default none.
    pub fn exposed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed_headers = list(headers);
        self
    }

    /// Lets the requests of pages carry cookies (`withCredentials` in clients). Default off. Not
    /// with [`any`](Self::any), which browsers do not accept then.
    pub fn credentials(mut self, credentials: bool) -> Self {
        self.credentials = credentials;
        self
    }

    /// How long browsers keep the answer to a preflight request, in whole seconds. Default: as
    /// long as they like, which is 5 s.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Gives preflight requests the headers only, and then answers them like others. Default off:
    /// they end here.
    pub fn preflight_continue(mut self, continues: bool) -> Self {
        self.preflight_continue = continues;
        self
    }

    /// The status that answers preflight requests. Default 204; some old browsers want 200.
    pub fn options_success_status(mut self, status: StatusCode) -> Self {
        self.options_success_status = status;
        self
    }

    /// What `allow_origin` of a builder stands for.
    pub(crate) fn shorthand() -> Self {
        Self::new()
            .credentials(true)
            .methods([Method::GET, Method::POST])
            .max_age(Duration::from_secs(600))
    }

    /// Judges a request by its target and headers.
    pub(super) fn judge(&self, request: &RequestInfo) -> Verdict {
        self.origins.judge(request.uri(), request.headers())
    }

    /// Whether a request is a preflight that ends here.
    pub(super) fn ends(&self, request: &RequestInfo) -> bool {
        self.is_on() && request.method() == Method::OPTIONS && !self.preflight_continue
    }

    /// The status for a preflight that ends here.
    pub(super) fn preflight_status(&self) -> StatusCode {
        self.options_success_status
    }

    /// What an answer depends on, once its request is gone. `None` if browsers are told nothing.
    pub(super) fn asked(&self, request: &RequestInfo, verdict: Verdict) -> Option<Asked> {
        let headers = request.headers();
        let is_preflight = request.method() == Method::OPTIONS;
        self.is_on().then(|| Asked {
            verdict,
            origin: headers.get(ORIGIN).map(copied),
            is_preflight,
            headers: headers
                .get(ACCESS_CONTROL_REQUEST_HEADERS)
                .filter(|_| is_preflight)
                .map(copied),
        })
    }

    /// Adds the headers for browsers to an answer.
    pub(super) fn answer(&self, asked: Option<Asked>, response: &mut HeaderMap) {
        let Some(Asked { verdict, origin, is_preflight, headers }) = asked else { return };
        if self.origins.is_any() {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            response.append(VARY, HeaderValue::from_static("Origin"));
            if let Some(origin) = origin.filter(|_| verdict != Verdict::Refused) {
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
        }
        if verdict == Verdict::Refused {
            // Nothing else means anything without the first header.
            return;
        }
        // "The value of the `Access-Control-Allow-Origin` header must not be `*`" then (Fetch,
        // section 3.3.5), so that browsers would refuse the answer.
        if self.credentials && !self.origins.is_any() {
            let yes = HeaderValue::from_static("true");
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        if let Some(exposed) = &self.exposed_headers {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        if is_preflight {
            self.answer_preflight(headers, response);
        }
    }

    fn answer_preflight(&self, asked: Option<HeaderValue>, response: &mut HeaderMap) {
        if let Some(methods) = &self.methods {
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        }
        let mut allowed = self.allowed_headers.clone();
        if allowed.is_none() {
            response.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
            allowed = asked;
        }
        if let Some(allowed) = allowed {
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        if let Some(max_age) = self.max_age {
            response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs()));
        }
        if !self.preflight_continue {
            // Some browsers wait for a body otherwise.
            response.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }

    fn is_on(&self) -> bool {
        !self.origins.is_none()
    }
}

/// What browsers are told depends on.
pub(super) struct Asked {
    verdict: Verdict,
    origin: Option<HeaderValue>,
    is_preflight: bool,
    headers: Option<HeaderValue>,
}

/// A value with bytes of its own: a clone would hold the buffer that the request was read into.
fn copied(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_same| value.clone())
}

impl Default for Cors {
    fn default() -> Self {
        Self::new()
    }
}

/// A header's list. Methods and names have no characters that a header could not have.
fn list(items: impl IntoIterator<Item = impl fmt::Display>) -> Option<HeaderValue> {
    let items: Vec<String> = items.into_iter().map(|it| it.to_string()).collect();
    HeaderValue::try_from(items.join(",")).ok().filter(|it| !it.is_empty())
}
