//! The rooms over plain WebSockets: the same people, the same events, the same limits.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::ws::{self, ConnectError};
use switchboard_server::limits::{Limits, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::plain_client::{Plain, address};
use crate::server::{Answer, Guest, TestServer, limits, within};
use crate::tab::Tab;

#[tokio::test]
async fn who_does_not_begin_with_a_valid_token_is_sent_away() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for first in [
        r#"{"event":"auth","data":{"token":"nobody"}}"#.to_owned(),
        r#"{"event":"auth","data":{"token":1}}"#.to_owned(),
        r#"{"event":"auth","data":{}}"#.to_owned(),
        r#"{"event":"auth"}"#.to_owned(),
        r#"{"id":1,"event":"rooms"}"#.to_owned(),
        json!({ "event": "hello", "data": { "token": ada.token } }).to_string(),
        json!([1, "auth", { "token": ada.token }]).to_string(),
        json!({ "id": -1, "event": "auth", "data": { "token": ada.token } }).to_string(),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let plain = Plain::open(&server).await;
        plain.socket.send(first.clone()).unwrap();
        assert_eq!(plain.end().await, (1008, "unauthorized".to_owned()), "{first}");
    }
    let plain = Plain::open(&server).await;
    plain.socket.send(json!({ "event": "auth" }).to_string().into_bytes()).unwrap();
    assert_eq!(plain.end().await, (1008, "unauthorized".to_owned()));

    // Who asks for an answer gets one.
    let mut plain = Plain::open(&server).await;
    plain.fail("auth", json!({ "token": "nobody" }), 401).await;
    assert_eq!(plain.end().await, (1008, "unauthorized".to_owned()));
}

#[tokio::test]
async fn who_says_nothing_is_sent_away_and_who_has_said_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { auth_timeout: Duration::from_millis(200), ..limits() };
    let server = TestServer::start_on(&dir, limits).await;
    let ada = server.guest("Ada").await;
    let mut known = Plain::of(&ada).await;
    // This one's time begins later, so the other's is over when this one's is.
    let silent = Plain::open(&server).await;
    assert_eq!(silent.end().await, (1008, "unauthorized".to_owned()));
    known.ask("rooms", json!({})).await;
}

#[tokio::test]
async fn two_plain_sockets_and_a_tab_hear_each_other() {
    let (server, _dir) = TestServer::start().await;
    let names = ["Ada", "Bob", "Cem"];
    let [ada, bob, cem] =
        [server.guest(names[0]).await, server.guest(names[1]).await, server.guest(names[2]).await];
    let mut a = Plain::enter(&ada, "lobby").await;
    let mut b = Plain::enter(&bob, "lobby").await;
    let mut c = Tab::enter(&cem, "lobby").await;
    let by_plain = json!({ "room": "lobby", "text": "by a plain one", "client_id": "c1" });
    let sent = a.ask("message:send", by_plain.clone()).await;
    let heard = b.hear("message:new").await;
    assert_eq!((&heard, &heard["client_id"]), (&sent["message"], &json!("c1")));
    assert_eq!(a.hear("message:new").await, heard);
    assert_eq!(c.hear("message:new").await, heard);
    assert_eq!(b.hear("room:activity").await["author_id"], json!(ada.id));
    // Sent again, it is the same message, and nobody hears it twice.
    assert_eq!(a.ask("message:send", by_plain).await["message"], heard);

    let sent = c.ask("message:send", json!({ "room": "lobby", "text": "by a tab" })).await;
    for plain in [&mut a, &mut b] {
        assert_eq!(plain.hear("message:new").await, sent["message"]);
    }
    let place = |text: Option<&str>| match text {
        Some(text) => json!({ "room": "lobby", "id": heard["id"], "text": text }),
        None => json!({ "room": "lobby", "id": heard["id"] }),
    };
    b.fail("message:edit", place(Some("x")), 403).await;
    a.ask("message:edit", place(Some("edited"))).await;
    assert_eq!(b.hear("message:changed").await["text"], "edited");
    assert_eq!(c.hear("message:changed").await["text"], "edited");
    a.ask("message:delete", place(None)).await;
    assert_eq!(b.hear("message:changed").await["deleted"], true);

    bob.say("by REST").await;
    assert_eq!(a.hear("message:new").await["text"], "by REST");
}

