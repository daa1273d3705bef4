//! Rooms as resources.

use serde_json::json;
use switchboard_server::limits::Limits;

use crate::server::{Answer, TestServer, limits};

#[tokio::test]
async fn a_newcomer_finds_the_lobby() {
    let (server, _dir) = TestServer::start().await;
    let rooms = server.get("/api/v1/rooms").await;
    assert_eq!(rooms.status, 200);
    let lobby = &rooms.body["rooms"][0];
    assert_eq!((&lobby["id"], &lobby["name"]), (&json!("lobby"), &json!("Lobby")));
    assert!(lobby["topic"].as_str().unwrap().contains("Welcome"));
    assert_eq!(
        (&lobby["members"], &lobby["unread"], &lobby["last"]),
        (&json!(0), &json!(0), &json!(null))
    );
    assert_eq!(server.get("/api/v1/rooms/lobby").await.body, *lobby);
}

#[tokio::test]
async fn a_room_is_made_once() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let new = json!({ "name": "Rust & Tea", "topic": "hot" });
    let made = ada.send("POST", "/api/v1/rooms", new.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["id"], "rust-tea");
    assert_eq!(made.header("location"), "/api/v1/rooms/rust-tea");
    let room = server.get(made.header("location")).await;
    assert_eq!(room.body, made.body);
    assert_eq!(room.header("etag"), made.header("etag"));
    ada.send("POST", "/api/v1/rooms", new).await.is_problem(409);
    // Another name, the same id.
    ada.send("POST", "/api/v1/rooms", json!({ "name": "rust tea!" })).await.is_problem(409);
}

#[tokio::test]
async fn ids_are_made_from_names() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for (name, id) in [
        ("Café Größe", "cafe-grosse"),
        ("--a--", "a"),
        ("１２", "12"),
        ("x".repeat(60).as_str(), "x".repeat(60).as_str()),
    ] {
        let made = ada.send("POST", "/api/v1/rooms", json!({ "name": name })).await;
        assert_eq!((made.status, &made.body["id"]), (201, &json!(id)), "{name}");
    }
    // What ASCII cannot say still gives an id, each name its own.
    for name in ["日本語", "中文", "!!!", "Rust 日本"] {
        let made = ada.send("POST", "/api/v1/rooms", json!({ "name": name })).await;
        assert_eq!((made.status, &made.body["name"]), (201, &json!(name)));
        ada.send("POST", "/api/v1/rooms", json!({ "name": name })).await.is_problem(409);
    }
}

#[tokio::test]
async fn names_and_topics_have_limits() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": 1 }),
        json!({ "name": "x".repeat(61) }),
        json!({ "name": "a\u{0}b" }),
        json!({ "name": "ok", "topic": "x".repeat(201) }),
        json!([]),
    ] {
        ada.send("POST", "/api/v1/rooms", bad).await.is_problem(400);
    }
}

#[tokio::test]
async fn the_server_holds_only_so_many_rooms() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(&dir, Limits { rooms_max: 2, ..limits() }).await;
    let ada = server.guest("Ada").await;
    assert_eq!(ada.send("POST", "/api/v1/rooms", json!({ "name": "a" })).await.status, 201);
    ada.send("POST", "/api/v1/rooms", json!({ "name": "b" })).await.is_problem(409);
}

#[tokio::test]
async fn unread_counts_what_others_wrote_since() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    ada.say("before Bob came").await;
    let bob = server.guest("Bob").await;
    let last = ada.say("after").await;
    ada.say("gone").await;
    let gone = format!("/api/v1/rooms/lobby/messages/{}", last + 1);
    assert_eq!(Answer::of(ada.request("DELETE", &gone)).await.status, 204);
    let unread = |it: &Answer| it.body["rooms"][0]["unread"].clone();
    assert_eq!(unread(&bob.get("/api/v1/rooms").await), 1);
    assert_eq!(unread(&ada.get("/api/v1/rooms").await), 0);
    assert_eq!(unread(&server.get("/api/v1/rooms").await), 0);
    let last = &server.get("/api/v1/rooms/lobby").await.body["last"];
    assert_eq!((&last["text"], &last["author_name"]), (&json!("after"), &json!("Ada")));
}
