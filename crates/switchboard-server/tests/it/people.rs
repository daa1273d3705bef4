//! Becoming a guest, being one, changing one's name.

use serde_json::json;
use switchboard_server::limits::Rate;

use crate::server::{Answer, JSON, TestServer, limits};

#[tokio::test]
async fn a_newcomer_gets_an_id_and_a_secret_token() {
    let (server, _dir) = TestServer::start().await;
    let born = server.request("POST", "/api/v1/guests").header("content-type", JSON);
    let born = Answer::of(born.body(r#"{"name":"  Ada   Lovelace "}"#)).await;
    assert_eq!(born.status, 201);
    assert_eq!(born.body["name"], "Ada Lovelace");
    assert_eq!(born.body["id"].as_str().unwrap().len(), 12);
    assert_eq!(born.body["token"].as_str().unwrap().len(), 43);
    assert_eq!(born.header("location"), "/api/v1/me");
    assert_eq!(born.header("cache-control"), "no-store");
}

#[tokio::test]
async fn names_have_limits() {
    let (server, _dir) = TestServer::start().await;
    let long = "x".repeat(41);
    for name in ["", "   ", "a\u{7}b", "a\nb", "gnp\u{202e}exe.png", long.as_str()] {
        let born = server.request("POST", "/api/v1/guests").header("content-type", JSON);
        Answer::of(born.body(json!({ "name": name }).to_string())).await.is_problem(400);
    }
    for name in ["x", &"é".repeat(40), "👩‍👩‍👧", "名前"] {
        server.guest(name).await;
    }
}

#[tokio::test]
async fn me_is_whoever_the_token_says() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let me = ada.get("/api/v1/me").await;
    assert_eq!(me.body, json!({ "id": ada.id, "name": "Ada" }));
    let renamed = ada.send("PATCH", "/api/v1/me", json!({ "name": "Countess" })).await;
    assert_eq!((renamed.status, &renamed.body["name"]), (200, &json!("Countess")));
    assert_eq!(ada.get("/api/v1/me").await.body["name"], "Countess");
    // Nothing to change is fine too.
    assert_eq!(ada.send("PATCH", "/api/v1/me", json!({})).await.status, 200);

    let stale = ada.request("PATCH", "/api/v1/me").header("content-type", JSON);
    let stale = stale.header("if-match", me.header("etag")).body(r#"{"name":"Ada"}"#);
    Answer::of(stale).await.is_problem(412);
}

#[tokio::test]
async fn who_shows_no_valid_token_is_told_how_to_get_one() {
    let (server, _dir) = TestServer::start().await;
    for authorization in [None, Some("Bearer nobody"), Some("Basic YTpi"), Some("Bearer"), Some("")]
    {
        let request = server.request("GET", "/api/v1/me");
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        let answer = Answer::of(request).await;
        answer.is_problem(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
    }
    // Where no token is needed, a wrong one is still an error and not somebody else's view.
    let request = server.request("GET", "/api/v1/rooms").header("authorization", "Bearer nobody");
    Answer::of(request).await.is_problem(401);
}

#[tokio::test]
async fn one_address_becomes_only_so_many_guests() {
    let dir = tempfile::tempdir().unwrap();
    let rate = Rate { burst: 2, refill: std::time::Duration::from_secs(60) };
    let server = TestServer::start_on(
        &dir,
        switchboard_server::limits::Limits { guests_per_address: rate, ..limits() },
    )
    .await;
    server.guest("a").await;
    server.guest("b").await;
    let third = server.request("POST", "/api/v1/guests").header("content-type", JSON);
    // A header does not make it another address.
    let third = third.header("x-forwarded-for", "192.0.2.1").body(r#"{"name":"c"}"#);
    let third = Answer::of(third).await;
    third.is_problem(429);
    let wait: u64 = third.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn one_guest_makes_only_so_many_changes() {
    let dir = tempfile::tempdir().unwrap();
    let rate = Rate { burst: 2, refill: std::time::Duration::from_secs(60) };
    let server = TestServer::start_on(
        &dir,
        switchboard_server::limits::Limits { rest_writes: rate, ..limits() },
    )
    .await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    ada.say("one").await;
    ada.say("two").await;
    let third = ada.send("POST", "/api/v1/rooms/lobby/messages", json!({ "text": "three" })).await;
    third.is_problem(429);
    assert_ne!(third.header("retry-after"), "");
    bob.say("I may").await;
    assert_eq!(ada.get("/api/v1/rooms").await.status, 200);
}