#[tokio::test]
async fn both_doors_answer_alike() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    ada.say("one").await;
    ada.say("two").await;
    let (mut plain, mut tab) = (Plain::of(&ada).await, Tab::of(&ada).await);
    for (event, data) in [
        ("rooms", json!({})),
        ("rooms", Value::Null),
        ("room:enter", json!({ "room": "lobby" })),
        ("room:enter", json!({ "room": "lobby", "rev": 1 })),
        ("room:enter", json!({ "room": "nowhere" })),
        ("room:read", json!({ "room": "lobby", "id": 1 })),
        ("rooms", json!({})),
        ("history", json!({ "room": "lobby", "before": 2, "limit": 1 })),
        ("history", json!({ "room": "lobby", "limit": 0 })),
        ("room:create", json!({ "name": "" })),
        ("room:create", json!({ "name": "Lobby" })),
        ("message:send", json!({ "room": "lobby", "text": "" })),
        ("message:send", json!({ "room": "lobby" })),
        ("message:send", Value::Null),
        ("message:edit", json!({ "room": "lobby", "id": "1", "text": "x" })),
        ("message:delete", json!({ "room": "lobby", "id": 99 })),
        ("me:rename", json!({ "name": "Ada" })),
        ("room:leave", json!({ "room": "lobby" })),
    ] {
        let (by_plain, by_tab) =
            (plain.request(event, data.clone()).await, tab.request(event, data.clone()).await);
        assert_eq!(without_place(by_plain), without_place(by_tab), "{event} {data}");
    }
}

/// Where in its text a mistake was found is a matter of the text around it.
fn without_place(mut answer: Value) -> Value {
    if let Some(Value::String(detail)) = answer.pointer_mut("/error/detail")
        && let Some(at) = detail.find(" at line ")
    {
        detail.truncate(at);
    }
    answer
}

#[tokio::test]
async fn only_those_inside_hear_messages_but_everybody_hears_of_them() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut inside = Plain::enter(&ada, "lobby").await;
    let mut outside = Plain::of(&bob).await;
    let made = outside.ask("room:create", json!({ "name": "Den" })).await;
    assert_eq!(inside.hear("room:new").await, made["room"]);
    ada.say("psst").await;
    let heard = outside.hear_until("room:activity").await;
    assert!(heard.iter().all(|(name, _)| name != "message:new"), "{heard:?}");
    inside.hear("message:new").await;

    inside.ask("room:leave", json!({ "room": "lobby" })).await;
    inside.hear_until("room:activity").await;
    ada.say("gone").await;
    let heard = inside.hear_until("room:activity").await;
    assert!(heard.iter().all(|(name, _)| name != "message:new"), "{heard:?}");
}

#[tokio::test]
async fn a_person_is_there_once_by_whatever_doors() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut watcher = Plain::enter(&ada, "lobby").await;
    watcher.hear("presence").await;
    let plain = Plain::enter(&bob, "lobby").await;
    let change = watcher.hear("presence").await;
    assert_eq!(change["joined"], json!({ "id": bob.id, "name": "Bob" }));
    let tab = Tab::enter(&bob, "lobby").await;
    drop(plain);
    // Nothing was announced for any of this: the next thing heard is what he says.
    bob.say("still here").await;
    let heard = watcher.hear_until("message:new").await;
    assert!(heard.iter().all(|(name, _)| name != "presence"), "{heard:?}");
    tab.close().await;
    let change = watcher.hear("presence").await;
    assert_eq!(change["left"], json!({ "id": bob.id, "name": "Bob" }));
    assert_eq!(change["members"], json!([{ "id": ada.id, "name": "Ada" }]));
    assert_eq!(server.get("/api/v1/rooms/lobby").await.body["members"], 1);
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_its_rooms() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut watcher = Plain::enter(&ada, "lobby").await;
    watcher.hear("presence").await;
    let stream = by_hand(&bob).await;
    assert_eq!(watcher.hear("presence").await["joined"]["id"], bob.id);
    // Without a close frame.
    drop(stream);
    assert_eq!(watcher.hear("presence").await["left"]["id"], bob.id);
    // What is sent now reaches whoever is left.
    bob.say("from outside").await;
    watcher.hear("message:new").await;
}

