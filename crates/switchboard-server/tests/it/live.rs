//! The rooms over sockets: what one does, others see at once, whichever door it came by.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard_server::limits::{Limits, Rate};

use crate::server::{Answer, TestServer, limits};
use crate::tab::Tab;

#[tokio::test]
async fn without_a_valid_token_nobody_gets_in() {
    let (server, _dir) = TestServer::start().await;
    for auth in ["", "{}", r#"{"token":"nobody"}"#, r#"{"token":1}"#, "[]"] {
        let mut tab = Tab::open(&server).await;
        tab.post(format!("40{auth}")).await;
        let refusal = tab.packet().await;
        if auth == "[]" {
            // Not an auth payload at all: the connection ends.
            assert!(!refusal.starts_with("40"), "{refusal}");
            continue;
        }
        let refusal: Value = serde_json::from_str(refusal.strip_prefix("44").unwrap()).unwrap();
        assert_eq!(refusal["message"], "unauthorized");
        assert_eq!(refusal["data"]["status"], 401);
    }
}

#[tokio::test]
async fn what_one_says_the_other_hears_by_either_door() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut a = Tab::enter(&ada, "lobby").await;
    let mut b = Tab::enter(&bob, "lobby").await;
    let sent =
        a.ask("message:send", json!({ "room": "lobby", "text": "hi", "client_id": "c1" })).await;
    let heard = b.hear("message:new").await;
    assert_eq!(heard, sent["message"]);
    assert_eq!(heard["client_id"], "c1");
    assert_eq!(a.hear("message:new").await, heard);
    let activity = b.hear("room:activity").await;
    assert_eq!(
        (&activity["room"], &activity["last_id"], &activity["last_rev"]),
        (&json!("lobby"), &heard["id"], &heard["rev"])
    );
    assert_eq!((&activity["author_id"], &activity["last"]["text"]), (&json!(ada.id), &json!("hi")));

    // Sent again, it is the same message and nobody hears it twice.
    let again =
        a.ask("message:send", json!({ "room": "lobby", "text": "hi", "client_id": "c1" })).await;
    assert_eq!(again["message"], heard);
    let id = bob.say("from REST").await;
    let heard = b.hear_until("message:new").await;
    assert_eq!(heard.iter().filter(|(name, _)| name == "message:new").count(), 1);
    assert_eq!(heard.last().unwrap().1["id"], id);

    let path = format!("/api/v1/rooms/lobby/messages/{id}");
    bob.send("PATCH", &path, json!({ "text": "edited" })).await;
    assert_eq!(a.hear("message:changed").await["text"], "edited");
    Answer::of(bob.request("DELETE", &path)).await;
    let gone = a.hear("message:changed").await;
    assert_eq!((&gone["deleted"], &gone["text"]), (&json!(true), &json!("")));
    let mine = json!({ "room": "lobby", "id": sent["message"]["id"], "text": "x" });
    b.fail("message:edit", mine, 403).await;
}

#[tokio::test]
async fn only_those_inside_hear_messages_but_everybody_hears_of_them() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut inside = Tab::enter(&ada, "lobby").await;
    let mut outside = Tab::of(&bob).await;
    let made = outside.ask("room:create", json!({ "name": "Den" })).await;
    assert_eq!(inside.hear("room:new").await, made["room"]);
    ada.say("psst").await;
    let heard = outside.hear_until("room:activity").await;
    assert!(heard.iter().all(|(name, _)| name != "message:new"), "{heard:?}");
    inside.hear("message:new").await;

    // Who left hears no more.
    inside.ask("room:leave", json!({ "room": "lobby" })).await;
    inside.hear_until("room:activity").await;
    ada.say("gone").await;
    let heard = inside.hear_until("room:activity").await;
    assert!(heard.iter().all(|(name, _)| name != "message:new"), "{heard:?}");
}

