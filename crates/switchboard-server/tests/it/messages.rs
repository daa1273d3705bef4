//! Messages as resources: post, read by page, change, take back.

use serde_json::{Value, json};

use crate::server::{Answer, Guest, JSON, TestServer};

const LOBBY: &str = "/api/v1/rooms/lobby/messages";

fn ids(answer: &Answer) -> Vec<i64> {
    let messages = answer.body["messages"].as_array().unwrap();
    messages.iter().map(|it| it["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_there_once_it_is_posted() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let posted =
        ada.send("POST", LOBBY, json!({ "text": " hello\r\nthere\t! ", "client_id": "c-1" })).await;
    assert_eq!(posted.status, 201);
    assert_eq!(posted.header("location"), "/api/v1/rooms/lobby/messages/1");
    let message = &posted.body;
    assert_eq!(message["text"], "hello\nthere\t!");
    assert_eq!(message["author"], json!({ "id": ada.id, "name": "Ada" }));
    assert_eq!(
        (&message["id"], &message["rev"], &message["room"]),
        (&json!(1), &json!(1), &json!("lobby"))
    );
    assert_eq!((&message["edited_at"], &message["deleted"]), (&Value::Null, &json!(false)));
    assert_eq!(message["client_id"], "c-1");
    let created_at = message["created_at"].as_str().unwrap();
    assert_eq!((created_at.len(), &created_at[19..20], &created_at[23..]), (24, ".", "Z"));

    let read = server.get(posted.header("location")).await;
    assert_eq!(read.body, posted.body);
    assert_eq!(read.header("etag"), posted.header("etag"));
    assert_eq!(
        server.get(LOBBY).await.body,
        json!({ "messages": [posted.body], "has_more": false })
    );
}

#[tokio::test]
async fn the_same_client_id_again_is_the_same_message() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let new = json!({ "text": "once", "client_id": "c-1" });
    let first = ada.send("POST", LOBBY, new.clone()).await;
    let again = ada.send("POST", LOBBY, new.clone()).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.body, again.body);
    // Client ids are each author's own.
    assert_eq!(bob.send("POST", LOBBY, new.clone()).await.status, 201);
    assert_eq!(ids(&server.get(LOBBY).await).len(), 2);
    ada.send("POST", "/api/v1/rooms", json!({ "name": "Other" })).await;
    ada.send("POST", "/api/v1/rooms/other/messages", new).await.is_problem(409);
}

#[tokio::test]
async fn texts_have_limits() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for bad in [
        json!({ "text": "" }),
        json!({ "text": " \n\t " }),
        json!({ "text": "a\u{0}b" }),
        json!({ "text": "a\u{1b}[31m" }),
        json!({ "text": "x".repeat(4001) }),
        json!({ "text": null }),
        json!({ "text": "x", "client_id": "" }),
        json!({ "text": "x", "client_id": "a b" }),
        json!({ "text": "x", "client_id": "x".repeat(65) }),
    ] {
        ada.send("POST", LOBBY, bad).await.is_problem(400);
    }
    ada.say(&"𝄞".repeat(4000)).await;
}

#[tokio::test]
async fn pages_lead_through_the_whole_room_both_ways() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for n in 1..=7 {
        ada.say(&n.to_string()).await;
    }
    // Changes do not move messages.
    let edited = ada.send("PATCH", &format!("{LOBBY}/2"), json!({ "text": "two" })).await;
    assert_eq!((edited.status, &edited.body["rev"]), (200, &json!(8)));
    Answer::of(ada.request("DELETE", &format!("{LOBBY}/3"))).await;

    let (newest, back) = walk(&server, &format!("{LOBBY}?limit=3"), "prev").await;
    assert_eq!(back, [vec![5, 6, 7], vec![2, 3, 4], vec![1]]);
    assert_eq!(newest.body["has_more"], true);
    let (_, forth) = walk(&server, &format!("{LOBBY}?after=0&limit=3"), "next").await;
    assert_eq!(forth, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(
        server.get(&format!("{LOBBY}?before=1")).await.body,
        json!({ "messages": [], "has_more": false })
    );
    assert_eq!(
        server.get(&format!("{LOBBY}?after=7")).await.body,
        json!({ "messages": [], "has_more": false })
    );
    assert_eq!(ids(&server.get(&format!("{LOBBY}?before=7&limit=2")).await), [5, 6]);
    let middle = server.get(&format!("{LOBBY}?before=5&limit=2")).await;
    assert!(
        middle.header("link").contains("before=3") && middle.header("link").contains("after=4")
    );

    for bad in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "before=x",
        "before=1&after=2",
        "limit=1e9",
        "after=99999999999999999999",
    ] {
        server.get(&format!("{LOBBY}?{bad}")).await.is_problem(400);
    }
}

/// Follows the links of that relation to the end.
async fn walk(server: &TestServer, first: &str, rel: &str) -> (Answer, Vec<Vec<i64>>) {
    let first = server.get(first).await;
    let mut pages = vec![ids(&first)];
    let mut next = linked(&first, rel);
    while let Some(path) = next {
        let page = server.get(&path).await;
        pages.push(ids(&page));
        next = linked(&page, rel);
    }
    (first, pages)
}

