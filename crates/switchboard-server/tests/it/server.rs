//! The application on a free port, and guests who speak HTTP to it.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use switchboard_server::limits::{Limits, Rate};
use switchboard_server::serve::App;
use switchboard_server::store::Store;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that runs until it is told to stop.
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) http: reqwest::Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    /// One on an empty directory, which lives as long as the second value.
    pub(crate) async fn start() -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Self::start_on(&dir, limits()).await, dir)
    }

    pub(crate) async fn start_on(dir: &TempDir, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = Store::open(dir.path(), &limits).unwrap();
        let (stop, stopped) = oneshot::channel();
        let app = App::new(store.clone(), limits);
        let stopped = async { stopped.await.unwrap_or_default() };
        let served = tokio::spawn(app.serve(listener, stopped));
        Self { url, store, http: reqwest::Client::new(), stop, served }
    }

    /// Stops it, and waits until its store is closed.
    pub(crate) async fn stop(self) {
        drop(self.http);
        self.stop.send(()).unwrap();
        within(self.served).await.unwrap().unwrap();
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path)).await
    }

    pub(crate) async fn guest(&self, name: &str) -> Guest<'_> {
        let born = self.request("POST", "/api/v1/guests").header("content-type", JSON);
        let born = Answer::of(born.body(json!({ "name": name }).to_string())).await;
        assert_eq!(born.status, 201, "{:?}", born.body);
        let text = |key: &str| born.body[key].as_str().unwrap().to_owned();
        Guest { server: self, id: text("id"), token: text("token") }
    }
}

/// Somebody with a token.
pub(crate) struct Guest<'a> {
    pub(crate) server: &'a TestServer,
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Guest<'_> {
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.server.request(method, path).header("authorization", format!("Bearer {}", self.token))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(method, path).header("content-type", JSON);
        Answer::of(request.body(body.to_string())).await
    }

    /// Says something in the lobby; gives back the number of the message.
    pub(crate) async fn say(&self, text: &str) -> i64 {
        let said = self.send("POST", "/api/v1/rooms/lobby/messages", json!({ "text": text })).await;
        assert_eq!(said.status, 201, "{:?}", said.body);
        said.body["id"].as_i64().unwrap()
    }
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    /// `Null` if it is not JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = within(request.send()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8_lossy(&within(response.bytes()).await.unwrap()).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, text, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// Checks that this is a proper problem of that status.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], "about:blank");
        let title = StatusCode::from_u16(status).unwrap().canonical_reason().unwrap();
        assert_eq!(self.body["title"], title);
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
        assert_eq!(self.header("x-content-type-options"), "nosniff");
    }
}

/// The usual limits, but nobody is too fast.
pub(crate) fn limits() -> Limits {
    let fast = Rate { burst: 100_000, refill: Duration::from_micros(1) };
    Limits {
        socket_events: fast,
        socket_writes: fast,
        rest_writes: fast,
        guests_per_address: fast,
        ..Limits::default()
    }
}

/// Ends loudly what should have happened by now.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not happen in time")
}

pub(crate) const JSON: &str = "application/json";
