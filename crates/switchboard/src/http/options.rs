//! The options of the HTTP side.

use std::sync::Arc;

use http::HeaderMap;

use super::bundles::ClientBundles;
use super::compression::HttpCompression;
use super::cookie::Cookie;
use super::cors::Cors;
use super::hooks::{ConnectionError, Hooks, Refuse};
use super::request::RequestInfo;
use crate::ws::Deflate;
use crate::{ServerBuilder, Transport};

/// How requests are answered.
#[derive(Clone, Debug)]
pub(crate) struct HttpOptions {
    pub(super) cors: Cors,
    pub(super) cookie: Option<Cookie>,
    pub(super) compression: Option<HttpCompression>,
    pub(super) bundles: Option<ClientBundles>,
    pub(super) hooks: Hooks,
    pub(super) deflate: Option<Deflate>,
    pub(super) allow_upgrades: bool,
    polling: bool,
    websocket: bool,
    add_trailing_slash: bool,
}

impl HttpOptions {
    /// Whether clients may come by that transport.
    pub(super) fn serves(&self, transport: Transport) -> bool {
        match transport {
            Transport::Polling => self.polling,
            Transport::WebSocket => self.websocket,
        }
    }

    /// What a polling client is told that it may change to.
    pub(super) fn upgrades(&self) -> &'static [&'static str] {
        if self.allow_upgrades && self.websocket { &["websocket"] } else { &[] }
    }

    /// The beginning of the paths that are ours.
    pub(crate) fn path(&self, path: &str) -> Box<str> {
        let end = if self.add_trailing_slash { "/" } else { "" };
        match path.trim_matches('/') {
            "" => "/".into(),
            path => format!("/{path}{end}").into(),
        }
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            cors: Cors::new(),
            cookie: None,
            compression: Some(HttpCompression::new()),
            bundles: Some(ClientBundles::new()),
            hooks: Hooks::default(),
            deflate: None,
            allow_upgrades: true,
            polling: true,
            websocket: true,
            add_trailing_slash: true,
        }
    }
}

/// Options of the HTTP side; `docs/http.md` has them in one table.
impl ServerBuilder {
    /// Whether the path ends with a slash. Default on: the server answers below `/socket.io/`.
    /// Without it, it also answers at `/socket.io`, and at whatever begins like that.
    pub fn add_trailing_slash(mut self, adds: bool) -> Self {
        self.http.add_trailing_slash = adds;
        self
    }