fn linked(answer: &Answer, rel: &str) -> Option<String> {
    let links = answer.header("link").split(", ");
    let mut links = links.filter_map(|it| it.split_once("; rel="));
    let link = links.find(|(_, it)| *it == format!("\"{rel}\""))?;
    Some(link.0.trim_matches(['<', '>']).to_owned())
}

#[tokio::test]
async fn nothing_new_is_answered_304() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let one = format!("{LOBBY}/{}", ada.say("one").await);
    for path in ["/api/v1/rooms", "/api/v1/rooms/lobby", LOBBY, &one, "/api/v1/me"] {
        let first = ada.get(path).await;
        let etag = first.header("etag");
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{path}: {etag}");
        for known in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let again = Answer::of(ada.request("GET", path).header("if-none-match", known)).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
            assert_eq!(again.header("etag"), etag);
        }
        let other = ada.request("GET", path).header("if-none-match", "\"other\"");
        assert_eq!(Answer::of(other).await.status, 200);
    }
    let before = ada.get(LOBBY).await;
    ada.send("PUT", &one, json!({ "text": "uno" })).await;
    let after = ada.request("GET", LOBBY).header("if-none-match", before.header("etag"));
    assert_eq!(Answer::of(after).await.status, 200);
}

#[tokio::test]
async fn a_message_is_changed_by_its_author_only() {
    let (server, _dir) = TestServer::start().await;
    let (ada, bob) = (server.guest("Ada").await, server.guest("Bob").await);
    let path = format!("{LOBBY}/{}", ada.say("mine").await);
    for method in ["PUT", "PATCH", "DELETE"] {
        bob.send(method, &path, json!({ "text": "ours" })).await.is_problem(403);
        let nobody = server.request(method, &path).header("content-type", JSON);
        Answer::of(nobody.body(r#"{"text":"x"}"#)).await.is_problem(401);
    }
    let put = ada.send("PUT", &path, json!({ "text": "yours" })).await;
    assert_eq!(
        (put.status, &put.body["text"], &put.body["rev"]),
        (200, &json!("yours"), &json!(2))
    );
    assert!(put.body["edited_at"].is_string());
    // The same again is no change; leaving all out is none either.
    for (method, body) in [("PUT", json!({ "text": "yours" })), ("PATCH", json!({}))] {
        assert_eq!(ada.send(method, &path, body).await.body, put.body);
    }
    ada.send("PUT", &path, json!({})).await.is_problem(400);
    ada.send("PATCH", &path, json!({ "text": "" })).await.is_problem(400);
    ada.send("PUT", &format!("{LOBBY}/99"), json!({ "text": "x" })).await.is_problem(404);
}

#[tokio::test]
async fn if_match_guards_against_changes_in_between() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let path = format!("{LOBBY}/{}", ada.say("one").await);
    let old = ada.get(&path).await.header("etag").to_owned();
    let edited = put_if(&ada, &path, &old, "two").await;
    assert_eq!(edited.status, 200);
    put_if(&ada, &path, &old, "three").await.is_problem(412);
    put_if(&ada, &path, &format!("W/{}", edited.header("etag")), "three").await.is_problem(412);
    let gone = ada.request("DELETE", &path).header("if-match", &old);
    Answer::of(gone).await.is_problem(412);
    let either = format!("{old}, {}", edited.header("etag"));
    assert_eq!(put_if(&ada, &path, &either, "three").await.status, 200);
    assert_eq!(put_if(&ada, &path, "*", "four").await.status, 200);
}

async fn put_if(guest: &Guest<'_>, path: &str, etag: &str, text: &str) -> Answer {
    let request = guest.request("PUT", path).header("content-type", JSON).header("if-match", etag);
    Answer::of(request.body(json!({ "text": text }).to_string())).await
}

#[tokio::test]
async fn a_deleted_message_leaves_its_place_but_not_its_text() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let path = format!("{LOBBY}/{}", ada.say("a secret").await);
    let gone = Answer::of(ada.request("DELETE", &path)).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(Answer::of(ada.request("DELETE", &path)).await.status, 204);
    let left = server.get(&path).await;
    assert_eq!(
        (&left.body["deleted"], &left.body["text"], &left.body["rev"]),
        (&json!(true), &json!(""), &json!(2))
    );
    ada.send("PUT", &path, json!({ "text": "back" })).await.is_problem(409);
    assert_eq!(server.get("/api/v1/rooms/lobby").await.body["last"], Value::Null);
}

#[tokio::test]
async fn a_message_keeps_the_name_it_was_written_under() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    ada.say("as Ada").await;
    ada.send("PATCH", "/api/v1/me", json!({ "name": "Bea" })).await;
    ada.say("as Bea").await;
    let page = server.get(LOBBY).await;
    let name = |n: usize| page.body["messages"][n]["author"]["name"].clone();
    assert_eq!((name(0), name(1)), (json!("Ada"), json!("Bea")));
}
