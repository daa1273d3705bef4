//! A client of the plain door: JSON messages over the library's own WebSocket client.

use std::collections::VecDeque;

use serde_json::{Value, json};
use switchboard::ws::{self, Closed, Message, WebSocket};

use crate::server::{Guest, TestServer, within};

pub(crate) struct Plain {
    pub(crate) socket: WebSocket,
    /// Messages that came while another was waited for.
    kept: VecDeque<Value>,
    asked: u64,
}

impl Plain {
    /// Opens a connection and does not say whose it is.
    pub(crate) async fn open(server: &TestServer) -> Self {
        let socket = within(ws::connect(address(server)).into_future()).await.unwrap();
        Self { socket, kept: VecDeque::new(), asked: 0 }
    }

    /// Opens a connection as this guest.
    pub(crate) async fn of(guest: &Guest<'_>) -> Self {
        let mut plain = Self::open(guest.server).await;
        let answer = plain.ask("auth", json!({ "token": guest.token })).await;
        assert_eq!(answer["me"]["id"], guest.id);
        plain
    }

    pub(crate) async fn enter(guest: &Guest<'_>, room: &str) -> Self {
        let mut plain = Self::of(guest).await;
        plain.ask("room:enter", json!({ "room": room })).await;
        plain
    }

    pub(crate) fn tell(&self, event: &str, data: &Value) {
        self.socket.send(json!({ "event": event, "data": data }).to_string()).unwrap();
    }

    /// Sends an event and returns its answer, without the `id`.
    pub(crate) async fn request(&mut self, event: &str, data: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.socket.send(json!({ "id": id, "event": event, "data": data }).to_string()).unwrap();
        let mut kept = VecDeque::new();
        loop {
            let mut message = self.next().await;
            if message.get("id") == Some(&json!(id)) {
                message.as_object_mut().unwrap().remove("id");
                kept.append(&mut self.kept);
                self.kept = kept;
                return message;
            }
            kept.push_back(message);
        }
    }

    /// The same, and it must have worked.
    pub(crate) async fn ask(&mut self, event: &str, data: Value) -> Value {
        let answer = self.request(event, data).await;
        assert_eq!(answer["ok"], true, "{event}: {answer}");
        answer
    }

    /// The same, and it must have failed with this status.
    pub(crate) async fn fail(&mut self, event: &str, data: Value, status: u16) {
        let answer = self.request(event, data).await;
        assert_eq!(answer["ok"], false, "{event}: {answer}");
        assert_eq!(answer["error"]["status"], status, "{event}: {answer}");
        assert!(answer["error"]["title"].is_string() && answer["error"]["detail"].is_string());
    }

    /// The next event of this name; others before it are dropped.
    pub(crate) async fn hear(&mut self, name: &str) -> Value {
        let mut heard = self.hear_until(name).await;
        heard.pop().unwrap().1
    }

    /// Every event until the first of this name, which is included.
    pub(crate) async fn hear_until(&mut self, name: &str) -> Vec<(String, Value)> {
        let mut heard = Vec::new();
        loop {
            let message = self.next().await;
            assert!(message.get("id").is_none(), "an answer that nobody waits for: {message}");
            heard.push((message["event"].as_str().unwrap().to_owned(), message["data"].clone()));
            if heard.last().is_some_and(|(it, _)| it == name) {
                return heard;
            }
        }
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        if let Some(message) = self.kept.pop_front() {
            return message;
        }
        match within(self.socket.recv()).await.unwrap() {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} instead of text"),
        }
    }

    /// Waits for the end; gives the server's close code and reason.
    pub(crate) async fn end(mut self) -> (u16, String) {
        while within(self.socket.recv()).await.unwrap().is_some() {}
        match self.socket.closed_by_peer() {
            Some(Closed::Frame { code: Some(code), reason }) => (code.value(), reason),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn address(server: &TestServer) -> String {
    format!("{}/ws", server.url.replace("http", "ws"))
}
