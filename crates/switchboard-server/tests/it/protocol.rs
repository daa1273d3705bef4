//! What HTTP asks of every API: statuses, methods, media types, sizes, odd requests.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Answer, JSON, TestServer, within};

const LOBBY: &str = "/api/v1/rooms/lobby/messages";

#[tokio::test]
async fn what_is_not_there_is_404() {
    let (server, _dir) = TestServer::start().await;
    for path in [
        "/api",
        "/api/",
        "/api/v2/rooms",
        "/api/v1/",
        "/api/v1/rooms/",
        "/api/v1/rooms/nowhere",
        "/api/v1/rooms/Not%20A%20Slug",
        "/api/v1/rooms/nowhere/messages",
        "/api/v1/rooms/lobby/messages/1",
        "/api/v1/rooms/lobby/messages/one",
        "/api/v1/rooms/lobby/messages/99999999999999999999",
        "/api/v1/rooms/lobby/members",
        "/nothing",
        "/assets/app.js",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "//index.html",
        "/%00",
        "/index.html%00",
        "/c:/windows",
    ] {
        server.get(path).await.is_problem(404);
    }
    let ada = server.guest("Ada").await;
    ada.send("POST", "/api/v1/rooms/nowhere/messages", json!({ "text": "x" }))
        .await
        .is_problem(404);
    // Bytes that are not UTF-8 name nothing, and are not our failure.
    server.get("/api/v1/rooms/%ff").await.is_problem(400);
}

#[tokio::test]
async fn other_methods_are_405_and_told_which_would_do() {
    let (server, _dir) = TestServer::start().await;
    for (method, path, allow) in [
        ("GET", "/api/v1/guests", "POST"),
        ("DELETE", "/api/v1/me", "GET,HEAD,PATCH"),
        ("PUT", "/api/v1/rooms", "GET,HEAD,POST"),
        ("POST", "/api/v1/rooms/lobby", "GET,HEAD"),
        ("DELETE", LOBBY, "GET,HEAD,POST"),
        ("POST", "/api/v1/rooms/lobby/messages/1", "GET,HEAD,PUT,PATCH,DELETE"),
        ("OPTIONS", "/api/v1/rooms", "GET,HEAD,POST"),
        ("TRACE", "/api/v1/rooms", "GET,HEAD,POST"),
        ("get", "/api/v1/rooms", "GET,HEAD,POST"),
        ("POST", "/", "GET,HEAD"),
        ("TRACE", "/", "GET,HEAD"),
    ] {
        let answer = Answer::of(server.request(method, path)).await;
        answer.is_problem(405);
        let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        let mut expected: Vec<&str> = allow.split(',').collect();
        allowed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(allowed, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn no_other_site_is_let_in() {
    let (server, _dir) = TestServer::start().await;
    let request = server.request("GET", "/api/v1/rooms").header("origin", "https://other.test");
    let answer = Answer::of(request).await;
    assert!(answer.headers.keys().all(|it| !it.as_str().starts_with("access-control-")));
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
    let preflight = server.request("OPTIONS", LOBBY).header("origin", "https://other.test");
    let preflight = preflight.header("access-control-request-method", "POST");
    let answer = Answer::of(preflight).await;
    answer.is_problem(405);
    assert!(answer.headers.keys().all(|it| !it.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let (server, _dir) = TestServer::start().await;
    for path in ["/", "/api/v1/rooms", "/api/v1/rooms/lobby", LOBBY, "/api/v1/nothing"] {
        let get = server.get(path).await;
        let head = Answer::of(server.request("HEAD", path)).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn only_json_is_taken_for_json() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let request = ada.request("POST", LOBBY).header("content-type", kind);
        Answer::of(request.body(r#"{"text":"x"}"#)).await.is_problem(415);
    }
    Answer::of(ada.request("POST", LOBBY).body(r#"{"text":"x"}"#)).await.is_problem(415);
    let request =
        ada.request("POST", LOBBY).header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(Answer::of(request.body(r#"{"text":"x"}"#)).await.status, 201);
}

#[tokio::test]
async fn bad_json_is_400() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let deep = format!("{{\"text\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        br#"{"text":1}"#,
        br#"{"text":"a","text":"b"}"#,
        b"{\"text\":\"\xff\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let request = ada.request("POST", LOBBY).header("content-type", JSON);
        Answer::of(request.body(body.to_vec())).await.is_problem(400);
    }
}

#[tokio::test]
async fn a_large_body_is_413_at_the_first_byte_too_many() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    for (len, status) in [(64 * 1024, 201), (64 * 1024 + 1, 413)] {
        let mut body = String::from(r#"{"text":"x"}"#);
        body.push_str(&" ".repeat(len - body.len()));
        let request = ada.request("POST", LOBBY).header("content-type", JSON).body(body);
        assert_eq!(Answer::of(request).await.status, status, "{len}");
    }
    // A length that is only claimed is refused before the body comes; in chunks, on the way.
    let head =
        format!("Host: x\r\nAuthorization: Bearer {}\r\nContent-Type: {JSON}\r\n", ada.token);
    let claimed = format!("POST {LOBBY} HTTP/1.1\r\n{head}Content-Length: 99999999\r\n\r\n");
    assert!(raw(&server, claimed.as_bytes()).await.starts_with("HTTP/1.1 413 "));
    let mut chunked = format!("POST {LOBBY} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n");
    chunked.push_str(&format!("10001\r\n{}", " ".repeat(0x10001)));
    assert!(raw(&server, chunked.as_bytes()).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn odd_heads_are_refused() {
    let (server, _dir) = TestServer::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9_000));
    assert!(raw(&server, long.as_bytes()).await.starts_with("HTTP/1.1 414 "));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(120));
    assert!(raw(&server, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "b".repeat(20_000));
    assert!(raw(&server, large.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let hosts = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    assert!(raw(&server, hosts.as_bytes()).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn header_values_cannot_be_split() {
    let (server, _dir) = TestServer::start().await;
    let ada = server.guest("Ada").await;
    let name = "x\r\nSet-Cookie: a=b";
    ada.send("POST", "/api/v1/rooms", json!({ "name": name })).await.is_problem(400);
    let answer = server.get("/api/v1/rooms/x%0d%0aSet-Cookie:%20a=b").await;
    answer.is_problem(404);
    assert_eq!(answer.header("set-cookie"), "");
}

/// Sends these bytes and returns the beginning of what comes back.
async fn raw(server: &TestServer, request: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    // The server may close before it has read everything.
    stream.write_all(request).await.ok();
    let mut answer = vec![0; 1024];
    let len = within(stream.read(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer[..len]).into_owned()
}