/// Enters the lobby over frames written by hand.
async fn by_hand(guest: &Guest<'_>) -> TcpStream {
    let host = guest.server.url.strip_prefix("http://").unwrap();
    let mut stream = within(TcpStream::connect(host)).await.unwrap();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for message in [
        json!({ "event": "auth", "data": { "token": guest.token } }),
        json!({ "event": "room:enter", "data": { "room": "lobby" } }),
    ] {
        let message = message.to_string();
        let len = u8::try_from(message.len()).unwrap();
        assert!(len < 126);
        // The mask of four zeros leaves the payload as it is.
        let frame = [&[0x81, 0x80 | len, 0, 0, 0, 0], message.as_bytes()].concat();
        stream.write_all(&frame).await.unwrap();
    }
    let mut answer = [0; 12];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    stream
}

#[tokio::test]
async fn a_new_name_and_typing_reach_others_and_not_who_did_it() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut watcher = Plain::enter(&bob, "lobby").await;
    let mut here = Plain::enter(&ada, "lobby").await;
    let (mut there, mut tab) = (Plain::of(&ada).await, Tab::of(&ada).await);
    here.tell("typing", &json!({ "room": "lobby", "typing": true }));
    assert_eq!(watcher.hear("typing").await["member"]["id"], ada.id);
    let renamed = here.ask("me:rename", json!({ "name": "Countess" })).await;
    assert_eq!(there.hear("me").await, renamed["me"]);
    assert_eq!(tab.hear("me").await, renamed["me"]);
    assert_eq!(watcher.hear("presence").await["members"][1]["name"], "Countess");
    ada.say("x").await;
    let heard = here.hear_until("message:new").await;
    assert!(heard.iter().all(|(name, _)| name != "me" && name != "typing"), "{heard:?}");
}

#[tokio::test]
async fn what_is_no_event_is_404_and_nobody_is_told_who_did_not_ask() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let mut plain = Plain::enter(&ada, "lobby").await;
    plain.hear("presence").await;
    for event in ["message:new", "presence", "nonsense", ""] {
        plain.tell(event, &json!({ "room": "lobby" }));
        plain.fail(event, json!({ "room": "lobby" }), 404).await;
    }
    plain.fail("auth", json!({ "token": ada.token }), 409).await;
    plain.tell("rooms", &json!({}));
    assert_eq!(plain.request("rooms", json!({})).await["ok"], true);
    // Of all this nothing was answered that was not asked for.
    ada.say("x").await;
    assert_eq!(plain.next().await["event"], "message:new");
}

