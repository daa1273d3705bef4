//! The HTTP side: compressed answers, and the client's files.

use std::convert::Infallible;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::{GzDecoder, ZlibDecoder};
use http_body::{Body, Frame};
use switchboard::{ClientBundles, Cors, HttpCompression, Server, ServerBuilder, Socket};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tower_service::Service;

use crate::client::{Running, field, request, start, until, within};
use crate::http_client::{Answer, OPEN, ask};

/// The answer to a poll that finds one event of `len` bytes.
async fn poll(builder: ServerBuilder, len: usize, accept: &str) -> (Answer, String) {
    let io = builder.build();
    let event = "ab".repeat(len / 2);
    let sent = event.clone();
    io.on("connection", async move |socket: Socket| {
        socket.emit("e", &sent).unwrap();
    });
    let server = start(&io).await;
    let sid = field(ask(&server, OPEN, &[]).await.text(), "sid");
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    loop {
        let answer = ask(&server, &format!("{OPEN}&sid={sid}"), &[accept]).await;
        assert_eq!(answer.status, 200);
        if answer.header("content-encoding").is_some() || answer.text().contains("abab") {
            let expected = format!(r#"42["e","{event}"]"#);
            return (answer, expected);
        }
    }
}

fn decoded(answer: &Answer) -> String {
    let mut body = Vec::new();
    match answer.header("content-encoding") {
        Some("gzip") => GzDecoder::new(&*answer.body).read_to_end(&mut body).unwrap(),
        Some("deflate") => ZlibDecoder::new(&*answer.body).read_to_end(&mut body).unwrap(),
        Some("br") => {
            brotli::Decompressor::new(&*answer.body, 4096).read_to_end(&mut body).unwrap()
        }
        other => panic!("the answer is encoded as {other:?}"),
    };
    String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn long_answers_are_compressed_as_the_client_likes() {
    for (accept, coding) in [
        ("gzip, deflate, br", "gzip"),
        ("deflate", "deflate"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
    ] {
        for len in [2_000, 400_000] {
            let accept = format!("Accept-Encoding: {accept}");
            let (answer, expected) = poll(Server::builder(), len, &accept).await;
            assert_eq!(answer.header("content-encoding"), Some(coding));
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
            assert!(answer.body.len() < len / 2);
            // The reply to CONNECT may be in the same body.
            assert!(decoded(&answer).ends_with(&expected));
        }
    }
}

#[tokio::test]
async fn answers_stay_as_they_are_where_compression_is_not_wanted() {
    let gzip = "Accept-Encoding: gzip";
    let checks = [
        (Server::builder(), 500, gzip),
        (Server::builder(), 2_000, "Accept-Encoding: gzip;q=0"),
        (Server::builder(), 2_000, "X-Nothing: said"),
        (Server::builder().http_compression(None), 2_000, gzip),
        (Server::builder().http_compression(HttpCompression::new().threshold(5_000)), 2_000, gzip),
    ];
    for (builder, len, accept) in checks {
        let (answer, expected) = poll(builder, len, accept).await;
        assert_eq!(answer.header("content-encoding"), None, "{accept}");
        assert!(answer.text().ends_with(&expected));
    }
    let eager = HttpCompression::new().threshold(0).level(9);
    let (answer, expected) = poll(Server::builder().http_compression(eager), 500, gzip).await;
    assert!(decoded(&answer).ends_with(&expected));
}

#[tokio::test]
async fn answers_stay_as_they_are_where_no_packet_wants_compression() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let sid = field(ask(&server, OPEN, &[]).await.text(), "sid");
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    let id = field(&request(&server, "GET", &query, "").await.1, "sid");
    let event = "ab".repeat(1_000);
    let line = format!("{OPEN}&sid={sid}");
    for compress in [false, true] {
        io.to(&id).compress(compress).emit("e", &event).unwrap();
        let answer = ask(&server, &line, &["Accept-Encoding: gzip"]).await;
        assert_eq!(answer.header("content-encoding"), compress.then_some("gzip"));
    }
}

const SOURCE: &str = "/*!\n * Socket.IO v4.8.4\n */\nfunction io(){return io(io(io(io(io())))))}";
const MAP: &str = r#"{"version":3,"sources":["a","a","a","a","a","a","a","a"],"names":[]}"#;

async fn with_bundles() -> Running {
    let bundles = ClientBundles::new()
        .file("socket.io.min.js", SOURCE)
        .file("socket.io.min.js.map", MAP)
        .file("../../etc/passwd", "no");
    let cors = Cors::new().origin("https://a.test");
    start(&Server::builder().client_bundles(bundles).cors(cors).build()).await
}

#[tokio::test]
async fn the_clients_files_are_served() {
    let server = with_bundles().await;
    let answer = ask(&server, "GET /socket.io/socket.io.min.js?v=1", &[]).await;
    assert_eq!((answer.status, answer.text()), (200, SOURCE));
    let javascript = "application/javascript; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(javascript));
    assert_eq!(answer.header("etag"), Some("\"4.8.4\""));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
    assert_eq!(answer.list("vary"), "Accept-Encoding, Origin");
    let map = ask(&server, "GET /socket.io/socket.io.min.js.map", &[]).await;
    assert_eq!((map.status, map.text()), (200, MAP));
    assert_eq!(map.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(map.header("etag"), Some("\"4.8.4\""));
    let head = ask(&server, "HEAD /socket.io/socket.io.min.js", &[]).await;
    assert_eq!((head.status, head.text()), (200, ""));
    assert_eq!(head.header("content-length"), Some(&*SOURCE.len().to_string()));
    assert_eq!(ask(&server, "GET /socket.io/socket.io.esm.min.js", &[]).await.status, 404);
    let put = ask(&server, "PUT /socket.io/socket.io.min.js", &[]).await;
    assert_eq!((put.status, put.header("allow")), (405, Some("GET, HEAD")));
    let outside = ask(&server, "GET /socket.io/../../etc/passwd", &[]).await;
    assert_eq!(outside.status, 400);
    let page = ask(&server, "GET /socket.io/socket.io.min.js", &["Origin: https://a.test"]).await;
    assert_eq!(page.header("access-control-allow-origin"), Some("https://a.test"));
}

#[tokio::test]
async fn the_clients_files_are_not_sent_to_those_who_have_them() {
    let server = with_bundles().await;
    let line = "GET /socket.io/socket.io.min.js";
    for known in ["\"4.8.4\"", "W/\"4.8.4\"", "*", "\"1\", \"4.8.4\""] {
        let answer = ask(&server, line, &[&format!("If-None-Match: {known}")]).await;
        assert_eq!((answer.status, answer.text()), (304, ""), "{known}");
        assert_eq!(answer.header("etag"), Some("\"4.8.4\""));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
    }
    for unknown in ["\"4.8.3\"", "4.8.4", ""] {
        let answer = ask(&server, line, &[&format!("If-None-Match: {unknown}")]).await;
        assert_eq!(answer.status, 200, "{unknown}");
    }
}

#[tokio::test]
async fn the_clients_files_are_compressed() {
    let server = with_bundles().await;
    for (accept, coding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("gzip", "gzip")] {
        let accept = format!("Accept-Encoding: {accept}");
        let line = "GET /socket.io/socket.io.min.js.map";
        let answer = ask(&server, line, &[&accept]).await;
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert_eq!(decoded(&answer), MAP);
        let head = ask(&server, &line.replace("GET", "HEAD"), &[&accept]).await;
        assert_eq!(head.header("content-length"), Some(&*answer.body.len().to_string()));
    }
}

#[tokio::test]
async fn the_clients_files_can_be_switched_off_and_read_from_a_directory() {
    let directory = std::env::temp_dir().join(format!("switchboard-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("socket.io.js"), SOURCE).unwrap();
    std::fs::write(directory.join("secret.txt"), "secret").unwrap();
    let bundles = ClientBundles::from_directory(&directory).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(ClientBundles::from_directory(&directory).is_err());
    let server = start(&Server::builder().client_bundles(bundles.clone()).build()).await;
    let line = "GET /socket.io/socket.io.js";
    assert_eq!(ask(&server, line, &[]).await.text(), SOURCE);
    assert_eq!(ask(&server, "GET /socket.io/secret.txt", &[]).await.status, 400);
    let builder = Server::builder().client_bundles(bundles).serve_client(false);
    let server = start(&builder.build()).await;
    let unknown = r#"{"code":0,"message":"Transport unknown"}"#;
    assert_eq!(ask(&server, line, &[]).await.text(), unknown);
    let server = start(&Server::builder().build()).await;
    assert_eq!(ask(&server, line, &[]).await.status, 404);
}

/// Some of a body, and then nothing more.
struct Stuck(Option<Bytes>);

impl Body for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |it| Poll::Ready(Some(Ok(Frame::data(it)))))
    }
}

/// The clock leaps ahead whenever everybody waits.
#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let sid = field(ask(&server, OPEN, &[]).await.text(), "sid");
    let target = format!("http://a/socket.io/?EIO=4&transport=polling&sid={sid}");
    let part = Bytes::from(vec![b'4'; 10_000]);
    let request = http::Request::post(target).body(Stuck(Some(part))).unwrap();
    let began = tokio::time::Instant::now();
    let answer = within(io.service().call(request)).await.unwrap();
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.headers()["connection"], "close");
    let took = began.elapsed();
    assert!((15..17).contains(&took.as_secs()), "5 s, and 1 s for each kilobyte: {took:?}");
    until(|| io.clients_count() == 0).await;
}

/// The clock leaps ahead whenever everybody waits.
#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_given_up() {
    let io = Server::builder().http_compression(None).build();
    io.on("connection", async |socket: Socket| {
        socket.emit("e", &"x".repeat(BYTES)).unwrap();
    });
    let server = start(&io).await;
    let sid = field(ask(&server, OPEN, &[]).await.text(), "sid");
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    assert!(request(&server, "GET", &query, "").await.1.starts_with("40{"));
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(8 * 1024).unwrap();
    let mut stream = narrow.connect(server.address).await.unwrap();
    let head = format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Its kernel takes a part; then nothing moves, until the server is gone.
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    within(async {
        while stream.write_all(b" ").await.is_ok() {
            looks.tick().await;
        }
    })
    .await;
}

/// More than any kernel buffers, and less than may wait for a client.
const BYTES: usize = 14_000_000;
