//! Hostile requests and frames: rows E, D and W of the threat list, each with its id in the name.
//!
//! What a transcript can say is in `e2e/raw`, against the official server too, and in the floors;
//! here stands what needs many connections, a broken one, or a look inside the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard::{DisconnectReason, Server, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, Message, Running, field, request, start, until, within};

fn echo(builder: switchboard::ServerBuilder) -> Server {
    let io = builder.build();
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    io
}

/// A client that was there before still gets its answers.
async fn is_well(client: &mut Client) {
    client.send(r#"42["echo"]"#).await;
    assert_eq!(client.text().await, r#"42["echo"]"#);
}

async fn polling_sid(server: &Running) -> String {
    let (status, open) = request(server, "GET", "EIO=4&transport=polling", "").await;
    assert_eq!(status, 200);
    field(&open, "sid")
}

fn upgrade_request(server: &Running, query: &str) -> String {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: {}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    )
}

/// Everything that the server sends until it ends the stream.
async fn everything(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset at the end is an end too.
    within(stream.read_to_end(&mut answer)).await.ok();
    answer
}

#[tokio::test]
async fn e1_bytes_that_are_no_frames_behind_the_handshake_close_with_1002() {
    let io = echo(Server::builder());
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    // "t" is a frame of a reserved bit and opcode.
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    let glued = upgrade_request(&server, "") + "test";
    stream.write_all(glued.as_bytes()).await.unwrap();
    let answer = everything(&mut stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    assert!(answer.windows(4).any(|it| it == [0x88, 2, 0x03, 0xea]), "a close frame of 1002");
    until(|| io.clients_count() == 1).await;
    is_well(&mut healthy).await;
}

#[tokio::test]
async fn e1_bytes_that_are_no_frames_behind_an_upgrade_leave_the_session() {
    let server = start(&echo(Server::builder())).await;
    let sid = polling_sid(&server).await;
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    let glued = upgrade_request(&server, &format!("&sid={sid}")) + "test";
    stream.write_all(glued.as_bytes()).await.unwrap();
    assert!(everything(&mut stream).await.starts_with(b"HTTP/1.1 101 "));
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    let (status, connected) = request(&server, "GET", &query, "").await;
    assert!(status == 200 && connected.starts_with("40{"), "{connected}");
}

#[tokio::test]
async fn e2_refused_upgrades_that_are_reset_at_once_leave_nothing_behind() {
    let io = echo(Server::builder());
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    let good = upgrade_request(&server, "");
    let requests = [
        good.replace("Upgrade: websocket", "Upgrade: h2c"),
        good.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12"),
        good.replace("transport=websocket", "transport=__proto__"),
        good.replace("EIO=4", "EIO=9"),
    ];
    for _ in 0..50 {
        for request in &requests {
            let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            // Closing with unread bytes resets; closing with none leaves the answer nowhere to go.
            stream.set_zero_linger().unwrap();
        }
    }
    is_well(&mut healthy).await;
    assert_eq!(io.clients_count(), 1);
    // The server does not wait for any of these connections when it stops.
    drop(healthy);
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "it waited for requests that are gone");
}

#[tokio::test]
async fn e4_a_body_of_separators_ends_its_session_at_once() {
    let io = echo(Server::builder());
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    for body in ["\x1e".repeat(1_000_000), "4\x1e".repeat(20_000) + "4"] {
        let sid = polling_sid(&server).await;
        let query = format!("EIO=4&transport=polling&sid={sid}");
        assert_eq!(request(&server, "POST", &query, &body).await.0, 400);
        until(|| io.clients_count() == 1).await;
        is_well(&mut healthy).await;
    }
}

#[tokio::test]
async fn e9_two_upgrades_at_once_deliver_each_message_once() {
    let io = echo(Server::builder());
    let server = start(&io).await;
    let sid = polling_sid(&server).await;
    let query = format!("&sid={sid}");
    let (mut one, mut two) =
        tokio::join!(Client::upgrade(&server, &query), Client::upgrade(&server, &query));
    tokio::join!(one.send("2probe"), two.send("2probe"));
    let (first, second) = tokio::join!(one.receive(), two.receive());
    let probed = Message::Text("3probe".to_owned());
    let mut winner = match (first == probed, second == probed) {
        (true, false) => one,
        (false, true) => two,
        both => panic!("exactly one is probed: {both:?}"),
    };
    winner.send_all(["5", "40"]).await;
    assert!(winner.text().await.starts_with("40{"));
    for _ in 0..100 {
        is_well(&mut winner).await;
    }
    assert_eq!(io.clients_count(), 1);
}

#[tokio::test]
async fn e10_a_flood_of_pongs_delays_nobody() {
    let server = start(&echo(Server::builder())).await;
    let (mut healthy, _) = Client::connect(&server).await;
    // Also before the first CONNECT.
    let mut client = Client::open(&server).await;
    for _ in 0..100 {
        client.send_all((0..1_000).map(|_| "3")).await;
        is_well(&mut healthy).await;
    }
    client.join("40").await;
    is_well(&mut client).await;
}

#[tokio::test]
async fn e12_a_second_post_ends_the_session() {
    let io = echo(Server::builder());
    let gate = Arc::new(Notify::new());
    let (wait, (begun, mut has_begun)) = (Arc::clone(&gate), mpsc::unbounded_channel());
    io.of("/").on("wait", async move |_: Socket| {
        begun.send(()).unwrap();
        wait.notified().await;
    });
    let server = start(&io).await;
    let sid = polling_sid(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    // So many events that the first POST is not answered before the handler has returned.
    let body = vec![r#"42["wait"]"#; 300].join("\x1e");
    let first = request(&server, "POST", &query, &body);
    let second = async {
        within(has_begun.recv()).await.unwrap();
        request(&server, "POST", &query, r#"42["wait"]"#).await
    };
    let (_first, second) = tokio::join!(first, second);
    assert_eq!(second, (400, r#"{"code":3,"message":"Bad request"}"#.to_owned()));
    until(|| io.clients_count() == 0).await;
    assert_eq!(io.of("/").sockets_count(), 0);
}

#[tokio::test]
async fn d4_a_polling_client_that_never_comes_back_is_forgotten_after_the_connect_timeout() {
    let io = echo(Server::builder().connect_timeout(Duration::from_millis(300)));
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    for _ in 0..50 {
        polling_sid(&server).await;
    }
    assert!(1 < io.clients_count());
    // Without the half minute that a client gets to fetch its last packets.
    until(|| io.clients_count() == 1).await;
    is_well(&mut healthy).await;
}

#[tokio::test]
async fn d4_a_polling_client_that_waits_is_told_of_its_connect_timeout() {
    let io = echo(Server::builder().connect_timeout(Duration::from_millis(300)));
    let server = start(&io).await;
    let sid = polling_sid(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "GET", &query, "").await, (200, "1".to_owned()));
    until(|| io.clients_count() == 0).await;
}

#[tokio::test]
async fn d5_a_polling_client_that_answers_no_ping_is_dropped() {
    let interval = Duration::from_millis(50);
    let io = echo(Server::builder().ping_interval(interval).ping_timeout(interval));
    let (reasons, mut reason) = mpsc::unbounded_channel();
    io.of("/").on("disconnect", async move |why: DisconnectReason| reasons.send(why).unwrap());
    let server = start(&io).await;
    let sid = polling_sid(&server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::PingTimeout));
    assert_eq!(io.of("/").sockets_count(), 0);
}

#[tokio::test]
async fn w6_a_message_that_makes_no_progress_closes_its_connection() {
    let io = echo(Server::builder());
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    stream.write_all(upgrade_request(&server, "").as_bytes()).await.unwrap();
    // Joins, then begins an event that never ends.
    stream.write_all(b"\x81\x82\x00\x00\x00\x0040\x81\x90\x00\x00\x00\x0042[").await.unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    let last_words = b"\x88\x12\x03\xf0message too slow";
    while !answer.ends_with(last_words) {
        assert_ne!(within(stream.read_buf(&mut answer)).await.unwrap(), 0, "{answer:?}");
    }
    assert!(Duration::from_secs(4) < begun.elapsed(), "a slow message has 5 s");
    until(|| io.clients_count() == 1).await;
    is_well(&mut healthy).await;
}

#[tokio::test]
async fn w6_a_message_is_not_slow_while_its_connection_is_not_read() {
    let io = echo(Server::builder());
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    io.of("/").on("first", async move |_: Socket| wait.notified().await);
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let (mut other, _) = Client::connect(&server).await;
    // A read ends within some event, behind far more of them than may wait.
    let events = (0..20_000).map(|n| format!(r#"42["n",{n}]"#));
    let all = [r#"42["first"]"#.to_owned()].into_iter().chain(events);
    let sending = tokio::spawn(async move {
        client.send_all(all).await;
        client
    });
    let longer_than_a_slow_message_has = Duration::from_millis(6_500);
    let heard = tokio::time::timeout(longer_than_a_slow_message_has, other.receive()).await;
    assert!(heard.is_err(), "{heard:?}");
    gate.notify_one();
    let mut client = within(sending).await.unwrap();
    is_well(&mut client).await;
}