    /// By which transports clients may come. Default: by all. Requests for others are answered
    /// `Transport unknown` (code 0).
    ///
    /// ```
    /// use switchboard::{Server, Transport};
    ///
    /// let io = Server::builder().transports([Transport::WebSocket]).build();
    /// ```
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        (self.http.polling, self.http.websocket) = (false, false);
        for transport in transports {
            match transport {
                Transport::Polling => self.http.polling = true,
                Transport::WebSocket => self.http.websocket = true,
            }
        }
        self
    }

    /// Whether a client that came by polling may change to a WebSocket. Default on. Without it,
    /// clients are told that there is nothing to change to, and those that try are refused.
    pub fn allow_upgrades(mut self, allows: bool) -> Self {
        self.http.allow_upgrades = allows;
        self
    }

    /// Which pages of other origins may connect, and what their browsers are told. Default: none,
    /// only pages of the server's own origin may; programs that send no `Origin` always may. Takes
    /// the place of what [`allow_origin`](Self::allow_origin) has said before.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.http.cors = cors;
        self
    }

    /// Lets pages of another origin connect, such as `https://app.example.com`, with cookies. By
    /// default only pages of the server's own origin may; programs that send no `Origin` always
    /// may. The short form of [`cors`](Self::cors).
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        if self.http.cors.origins.is_none() {
            self.http.cors = Cors::shorthand();
        }
        self.http.cors = self.http.cors.origin(origin);
        self
    }

    /// Lets every page of the web connect. Only for servers that serve everybody alike: such a
    /// page can act with whatever rights the visitor's network position gives. The short form of
    /// [`Cors::any`].
    pub fn allow_any_origin(mut self) -> Self {
        self.http.cors = Cors::any();
        self
    }

    /// Sends a cookie with the session id, for load balancers that need one, in the first answer
    /// of long-polling (not of WebSockets, which need none). Default off.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.http.cookie = Some(cookie);
        self
    }

    /// Compresses the answers of long-polling for clients that accept gzip, deflate or br. Default
    /// on, from 1,024 bytes on, as in the official server. `None` switches it off.
    ///
    /// Costs about 10 ms and, meanwhile, 0.3 MB for each megabyte. Where an attacker can mix text
    /// of its own with secrets in one answer, the size of the result tells about the secrets
    /// (BREACH).
    pub fn http_compression(mut self, compression: impl Into<Option<HttpCompression>>) -> Self {
        self.http.compression = compression.into();
        self
    }

    /// Compresses the messages of WebSockets, if the client agrees (permessage-deflate, RFC 7692).
    /// Default off, as in the official server: it costs far more time than everything else about a
    /// message, and where an attacker can mix text of its own with secrets in one message, the
    /// size of the result tells about the secrets.
    ///
    /// Messages from 1,024 bytes on are compressed, or from [`Deflate::threshold`] on, which counts
    /// as the next power of two (from 64 bytes to 2 MiB), unless the emit says `compress(false)`; a
    /// broadcast once for everybody. Of `config`, what would make a connection own a compressor
    /// does not count: every message is compressed on its own, with the largest window. A client
    /// that wants a smaller one gets no compression.
    ///
    /// ```
    /// use switchboard::Server;
    /// use switchboard::ws::Deflate;
    ///
    /// let io = Server::builder().per_message_deflate(Deflate::default()).build();
    /// ```
    pub fn per_message_deflate(mut self, config: impl Into<Option<Deflate>>) -> Self {
        self.http.deflate = config.into().map(|config| Deflate {
            server_no_context_takeover: true,
            server_max_window_bits: 15,
            ..config
        });
        self
    }

    /// Lets the application decide about every handshake, on every transport, before anything is
    /// kept of it. By default everybody may, whose page may. Requests of sessions that are open
    /// are not asked about.
    ///
    /// A [`Refuse`] is answered 403 with code 4 and its message; the handshake of a WebSocket 400
    /// with the message, as by the official server. If the client goes away meanwhile, the future
    /// is dropped. There is no deadline: bring one (`tokio::time::timeout`) if it may hang.
    ///
    /// ```
    /// use switchboard::{Refuse, RequestInfo, Server};
    ///
    /// # async fn is_full() -> bool { false }
    /// let io = Server::builder()
    ///     .allow_request(async |request: RequestInfo| {
    ///         if !request.headers().contains_key("x-api-key") {
    ///             return Err(Refuse::default());
    ///         }
    ///         if is_full().await { Err(Refuse::new("no seats left")) } else { Ok(()) }
    ///     })
    ///     .build();
    /// ```
    pub fn allow_request<F, Fut>(mut self, check: F) -> Self
    where
        F: FnOnce(RequestInfo) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refuse>> + Send + 'static,
    {
        self.http.hooks.allow_request =
            Some(Arc::new(move |request| Box::pin((check.clone())(request))));
        self
    }

    /// Names new sessions. Default: 120 random bits.
    ///
    /// The id is a secret between a client and the server: whoever knows it has the session. So it
    /// must be unpredictable and never repeat, and it must be 20 base64url characters
    /// (`A-Za-z0-9_-`), on which other tools rely. Anything else, and the id of a session that is
    /// open, refuses the handshake with code 3.
    pub fn generate_id<F>(mut self, generate: F) -> Self
    where
        F: Fn(&RequestInfo) -> String + Send + Sync + 'static,
    {
        self.http.hooks.generate_id = Some(Arc::new(generate));
        self
    }

    /// Lets the application change the headers of the answer that opens a session, on every
    /// transport. May be called several times; all run, in that order.
    ///
    /// On long-polling it sees all headers but those of CORS; on WebSockets only its own, and
    /// those that make the handshake stay as they are.
    ///
    /// ```
    /// use http::HeaderValue;
    /// use switchboard::Server;
    ///
    /// let io = Server::builder()
    ///     .on_initial_headers(|headers, _request| {
    ///         headers.insert("x-node", HeaderValue::from_static("eu-1"));
    ///     })
    ///     .build();
    /// ```
    pub fn on_initial_headers<F>(mut self, change: F) -> Self
    where
        F: Fn(&mut HeaderMap, &RequestInfo) + Send + Sync + 'static,
    {
        self.http.hooks.initial_headers.push(Arc::new(change));
        self
    }

    /// Lets the application change the headers of every answer that is no error: to each poll and
    /// POST, and to the handshake of a WebSocket. After
    /// [`on_initial_headers`](Self::on_initial_headers), and otherwise like it.
    pub fn on_headers<F>(mut self, change: F) -> Self
    where
        F: Fn(&mut HeaderMap, &RequestInfo) + Send + Sync + 'static,
    {
        self.http.hooks.headers.push(Arc::new(change));
        self
    }

    /// Tells the application about requests that are refused (`connection_error`). May be called
    /// several times. Whoever asks for nonsense causes a call, so it should be cheap.
    ///
    /// ```
    /// use switchboard::Server;
    ///
    /// let io = Server::builder()
    ///     .on_connection_error(|error| {
    ///         println!("{error}, said {:?} to {:?}", error.context("message"), error.request());
    ///     })
    ///     .build();
    /// ```
    pub fn on_connection_error<F>(mut self, hear: F) -> Self
    where
        F: Fn(&ConnectionError) + Send + Sync + 'static,
    {
        self.http.hooks.connection_error.push(Arc::new(hear));
        self
    }

    /// Serves the official client's files, as `/socket.io/socket.io.js`. By default there are none
    /// and requests for them are answered 404.
    pub fn client_bundles(mut self, bundles: ClientBundles) -> Self {
        self.http.bundles = Some(bundles);
        self
    }

    /// Whether the client's files are served, if there are any. Default on. Without it, requests
    /// for them are answered like other nonsense: `Transport unknown`, code 0.
    pub fn serve_client(mut self, serves: bool) -> Self {
        self.http.bundles = self.http.bundles.filter(|_| serves);
        if serves {
            self.http.bundles.get_or_insert_default();
        }
        self
    }
}
