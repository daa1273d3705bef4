//! A browser tab: a Socket.IO client that polls, with no code in common with the server.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::server::{Answer, Guest, TestServer, within};

pub(crate) struct Tab<'a> {
    server: &'a TestServer,
    sid: String,
    packets: VecDeque<String>,
    events: VecDeque<(String, Value)>,
    asked: u64,
}

impl<'a> Tab<'a> {
    /// Opens a connection and does not connect to the namespace yet.
    pub(crate) async fn open(server: &'a TestServer) -> Self {
        let open = server.get("/socket.io/?EIO=4&transport=polling").await;
        let hello: Value = serde_json::from_str(open.text.strip_prefix('0').unwrap()).unwrap();
        let sid = hello["sid"].as_str().unwrap().to_owned();
        Self { server, sid, packets: VecDeque::new(), events: VecDeque::new(), asked: 0 }
    }

    /// Opens a connection as this guest.
    pub(crate) async fn of(guest: &Guest<'a>) -> Self {
        let mut tab = Self::open(guest.server).await;
        tab.post(format!("40{}", json!({ "token": guest.token }))).await;
        let connected = tab.packet().await;
        assert!(connected.starts_with("40{"), "{connected}");
        tab
    }

    pub(crate) async fn enter(guest: &Guest<'a>, room: &str) -> Self {
        let mut tab = Self::of(guest).await;
        tab.ask("room:enter", json!({ "room": room })).await;
        tab
    }

    pub(crate) async fn post(&self, packets: String) {
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid);
        let answer = Answer::of(self.server.request("POST", &path).body(packets)).await;
        assert_eq!(answer.text, "ok");
    }

    /// Sends an event and returns the answer of its ack; events that come meanwhile are kept.
    pub(crate) async fn request(&mut self, event: &str, data: Value) -> Value {
        let id = self.asked;
        self.asked += 1;
        self.post(format!("42{id}{}", json!([event, data]))).await;
        loop {
            let packet = self.packet().await;
            if let Some(answer) = packet.strip_prefix(&format!("43{id}")) {
                let answer: Value = serde_json::from_str(answer).unwrap();
                return answer[0].clone();
            }
            self.keep(&packet);
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

    pub(crate) async fn tell(&self, event: &str, data: Value) {
        self.post(format!("42{}", json!([event, data]))).await;
    }

    /// The next event of this name; others before it are dropped.
    pub(crate) async fn hear(&mut self, name: &str) -> Value {
        loop {
            if let (heard, data) = self.next_event().await
                && heard == name
            {
                return data;
            }
        }
    }

    /// Every event until the first of this name, which is included.
    pub(crate) async fn hear_until(&mut self, name: &str) -> Vec<(String, Value)> {
        let mut heard = Vec::new();
        loop {
            heard.push(self.next_event().await);
            if heard.last().is_some_and(|(it, _)| it == name) {
                return heard;
            }
        }
    }

    /// Closes the connection.
    pub(crate) async fn close(self) {
        self.post("1".to_owned()).await;
    }

    pub(crate) async fn packet(&mut self) -> String {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return packet;
            }
            let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid);
            let poll = within(self.server.get(&path)).await;
            assert_eq!(poll.status, 200, "{}", poll.text);
            self.packets.extend(poll.text.split('\u{1e}').map(str::to_owned));
        }
    }

    async fn next_event(&mut self) -> (String, Value) {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let packet = self.packet().await;
            self.keep(&packet);
        }
    }

    fn keep(&mut self, packet: &str) {
        if let Some(event) = packet.strip_prefix("42") {
            let event: Value = serde_json::from_str(event).unwrap();
            self.events.push_back((event[0].as_str().unwrap().to_owned(), event[1].clone()));
        }
    }
}