#[tokio::test]
async fn rooms_lists_everything_and_says_who_i_am() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    bob.say("unread").await;
    let mut tab = Tab::of(&ada).await;
    let list = tab.ask("rooms", json!({})).await;
    assert_eq!(list["me"], json!({ "id": ada.id, "name": "Ada" }));
    assert_eq!((&list["rooms"][0]["unread"], &list["rooms"][0]["members"]), (&json!(1), &json!(0)));
    tab.ask("room:read", json!({ "room": "lobby", "id": 1 })).await;
    let entered = tab.ask("room:enter", json!({ "room": "lobby" })).await;
    assert_eq!((&entered["read_id"], &entered["room"]["unread"]), (&json!(1), &json!(0)));
    assert_eq!(entered["members"], json!([{ "id": ada.id, "name": "Ada" }]));
    // Reading further than there is does not hide what comes.
    tab.ask("room:read", json!({ "room": "lobby", "id": 1_000 })).await;
    bob.say("new").await;
    let list = tab.ask("rooms", json!({})).await;
    assert_eq!((&list["rooms"][0]["unread"], &list["rooms"][0]["members"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_client_that_was_away_gets_exactly_what_it_missed() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for n in 0..60 {
        ada.say(&n.to_string()).await;
    }
    let mut tab = Tab::of(&ada).await;
    let entered = tab.ask("room:enter", json!({ "room": "lobby" })).await;
    let messages = entered["messages"].as_array().unwrap();
    assert_eq!(
        (&entered["reset"], &entered["has_more"], &entered["rev"]),
        (&json!(true), &json!(true), &json!(60))
    );
    assert_eq!(
        (messages.len(), &messages[0]["id"], &messages[49]["id"]),
        (50, &json!(11), &json!(60))
    );
    let older = tab.ask("history", json!({ "room": "lobby", "before": 11, "limit": 100 })).await;
    assert_eq!(
        (older["messages"].as_array().unwrap().len(), &older["has_more"]),
        (10, &json!(false))
    );
    tab.fail("history", json!({ "room": "lobby", "before": 11, "limit": 101 }), 400).await;
    tab.close().await;

    ada.say("new").await;
    ada.send("PATCH", "/api/v1/rooms/lobby/messages/5", json!({ "text": "five" })).await;
    Answer::of(ada.request("DELETE", "/api/v1/rooms/lobby/messages/6")).await;
    let mut tab = Tab::of(&ada).await;
    let entered = tab.ask("room:enter", json!({ "room": "lobby", "rev": 60 })).await;
    let missed: Vec<(i64, i64)> = entered["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["rev"].as_i64().unwrap(), it["id"].as_i64().unwrap()))
        .collect();
    assert_eq!(missed, [(61, 61), (62, 5), (63, 6)]);
    assert_eq!((&entered["reset"], &entered["rev"]), (&json!(false), &json!(63)));
    let nothing = tab.ask("room:enter", json!({ "room": "lobby", "rev": 63 })).await;
    assert_eq!((&nothing["messages"], &nothing["reset"]), (&json!([]), &json!(false)));
    // Another server's rev, or a store that was replaced.
    let future = tab.ask("room:enter", json!({ "room": "lobby", "rev": 1_000 })).await;
    assert_eq!(future["reset"], true);
    tab.fail("room:enter", json!({ "room": "nowhere" }), 404).await;
}

#[tokio::test]
async fn who_missed_too_much_starts_afresh() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let mut tab = Tab::of(&ada).await;
    for n in 0..501 {
        ada.say(&n.to_string()).await;
    }
    let all = tab.ask("room:enter", json!({ "room": "lobby", "rev": 1 })).await;
    assert_eq!((&all["reset"], all["messages"].as_array().unwrap().len()), (&json!(false), 500));
    let fresh = tab.ask("room:enter", json!({ "room": "lobby", "rev": 0 })).await;
    assert_eq!((&fresh["reset"], fresh["messages"].as_array().unwrap().len()), (&json!(true), 50));
}

#[tokio::test]
async fn a_person_with_several_tabs_is_there_once() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut watcher = Tab::enter(&ada, "lobby").await;
    watcher.hear("presence").await;
    let first = Tab::enter(&bob, "lobby").await;
    let change = watcher.hear("presence").await;
    assert_eq!(change["joined"], json!({ "id": bob.id, "name": "Bob" }));
    assert_eq!(change["members"].as_array().unwrap().len(), 2);
    assert!(change.get("left").is_none());

    let mut second = Tab::enter(&bob, "lobby").await;
    second.ask("room:enter", json!({ "room": "lobby" })).await;
    first.close().await;
    // Nothing was announced for any of this: the next thing heard is what he says.
    bob.say("still here").await;
    let heard = watcher.hear_until("message:new").await;
    assert!(heard.iter().all(|(name, _)| name != "presence"), "{heard:?}");
    assert_eq!(server.get("/api/v1/rooms/lobby").await.body["members"], 2);

    second.close().await;
    let change = watcher.hear("presence").await;
    assert_eq!(change["left"], json!({ "id": bob.id, "name": "Bob" }));
    assert_eq!(change["members"], json!([{ "id": ada.id, "name": "Ada" }]));
    assert_eq!(server.get("/api/v1/rooms/lobby").await.body["members"], 1);
}

#[tokio::test]
async fn a_new_name_reaches_my_other_tabs_and_my_rooms() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut watcher = Tab::enter(&bob, "lobby").await;
    let mut here = Tab::enter(&ada, "lobby").await;
    let mut there = Tab::of(&ada).await;
    let renamed = here.ask("me:rename", json!({ "name": "Countess" })).await;
    assert_eq!(renamed["me"], json!({ "id": ada.id, "name": "Countess" }));
    assert_eq!(there.hear("me").await, renamed["me"]);
    let names = loop {
        let change = watcher.hear("presence").await;
        if change.get("joined").is_none() {
            break change["members"].clone();
        }
    };
    assert_eq!(
        names,
        json!([{ "id": bob.id, "name": "Bob" }, { "id": ada.id, "name": "Countess" }])
    );
    // The tab that asked has its answer already.
    ada.say("x").await;
    assert!(here.hear_until("message:new").await.iter().all(|(name, _)| name != "me"));
    ada.send("PATCH", "/api/v1/me", json!({ "name": "Ada" })).await;
    assert_eq!(here.hear("me").await["name"], "Ada");
}

