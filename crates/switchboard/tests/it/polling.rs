//! Long-polling: its rules, and the change to a WebSocket.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Full;
use switchboard::{Server, Socket};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tower_service::Service;

use crate::client::{Client, Running, field, request, start, until, within};

/// A polling session that has joined the default namespace.
async fn open(server: &Running) -> String {
    let (status, body) = request(server, "GET", "EIO=4&transport=polling", "").await;
    assert_eq!(status, 200);
    assert!(body.starts_with("0{") && body.contains(r#""upgrades":["websocket"]"#), "{body}");
    let sid = field(&body, "sid");
    assert_eq!(post(server, &sid, "40").await, (200, "ok".to_owned()));
    let (_, connected) = poll(server, &sid).await;
    assert!(connected.starts_with("40{"), "{connected}");
    sid
}

async fn poll(server: &Running, sid: &str) -> (u16, String) {
    request(server, "GET", &format!("EIO=4&transport=polling&sid={sid}"), "").await
}

async fn post(server: &Running, sid: &str, body: &str) -> (u16, String) {
    request(server, "POST", &format!("EIO=4&transport=polling&sid={sid}"), body).await
}

fn echo() -> Server {
    let io = Server::builder().build();
    io.of("/").on("echo", async |socket: Socket, switchboard::Data(n): switchboard::Data<u64>| {
        socket.emit("echo", &n).unwrap();
    });
    io
}

#[tokio::test]
async fn many_events_come_in_one_body_and_go_out_in_one() {
    let server = start(&echo()).await;
    let sid = open(&server).await;
    let events: Vec<String> = (0..5_000).map(|n| format!(r#"42["echo",{n}]"#)).collect();
    let body = events.join("\x1e");
    assert_eq!(post(&server, &sid, &body).await.0, 200);
    assert_eq!(poll(&server, &sid).await.1, body);
}

#[tokio::test]
async fn a_second_poll_ends_the_session() {
    let io = echo();
    let server = start(&io).await;
    let sid = open(&server).await;
    let (first, second) = tokio::join!(poll(&server, &sid), poll(&server, &sid));
    let mut answers = [first, second];
    answers.sort();
    assert_eq!(answers[0], (200, "1".to_owned()));
    assert_eq!(answers[1], (400, r#"{"code":3,"message":"Bad request"}"#.to_owned()));
    until(|| io.clients_count() == 0).await;
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    assert_eq!(poll(&server, &sid).await, (400, unknown.to_owned()));
}

#[tokio::test]
async fn a_poll_that_is_given_up_ends_the_session() {
    let io = echo();
    let (reasons, mut reason) = mpsc::channel(1);
    io.of("/").on("disconnect", async move |why: switchboard::DisconnectReason| {
        reasons.send(why.as_str()).await.unwrap();
    });
    let server = start(&io).await;
    let sid = open(&server).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let head = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    assert_eq!(within(reason.recv()).await, Some("transport error"));
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_a_poll_that_cannot_come() {
    let server = start(&echo()).await;
    open(&server).await;
    tokio::time::timeout(std::time::Duration::from_secs(5), server.stop()).await.unwrap();
}

/// Its last packets would otherwise wait for half a minute, and the server with them.
#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_a_client_that_was_put_out_before() {
    let io = echo();
    let server = start(&io).await;
    open(&server).await;
    let socket = io.sockets().pop().unwrap();
    socket.close();
    until(|| !socket.is_connected()).await;
    within(io.close()).await;
}

#[tokio::test]
async fn an_upgrade_loses_and_doubles_nothing() {
    let io = echo();
    let server = start(&io).await;
    let sid = open(&server).await;
    assert_eq!(post(&server, &sid, r#"42["echo",1]"#).await.0, 200);
    let mut client = Client::upgrade(&server, &format!("&sid={sid}")).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    // What was caused before the change and not fetched arrives on the new transport.
    let waiting = poll(&server, &sid).await.1;
    assert_eq!(waiting, r#"42["echo",1]"#);
    assert_eq!(post(&server, &sid, r#"42["echo",2]"#).await.0, 200);
    client.send_all(["5", r#"42["echo",3]"#]).await;
    assert_eq!(client.text().await, r#"42["echo",2]"#);
    assert_eq!(client.text().await, r#"42["echo",3]"#);
    let bad = r#"{"code":3,"message":"Bad request"}"#;
    assert_eq!(poll(&server, &sid).await, (400, bad.to_owned()));
    assert_eq!(io.sockets()[0].transport(), switchboard::Transport::WebSocket);
}

#[tokio::test]
async fn a_bad_probe_costs_the_newcomer_only() {
    let server = start(&echo()).await;
    let sid = open(&server).await;
    for nonsense in ["2nonsense", "5", r#"42["echo",1]"#, "9"] {
        let mut client = Client::upgrade(&server, &format!("&sid={sid}")).await;
        client.send(nonsense).await;
        client.close_code().await;
    }
    assert_eq!(post(&server, &sid, r#"42["echo",7]"#).await.0, 200);
    assert_eq!(poll(&server, &sid).await.1, r#"42["echo",7]"#);
}

#[tokio::test]
async fn only_one_upgrade_wins() {
    let server = start(&echo()).await;
    let sid = open(&server).await;
    let query = format!("&sid={sid}");
    let mut one = Client::upgrade(&server, &query).await;
    one.send("2probe").await;
    assert_eq!(one.text().await, "3probe");
    let mut two = Client::upgrade(&server, &query).await;
    two.close_code().await;
    one.send_all(["5", r#"42["echo",1]"#]).await;
    loop {
        // The noop that freed no poll is no news.
        let text = one.text().await;
        if text != "6" {
            assert_eq!(text, r#"42["echo",1]"#);
            break;
        }
    }
}

/// A server whose only handler waits for the gate, and how its clients end.
fn gated() -> (Server, Arc<Notify>, mpsc::UnboundedReceiver<&'static str>) {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    io.of("/").on("wait", async move |_: Socket| wait.notified().await);
    let (reasons, reason) = mpsc::unbounded_channel();
    io.of("/").on("disconnect", async move |why: switchboard::DisconnectReason| {
        reasons.send(why.as_str()).unwrap();
    });
    (io, gate, reason)
}

/// Else a client could send more and more, and give up each request that we do not answer.
#[tokio::test]
async fn a_post_that_is_given_up_while_it_waits_for_room_ends_the_session() {
    let (io, _gate, mut reason) = gated();
    let server = start(&io).await;
    let sid = open(&server).await;
    let body = vec![r#"42["wait"]"#; 300].join("\x1e");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let post = format!(
        "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream.write_all(post.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(within(reason.recv()).await, Some("transport error"));
    until(|| io.clients_count() == 0).await;
}

#[tokio::test]
async fn what_waits_is_not_lost_with_a_poll_that_is_given_up() {
    let (io, _gate, mut reason) = gated();
    let server = start(&io).await;
    let sid = open(&server).await;
    let mut service = io.service();
    let mut poll_it = |cx: &mut std::task::Context<'_>, call: &mut Option<Call>| {
        let call = call.get_or_insert_with(|| {
            let target = format!("http://a/socket.io/?EIO=4&transport=polling&sid={sid}");
            let request = http::Request::get(target).body(Full::<Bytes>::default()).unwrap();
            Box::pin(service.call(request))
        });
        call.as_mut().poll(cx).is_pending()
    };
    let mut call: Option<Call> = None;
    // It waits, and the session knows.
    for _ in 0..100 {
        assert!(std::future::poll_fn(|cx| Poll::Ready(poll_it(cx, &mut call))).await);
        tokio::task::yield_now().await;
    }
    // Nobody else runs in between.
    drop(call.take());
    io.emit("news", "for whom?").unwrap();
    // Going on as if it had been delivered would be a silent loss.
    assert_eq!(within(reason.recv()).await, Some("transport error"));
    assert_eq!(poll(&server, &sid).await.0, 400);
}

type Call = Pin<Box<dyn Future<Output = Result<http::Response<Full<Bytes>>, Infallible>> + Send>>;
