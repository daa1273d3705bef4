//! Text that would do harm if it were anything but text: in every field, over both doors.

use serde_json::{Value, json};

use crate::server::{Answer, JSON, TestServer};
use crate::tab::Tab;

/// Each means something to SQL, to HTML or to a terminal, and nothing to us.
const CORPUS: &[&str] = &[
    "'",
    "''",
    "\"",
    "`",
    "' OR '1'='1",
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "'; DROP TABLE messages; --",
    "'); DELETE FROM guests; --",
    "' UNION SELECT token_hash FROM guests--",
    "1; ATTACH DATABASE '/tmp/x' AS x",
    "' || (SELECT name FROM guests) || '",
    "%' LIKE '%",
    "_%",
    "?1 :name @x $y",
    "\\",
    "/* */ --",
    "load_extension('x')",
    "char(39)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}",
    "${7*7}",
    "../../etc/passwd",
    "NULL",
    "undefined",
    "__proto__",
    "𝕳𝖊𝖑𝖑𝖔",
    "ﷺ",
];

#[tokio::test]
async fn text_is_kept_as_it_is_whatever_it_says() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let mut tab = Tab::enter(&ada, "lobby").await;
    for text in CORPUS {
        let guest = server.guest(text).await;
        assert_eq!(guest.get("/api/v1/me").await.body["name"], *text);
        let posted = json!({ "text": text, "client_id": "c" });
        let posted = guest.send("POST", "/api/v1/rooms/lobby/messages", posted).await;
        assert_eq!((posted.status, &posted.body["text"]), (201, &json!(text)));
        let heard = tab.hear("message:new").await;
        assert_eq!((&heard["text"], &heard["author"]["name"]), (&json!(text), &json!(text)));
        let sent = tab.ask("message:send", json!({ "room": "lobby", "text": text })).await;
        assert_eq!(sent["message"]["text"], *text);
        assert_eq!(tab.hear("message:new").await, sent["message"]);
        let renamed = tab.ask("me:rename", json!({ "name": text })).await;
        assert_eq!(renamed["me"]["name"], *text);
        // Some of them make the same id as others; none makes anything else.
        let made = ada.send("POST", "/api/v1/rooms", json!({ "name": text, "topic": text })).await;
        assert!([201, 409].contains(&made.status), "{text}: {}", made.text);
    }
    let page = server.get("/api/v1/rooms/lobby/messages?limit=100").await;
    assert_eq!(page.body["messages"].as_array().unwrap().len(), CORPUS.len() * 2);
}

#[tokio::test]
async fn text_where_none_belongs_finds_nothing() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    ada.say("still here").await;
    let mut tab = Tab::of(&ada).await;
    for text in CORPUS {
        let escaped: String = text.bytes().map(|it| format!("%{it:02x}")).collect();
        let room = server.get(&format!("/api/v1/rooms/{escaped}")).await;
        room.is_problem(404);
        server.get(&format!("/api/v1/rooms/lobby/messages/{escaped}")).await.is_problem(404);
        for query in ["before", "after", "limit"] {
            let path = format!("/api/v1/rooms/lobby/messages?{query}={escaped}");
            server.get(&path).await.is_problem(400);
        }
        let token = server.request("GET", "/api/v1/me");
        if let Ok(value) = reqwest::header::HeaderValue::from_str(&format!("Bearer {text}")) {
            Answer::of(token.header("authorization", value)).await.is_problem(401);
        }
        let bad_client_id = json!({ "text": "x", "client_id": format!("{text} ") });
        let path = "/api/v1/rooms/lobby/messages";
        ada.send("POST", path, bad_client_id).await.is_problem(400);
        // The one that could name a room.
        if *text == "undefined" {
            tab.fail("room:enter", json!({ "room": text }), 404).await;
            continue;
        }
        for event in ["room:enter", "room:leave", "history"] {
            tab.fail(event, json!({ "room": text }), 400).await;
        }
        tab.fail("room:read", json!({ "room": text, "id": 1 }), 400).await;
        tab.fail("message:delete", json!({ "room": "lobby", "id": text }), 400).await;
    }
    assert_eq!(
        server.get("/api/v1/rooms/lobby/messages").await.body["messages"][0]["text"],
        "still here"
    );
}

#[tokio::test]
async fn what_no_person_writes_is_refused_and_harms_nobody() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let million = "x".repeat(60_000);
    let mut tab = Tab::of(&ada).await;
    for text in ["\u{0}", "a\u{0}b", "\u{1b}[2J", "\u{8}", million.as_str()] {
        let born = server.request("POST", "/api/v1/guests").header("content-type", JSON);
        Answer::of(born.body(json!({ "name": text }).to_string())).await.is_problem(400);
        tab.fail("message:send", json!({ "room": "lobby", "text": text }), 400).await;
        tab.fail("room:create", json!({ "name": text }), 400).await;
        tab.fail("me:rename", json!({ "name": text }), 400).await;
    }
    for data in [Value::Null, json!(1), json!("text"), json!([]), json!({}), json!({ "room": {} })]
    {
        for event in
            ["room:create", "room:enter", "history", "message:send", "message:edit", "me:rename"]
        {
            tab.fail(event, data.clone(), 400).await;
        }
    }
    tab.ask("message:send", json!({ "room": "lobby", "text": "fine" })).await;
}
