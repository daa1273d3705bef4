//! The page and what goes around it.

use std::path::Path;

use crate::server::{Answer, TestServer};

#[tokio::test]
async fn the_page_comes_with_its_protection() {
    let (server, _dir) = TestServer::start().await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert!(page.text.contains("Switchboard"));
    for path in ["/", "/nothing"] {
        let answer = server.get(path).await;
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'; script-src 'self'")
        );
        assert!(answer.header("content-security-policy").ends_with("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
    }
}

/// With the page built, every file that it names is there, in the form browsers keep.
#[tokio::test]
async fn whatever_the_page_names_is_there() {
    let (server, _dir) = TestServer::start().await;
    let page = server.get("/").await;
    let named = page.text.split(['"', '\'']).filter(|it| it.starts_with("/assets/"));
    for path in named {
        let file = server.get(path).await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        assert_ne!(file.header("content-type"), "application/octet-stream", "{path}");
        let again = server.request("GET", path).header("if-none-match", file.header("etag"));
        assert_eq!(Answer::of(again).await.status, 304);
        let packed = server.request("GET", path).header("accept-encoding", "gzip, br");
        assert_eq!(Answer::of(packed).await.header("content-encoding"), "br", "{path}");
    }
}

#[tokio::test]
async fn text_is_compressed_for_those_who_can_read_it() {
    let (server, _dir) = TestServer::start().await;
    for (asked, given) in [("br", "br"), ("gzip", "gzip"), ("identity", "")] {
        let page = Answer::of(server.request("GET", "/").header("accept-encoding", asked)).await;
        assert_eq!((page.status, page.header("content-encoding")), (200, given));
        assert_eq!(page.header("vary"), "accept-encoding");
    }
}

/// With the page built, the client's files are there too, for pages of others.
#[tokio::test]
async fn the_clients_files_are_served_if_the_build_has_them() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dist = dist.join("../../web/node_modules/socket.io-client/dist");
    let (server, _dir) = TestServer::start().await;
    for name in ["socket.io.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js.map"] {
        let path = format!("/socket.io/{name}");
        let Ok(expected) = std::fs::read_to_string(dist.join(name)) else {
            assert_eq!(server.get(&path).await.status, 404, "{path}");
            continue;
        };
        let file = server.get(&path).await;
        assert_eq!((file.status, &file.text), (200, &expected), "{path}");
        assert!(file.header("etag").starts_with("\"4."), "{path}");
        let again = server.request("GET", &path).header("if-none-match", file.header("etag"));
        assert_eq!(Answer::of(again).await.status, 304);
        let packed = server.request("GET", &path).header("accept-encoding", "gzip, br");
        assert_eq!(Answer::of(packed).await.header("content-encoding"), "br", "{path}");
    }
}