#[tokio::test]
async fn every_answer_has_the_number_of_its_question_and_their_order() {
    let (server, _dir) = TestServer::start().await;
    let mut plain = Plain::of(&server.guest("Ada").await).await;
    let ids: Vec<u64> = [0, (1 << 53) - 1, 5, 5].into_iter().chain(100..150).collect();
    for (n, id) in ids.iter().enumerate() {
        let event = if n % 2 == 0 { "rooms" } else { "nonsense" };
        let extra = json!({ "id": id, "event": event, "data": {}, "more": 1 });
        plain.socket.send(extra.to_string()).unwrap();
    }
    for id in ids {
        assert_eq!(plain.next().await["id"], id);
    }
    plain.socket.send(r#" {"id":null,"event":"rooms"}"#).unwrap();
    plain.socket.send(r#"{"event":"room\u0073","id":7}"#).unwrap();
    assert_eq!(plain.next().await["id"], 7);
}

#[tokio::test]
async fn garbage_closes_its_own_connection_and_no_other() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut bystander = Plain::enter(&bob, "lobby").await;
    let deep = |n: usize| "[".repeat(n);
    for (message, code) in [
        (String::new(), 1007),
        ("nonsense".to_owned(), 1007),
        (r#"{"event":"rooms""#.to_owned(), 1007),
        (r#"{"event":"rooms"} x"#.to_owned(), 1007),
        (format!(r#"{{"event":"rooms","data":{}"#, deep(400_000)), 1007),
        (deep(400_000), 1008),
        (r#"[1,"rooms",{}]"#.to_owned(), 1008),
        ("7".to_owned(), 1008),
        ("{}".to_owned(), 1008),
        (r#"{"event":1}"#.to_owned(), 1008),
        (r#"{"event":"rooms","event":"rooms"}"#.to_owned(), 1008),
        (r#"{"id":-1,"event":"rooms"}"#.to_owned(), 1008),
        (r#"{"id":1.5,"event":"rooms"}"#.to_owned(), 1008),
        (r#"{"id":"1","event":"rooms"}"#.to_owned(), 1008),
        (r#"{"id":9007199254740992,"event":"rooms"}"#.to_owned(), 1008),
        (" ".repeat(1_000_001), 1009),
    ] {
        let plain = Plain::of(&ada).await;
        plain.socket.send(message.clone()).unwrap();
        let (closed, reason) = plain.end().await;
        assert_eq!(closed, code, "{:.40}: {reason}", message);
    }
    let plain = Plain::of(&ada).await;
    plain.socket.send(br#"{"event":"rooms"}"#.to_vec()).unwrap();
    assert_eq!(plain.end().await.0, 1008);

    // Depth within `data` is the question's mistake, if it is one, and costs no stack.
    let mut plain = Plain::of(&ada).await;
    for (event, is_ok) in [("rooms", true), ("room:enter", false)] {
        let (open, close) = (deep(400_000), "]".repeat(400_000));
        let text = format!(r#"{{"id":1,"event":"{event}","data":{open}{close}}}"#);
        plain.socket.send(text).unwrap();
        assert_eq!(plain.next().await["ok"], is_ok);
    }
    bystander.ask("rooms", json!({})).await;
}

#[tokio::test]
async fn a_plain_socket_has_the_limits_of_every_other() {
    let dir = tempfile::tempdir().unwrap();
    let rate = Rate { burst: 3, refill: Duration::from_secs(60) };
    let limits = Limits { socket_writes: rate, rooms_per_tab_max: 1, ..limits() };
    let server = TestServer::start_on(&dir, limits).await;
    let ada = server.guest("Ada").await;
    let mut plain = Plain::enter(&ada, "lobby").await;
    plain.ask("room:create", json!({ "name": "Den" })).await;
    plain.fail("room:enter", json!({ "room": "den" }), 409).await;
    let mut other = Plain::enter(&ada, "den").await;
    other.ask("message:send", json!({ "room": "den", "text": "not for the lobby" })).await;
    for _ in 0..2 {
        plain.ask("message:send", json!({ "room": "lobby", "text": "x" })).await;
    }
    plain.fail("message:send", json!({ "room": "lobby", "text": "x" }), 429).await;
    let heard = plain.hear_until("message:new").await;
    assert_eq!(heard.last().unwrap().1["text"], "x", "{heard:?}");
    // Reading goes on.
    plain.ask("room:leave", json!({ "room": "lobby" })).await;
    plain.ask("room:enter", json!({ "room": "den" })).await;
}

#[tokio::test]
async fn too_many_events_are_refused_whether_we_know_them_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let rate = Rate { burst: 2, refill: Duration::from_secs(60) };
    let server = TestServer::start_on(&dir, Limits { socket_events: rate, ..limits() }).await;
    let mut plain = Plain::of(&server.guest("Ada").await).await;
    plain.fail("nonsense", json!({}), 404).await;
    plain.ask("rooms", json!({})).await;
    plain.fail("nonsense", json!({}), 429).await;
    plain.fail("rooms", json!({}), 429).await;
}

#[tokio::test]
async fn pages_of_other_sites_and_plain_requests_get_no_websocket() {
    let (server, _dir) = TestServer::start().await;
    let foreign = ws::connect(address(&server)).origin("https://other.test");
    let Err(ConnectError::Refused(refused)) = within(foreign.into_future()).await else {
        panic!("another site's page was let in");
    };
    assert_eq!(refused.status().as_u16(), 403);
    let own = ws::connect(address(&server)).origin(&server.url);
    within(own.into_future()).await.unwrap();
    assert_eq!(server.get("/ws").await.status, 426);
    assert_eq!(Answer::of(server.request("POST", "/ws")).await.status, 405);
}

#[tokio::test]
async fn a_server_that_stops_says_goodbye() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let plain = Plain::enter(&ada, "lobby").await;
    let silent = Plain::open(&server).await;
    let ends = async { (plain.end().await.0, silent.end().await.0) };
    let (ends, ()) = tokio::join!(ends, server.stop());
    assert_eq!(ends, (1001, 1001));
}