#[tokio::test]
async fn typing_is_news_to_others_and_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { typing_timeout: Duration::from_millis(50), ..limits() };
    let server = TestServer::start_on(&dir, limits).await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let mut watcher = Tab::enter(&ada, "lobby").await;
    let mut typist = Tab::enter(&bob, "lobby").await;
    typist.tell("typing", json!({ "room": "lobby", "typing": true })).await;
    let member = json!({ "id": bob.id, "name": "Bob" });
    let on = json!({ "room": "lobby", "member": member, "typing": true });
    let off = json!({ "room": "lobby", "member": member, "typing": false });
    assert_eq!(watcher.hear("typing").await, on);
    assert_eq!(watcher.hear("typing").await, off);
    // Again, and gone in the middle of it.
    typist.tell("typing", json!({ "room": "lobby", "typing": true })).await;
    assert_eq!(watcher.hear("typing").await, on);
    bob.say("done").await;
    let heard = typist.hear_until("message:new").await;
    assert!(heard.iter().all(|(name, _)| name != "typing"), "{heard:?}");
    typist.close().await;
    assert_eq!(watcher.hear("typing").await, off);
    // Who is not inside does not type there.
    let outside = Tab::of(&bob).await;
    outside.tell("typing", json!({ "room": "lobby", "typing": true })).await;
    bob.say("x").await;
    assert!(watcher.hear_until("message:new").await.iter().all(|(name, _)| name != "typing"));
}

#[tokio::test]
async fn a_socket_makes_only_so_many_changes() {
    let dir = tempfile::tempdir().unwrap();
    let rate = Rate { burst: 2, refill: Duration::from_secs(60) };
    let server = TestServer::start_on(&dir, Limits { socket_writes: rate, ..limits() }).await;
    let ada = server.guest("Ada").await;
    let mut tab = Tab::enter(&ada, "lobby").await;
    for _ in 0..2 {
        tab.ask("message:send", json!({ "room": "lobby", "text": "x" })).await;
    }
    tab.fail("message:send", json!({ "room": "lobby", "text": "x" }), 429).await;
    // Reading goes on, and so do others.
    tab.ask("rooms", json!({})).await;
    let mut other = Tab::of(&ada).await;
    other.ask("message:send", json!({ "room": "lobby", "text": "x" })).await;
}

#[tokio::test]
async fn a_socket_is_in_only_so_many_rooms() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(&dir, Limits { rooms_per_tab_max: 1, ..limits() }).await;
    let ada = server.guest("Ada").await;
    let mut tab = Tab::enter(&ada, "lobby").await;
    tab.ask("room:create", json!({ "name": "Den" })).await;
    tab.fail("room:enter", json!({ "room": "den" }), 409).await;
    tab.ask("room:enter", json!({ "room": "lobby" })).await;
    tab.ask("room:leave", json!({ "room": "lobby" })).await;
    tab.ask("room:enter", json!({ "room": "den" })).await;
}

#[tokio::test]
async fn events_that_are_ours_alone_do_nothing_when_a_client_sends_them() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let mut tab = Tab::enter(&ada, "lobby").await;
    for event in ["message:new", "presence", "room:activity", "me", "nonsense"] {
        tab.tell(event, json!({ "room": "lobby" })).await;
    }
    tab.ask("rooms", json!({})).await;
    assert_eq!(server.get("/api/v1/rooms/lobby").await.body["last_id"], 0);
}
