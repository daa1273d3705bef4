//! The cookie that tells a load balancer which server has a session.

use std::fmt::{self, Write};
use std::time::Duration;

use http::HeaderValue;

use crate::Id;

/// A cookie with the Engine.IO session id, for load balancers that keep sessions by cookie. For
/// [`ServerBuilder::cookie`](crate::ServerBuilder::cookie).
///
/// By default it is `io=<sid>; Path=/; HttpOnly; SameSite=Lax`, as the official server's.
///
/// ```
/// use switchboard::{Cookie, SameSite, Server};
///
/// let cookie = Cookie::new().name("node")?.same_site(SameSite::None).secure(true);
/// let io = Server::builder().cookie(cookie).build();
/// # Ok::<(), switchboard::InvalidCookie>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before it is given to a server"]
pub struct Cookie {
    name: String,
    max_age: Option<Duration>,
    domain: Option<String>,
    path: Option<String>,
    http_only: bool,
    secure: bool,
    partitioned: bool,
    same_site: Option<SameSite>,
}

/// Which requests from pages of other sites carry a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// None.
    Strict,
    /// Those that lead the visitor to us, as a link does.
    Lax,
    /// All. Browsers want the cookie to be [`secure`](Cookie::secure) then.
    None,
}

impl Cookie {
    /// A cookie with the official defaults.
    pub fn new() -> Self {
        Self {
            name: "io".to_owned(),
            max_age: None,
            domain: None,
            path: Some("/".to_owned()),
            http_only: true,
            secure: false,
            partitioned: false,
            same_site: Some(SameSite::Lax),
        }
    }

    /// Its name. Default `io`.
    ///
    /// # Errors
    ///
    /// [`InvalidCookie`] if it is empty or has other characters than RFC 6265 allows.
    pub fn name(mut self, name: impl Into<String>) -> Result<Self, InvalidCookie> {
        self.name = name.into();
        let is_token = |it: u8| it.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&it);
        if self.name.is_empty() || !self.name.bytes().all(is_token) {
            return Err(InvalidCookie(self.name));
        }
        Ok(self)
    }

    /// How long a browser keeps it, in whole seconds. Default: until it is closed.
    pub fn max_age(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.max_age = max_age.into();
        self
    }

    /// The domain whose hosts get it. Default: this host only.
    ///
    /// # Errors
    ///
    /// [`InvalidCookie`] if it holds a semicolon or what is no visible ASCII.
    pub fn domain(mut self, domain: impl Into<String>) -> Result<Self, InvalidCookie> {
        self.domain = Some(attribute(domain.into())?);
        Ok(self)
    }

    /// Below which path it is sent. Default `/`; `None` leaves it to the browser.
    ///
    /// # Errors
    ///
    /// As for [`domain`](Self::domain).
    pub fn path<'a>(mut self, path: impl Into<Option<&'a str>>) -> Result<Self, InvalidCookie> {
        self.path = path.into().map(|it| attribute(it.to_owned())).transpose()?;
        Ok(self)
    }

    /// Keeps it from scripts. Default on: whoever has the session id has the session.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Sends it over TLS only. Default off.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// One cookie for each page that embeds ours (CHIPS). Default off. Browsers want it to be
    /// [`secure`](Self::secure) then.
    pub fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// Which requests of other sites carry it. Default [`SameSite::Lax`]; `None` leaves it to the
    /// browser.
    pub fn same_site(mut self, same_site: impl Into<Option<SameSite>>) -> Self {
        self.same_site = same_site.into();
        self
    }

    /// The `Set-Cookie` for a session.
    pub(super) fn header(&self, sid: Id) -> Option<HeaderValue> {
        let mut text = format!("{}={sid}", self.name);
        if let Some(max_age) = self.max_age {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "; Max-Age={}", max_age.as_secs());
        }
        for (name, value) in [("; Domain=", &self.domain), ("; Path=", &self.path)] {
            if let Some(value) = value {
                text.push_str(name);
                text.push_str(value);
            }
        }
        let flags = [
            (self.http_only, "; HttpOnly"),
            (self.secure, "; Secure"),
            (self.partitioned, "; Partitioned"),
        ];
        for (_, flag) in flags.into_iter().filter(|(is_on, _)| *is_on) {
            text.push_str(flag);
        }
        text.push_str(match self.same_site {
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::None) => "; SameSite=None",
            None => "",
        });
        let mut header = HeaderValue::try_from(text).ok()?;
        // The session id is a secret, also from logs.
        header.set_sensitive(true);
        Some(header)
    }
}

impl Default for Cookie {
    fn default() -> Self {
        Self::new()
    }
}

/// What cannot be part of a cookie, because it would end it or add to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCookie(String);

impl fmt::Display for InvalidCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} cannot be part of a cookie; leave out what RFC 6265 does not allow", self.0)
    }
}

impl std::error::Error for InvalidCookie {}

fn attribute(value: String) -> Result<String, InvalidCookie> {
    let is_fine = |it: u8| it != b';' && (it == b' ' || it.is_ascii_graphic());
    if value.bytes().all(is_fine) { Ok(value) } else { Err(InvalidCookie(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_as_the_cookie_package_does() {
        let sid = Id::parse("AAAAAAAAAAAAAAAAAAAA").unwrap();
        let check = |cookie: Cookie, attributes: &str| {
            let header = cookie.header(sid).unwrap();
            assert_eq!(header.to_str().unwrap(), format!("{attributes}"));
            assert!(header.is_sensitive());
        };
        check(Cookie::new(), "io=AAAAAAAAAAAAAAAAAAAA; Path=/; HttpOnly; SameSite=Lax");
        let bare =
            Cookie::new().name("n").unwrap().path(None).unwrap().http_only(false).same_site(None);
        check(bare, "n=AAAAAAAAAAAAAAAAAAAA");
        let full = Cookie::new()
            .max_age(Duration::from_secs(60))
            .domain("example.org")
            .unwrap()
            .path("/io")
            .unwrap()
            .secure(true)
            .partitioned(true)
            .same_site(SameSite::None);
        check(
            full,
            "io=AAAAAAAAAAAAAAAAAAAA; Max-Age=60; Domain=example.org; Path=/io; HttpOnly; Secure; \
             Partitioned; SameSite=None",
        );
    }

    #[test]
    fn nothing_can_smuggle_attributes() {
        assert!(Cookie::new().name("io; Domain=evil.test").is_err());
        assert!(Cookie::new().name("").is_err());
        assert!(Cookie::new().path("/; Domain=evil.test").is_err());
        assert!(Cookie::new().domain("a\r\nb").is_err());
    }
}
