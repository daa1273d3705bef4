//! What is kept, and what it takes to keep it.

use serde_json::json;
use switchboard_server::store::{OpenError, Store};

use crate::server::{Answer, TestServer, limits};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(&dir, limits()).await;
    let ada = server.guest("Ada").await;
    ada.send("POST", "/api/v1/rooms", json!({ "name": "Den", "topic": "quiet" })).await;
    ada.say("one").await;
    ada.say("two").await;
    Answer::of(ada.request("DELETE", "/api/v1/rooms/lobby/messages/1")).await;
    let paths = ["/api/v1/rooms", "/api/v1/rooms/lobby/messages", "/api/v1/me"];
    let mut before = Vec::new();
    for path in paths {
        before.push(ada.get(path).await.body);
    }
    let token = ada.token.clone();
    server.stop().await;
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|it| !it.to_str().unwrap().ends_with("-wal")), "{left:?}");

    let server = TestServer::start_on(&dir, limits()).await;
    for (path, before) in paths.iter().zip(before) {
        let request =
            server.request("GET", path).header("authorization", format!("Bearer {token}"));
        assert_eq!(Answer::of(request).await.body, before, "{path}");
    }
    // Numbers go on where they were.
    let bob = server.guest("Bob").await;
    assert_eq!(bob.say("three").await, 3);
    let three = server.get("/api/v1/rooms/lobby/messages/3").await;
    assert_eq!(three.body["rev"], 4);
}

#[tokio::test]
async fn tokens_are_kept_as_hashes_only() {
    let dir = tempfile::tempdir().unwrap();
    let server = TestServer::start_on(&dir, limits()).await;
    let token = server.guest("Ada").await.token.clone();
    server.stop().await;
    let file = std::fs::read(dir.path().join("switchboard.db")).unwrap();
    assert!(file.windows(3).any(|it| it == b"Ada"));
    assert!(!file.windows(token.len()).any(|it| it == token.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_commits_and_lose_nothing() {
    let (server, _dir) = TestServer::start().await;
    let mut guests = Vec::new();
    for n in 0..32 {
        guests.push(server.guest(&n.to_string()).await);
    }
    let before = server.store.commits();
    let mut sending = tokio::task::JoinSet::new();
    for guest in &guests {
        let request = |n: u32| {
            let request = guest.request("POST", "/api/v1/rooms/lobby/messages");
            request
                .header("content-type", "application/json")
                .body(json!({ "text": n.to_string() }).to_string())
        };
        let requests: Vec<_> = (0..20).map(request).collect();
        sending.spawn(async move {
            for request in requests {
                assert_eq!(Answer::of(request).await.status, 201);
            }
        });
    }
    sending.join_all().await;
    let commits = server.store.commits() - before;
    assert!(commits <= 640, "{commits}");
    let mut revs = Vec::new();
    let mut after = 0;
    loop {
        let page =
            server.get(&format!("/api/v1/rooms/lobby/messages?after={after}&limit=100")).await;
        let messages = page.body["messages"].as_array().unwrap();
        revs.extend(messages.iter().map(|it| it["rev"].as_i64().unwrap()));
        let Some(last) = messages.last() else { break };
        after = last["id"].as_i64().unwrap();
    }
    assert_eq!(revs, (1..=640).collect::<Vec<i64>>());
}

#[tokio::test]
async fn two_servers_do_not_share_a_directory() {
    let (_server, dir) = TestServer::start().await;
    assert!(matches!(Store::open(dir.path(), &limits()), Err(OpenError::InUse { .. })));
}

#[tokio::test]
async fn a_file_from_the_future_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), &limits()).unwrap().close().await;
    let path = dir.path().join("switchboard.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    connection.close().unwrap();
    let error = Store::open(dir.path(), &limits()).unwrap_err();
    assert!(error.to_string().contains("newer switchboard"), "{error}");
}
