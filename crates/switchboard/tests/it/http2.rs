//! HTTP/2: sessions over it, WebSockets as streams, and streams that stand still.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use switchboard::{Data, Handshake, Server, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::client::{self, Client, Running, field, start, until, within};
use crate::http2_client::{Http2, PREFACE, SETTINGS, frame};

fn echoing() -> Server {
    let io = Server::builder().build();
    io.of("/").on("echo", async |socket: Socket, Data(text): Data<String>| {
        socket.emit("echo", &text).unwrap();
    });
    io
}

async fn echo_server() -> Running {
    start(&echoing()).await
}

#[tokio::test]
async fn a_websocket_is_a_stream_among_others() {
    let server = echo_server().await;
    let http2 = Http2::open(&server).await;
    let (response, _stream) = http2.connect(http2.handshake("")).await;
    assert_eq!(response.status(), StatusCode::OK);
    for name in ["connection", "upgrade", "sec-websocket-accept", "content-length"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    let mut sockets = [http2.join().await, http2.join().await];
    for socket in &mut sockets {
        socket.echo("over HTTP/2").await;
    }
    server.stop().await;
    for socket in &mut sockets {
        assert_eq!(within(socket.next_text()).await, None);
    }
    within(http2.connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_handshake_of_a_stream_reads_like_any_other() {
    let io = Server::builder().build();
    io.on("connection", async |socket: Socket, handshake: Arc<Handshake>| {
        let query = handshake.query("room").unwrap();
        let said = [handshake.header("host").unwrap(), handshake.header("cookie").unwrap(), &query];
        socket.emit("said", &said.join(" ")).unwrap();
    });
    let server = start(&io).await;
    let http2 = Http2::open(&server).await;
    let request = http2.handshake("&room=a%20b").header("cookie", "a=1").header("cookie", "b=2");
    let (response, stream) = http2.connect(request).await;
    let mut socket = crate::http2_client::WebSocket::new(response.into_body(), stream);
    socket.text().await;
    socket.send("40").await;
    socket.text().await;
    assert_eq!(socket.text().await, format!(r#"42["said","{} a=1; b=2 a b"]"#, server.address));
}

#[tokio::test]
async fn polling_works_and_is_upgraded_to_a_stream() {
    let server = echo_server().await;
    let http2 = Http2::open(&server).await;
    let polling = "/socket.io/?EIO=4&transport=polling";
    let (status, headers, open) = http2.ask(http2.request(Method::GET, polling), "").await;
    assert_eq!((status, headers.contains_key("connection")), (200, false));
    let sid = field(&open, "sid");
    let target = format!("{polling}&sid={sid}");
    let posted = http2.ask(http2.request(Method::POST, &target), "40").await;
    assert_eq!((posted.0, &*posted.2), (200, "ok"));
    let polled = http2.ask(http2.request(Method::GET, &target), "").await;
    assert!(polled.2.starts_with("40{"), "{}", polled.2);

    let mut socket = http2.websocket(&format!("&sid={sid}")).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    // The poll that is under way gives way.
    let poll = http2.ask(http2.request(Method::GET, &target), "").await;
    assert_eq!((poll.0, &*poll.2), (200, "6"));
    socket.send("5").await;
    socket.echo("upgraded").await;
}

#[tokio::test]
async fn refusals_end_the_stream_alone_and_say_why() {
    let server = echo_server().await;
    let http2 = Http2::open(&server).await;
    let mut bystander = http2.join().await;
    let connect = |query: &str, protocol| {
        let target = format!("/socket.io/?EIO=4{query}");
        http2.request(Method::CONNECT, &target).extension(h2::ext::Protocol::from_static(protocol))
    };
    let websocket = "&transport=websocket";
    let own = format!("http://{}", server.address);
    let cases = [
        (connect(websocket, "websocket").header("sec-websocket-version", "13"), 200),
        (connect(websocket, "websocket").header("sec-websocket-version", "12"), 426),
        (connect(websocket, "websocket"), 426),
        (connect(websocket, "connect-udp"), 501),
        (connect("&transport=polling", "websocket").header("sec-websocket-version", "13"), 400),
        (connect("&transport=nothing", "websocket").header("sec-websocket-version", "13"), 400),
        (http2.handshake("&sid=unknown"), 400),
        (http2.handshake("").header("origin", own), 200),
        (http2.handshake("").header("origin", "http://evil.test"), 403),
        (http2.handshake("").header("sec-websocket-protocol", "a, a"), 400),
    ];
    for (request, expected) in cases {
        let said = format!("{request:?}");
        let (response, _stream) = http2.connect(request).await;
        assert_eq!(response.status(), expected, "{said}");
        assert!(!response.headers().contains_key("connection"), "{said}");
        let version = response.headers().get("sec-websocket-version");
        assert_eq!(version.is_some_and(|it| it == "13"), expected == 426, "{said}");
        bystander.echo("still here").await;
    }
}

/// Row Q5 (b): DATA frames of 6 bytes, and not just 200 but as many as the stream's window takes.
#[tokio::test]
async fn a_paused_stream_leaves_fifty_others_alone() {
    let io = echoing();
    let (blocked, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (announce, wait) = (Arc::clone(&blocked), Arc::clone(&go));
    io.of("/").on("block", async move || {
        announce.add_permits(1);
        wait.acquire().await.unwrap().forget();
    });
    let server = start(&io).await;
    let http2 = Http2::open(&server).await;
    let mut paused = http2.join().await;
    let mut others = Vec::new();
    for _ in 0..50 {
        others.push(http2.join().await);
    }
    paused.send(r#"42["block"]"#).await;
    within(blocked.acquire()).await.unwrap().forget();
    // More events than may wait, so that the server stops reading.
    for _ in 0..300 {
        paused.send(r#"42["x"]"#).await;
    }
    let large = format!(r#"42["x","{}"]"#, "x".repeat(70_000));
    let large = paused.frame(&large);
    let (mut pieces, mut sent) = (large.chunks(6).peekable(), 0);
    while let Some(piece) = pieces.peek() {
        paused.stream.reserve_capacity(piece.len());
        if paused.stream.capacity() < piece.len() {
            let capacity = std::future::poll_fn(|cx| paused.stream.poll_capacity(cx));
            // The server has stopped reading when no window comes for a while.
            match tokio::time::timeout(Duration::from_millis(300), capacity).await {
                Ok(capacity) => capacity.expect("the stream is open").expect("no error"),
                Err(_elapsed) => break,
            };
            continue;
        }
        paused.stream.send_data(piece.to_vec().into(), false).unwrap();
        pieces.next();
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(10_000 < sent, "{sent}");
    for (number, socket) in others.iter_mut().enumerate() {
        socket.echo(&format!("number {number}")).await;
    }
    go.add_permits(1);
    for piece in pieces {
        paused.send_data(piece.to_vec()).await;
    }
    paused.echo("and on it goes").await;
}

/// Row Q7: after the window is used up it is never opened again.
#[tokio::test]
async fn a_stream_that_takes_nothing_is_reset_and_others_go_on() {
    let io = echoing();
    let ended = Arc::new(Semaphore::new(0));
    let end = Arc::clone(&ended);
    io.of("/").on("flood", async |socket: Socket| {
        let text = "x".repeat(100_000);
        for _ in 0..15 {
            socket.emit("flood", &text).unwrap();
        }
    });
    io.of("/").on("disconnect", async move || end.add_permits(1));
    let server = start(&io).await;
    let http2 = Http2::open(&server).await;
    let (mut stalled, mut other) = (http2.join().await, http2.join().await);
    stalled.send(r#"42["flood"]"#).await;
    let mut echoes = 0;
    while ended.available_permits() == 0 {
        other.echo("beside it").await;
        echoes += 1;
    }
    assert!(100 < echoes, "{echoes}");
    assert_eq!(stalled.reset().await, h2::Reason::CANCEL);
    other.echo("after it").await;
}

/// Row Q7 with a window of 0 from the beginning: not even the first packet leaves.
#[tokio::test]
async fn a_stream_without_any_window_is_reset_too() {
    let io = Server::builder().connect_timeout(Duration::from_millis(100)).build();
    let server = start(&io).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let http2 = Http2::over(stream, format!("http://{}", server.address), 0).await;
    let mut socket = http2.websocket("").await;
    assert_eq!(socket.reset().await, h2::Reason::CANCEL);
}

#[tokio::test]
async fn a_client_that_leaves_by_a_reset_is_disconnected() {
    let io = echoing();
    let ended = Arc::new(Semaphore::new(0));
    let end = Arc::clone(&ended);
    io.of("/").on("disconnect", async move || end.add_permits(1));
    let server = start(&io).await;
    let http2 = Http2::open(&server).await;
    let mut socket = http2.join().await;
    socket.stream.send_reset(h2::Reason::CANCEL);
    within(ended.acquire()).await.unwrap().forget();
    http2.join().await.echo("another").await;
}

#[tokio::test]
async fn more_streams_than_allowed_wait_in_the_client() {
    let io = echoing();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = switchboard::Serve::new(io.clone()).http2_streams_max(2);
    tokio::spawn(serve.run(listener, std::future::pending()));
    let stream = TcpStream::connect(address).await.unwrap();
    let http2 = Http2::over(stream, format!("http://{address}"), 65_535).await;
    let (mut first, second) = (http2.join().await, http2.join().await);
    let mut third = std::pin::pin!(http2.join());
    tokio::select! {
        biased;
        _ = &mut third => panic!("a third stream was opened"),
        () = first.echo("one of two") => {}
    }
    drop(second);
    third.await.echo("now").await;
}

#[tokio::test]
async fn both_protocols_are_told_apart_however_slowly_they_begin() {
    let server = echo_server().await;
    for drip in [1, 2, 3, 5] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let settings = frame(SETTINGS, 0, 0, &[]);
        let begin = [PREFACE, &settings].concat();
        let (first, rest) = begin.split_at(drip);
        stream.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(rest).await.unwrap();
        let mut head = [0; 9];
        within(stream.read_exact(&mut head)).await.unwrap();
        assert_eq!(head[3], SETTINGS);
    }
    for drip in [1, 2, 3, 5] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let begin = "PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let (first, rest) = begin.split_at(drip);
        stream.write_all(first.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}

/// The clock of these tests leaps ahead whenever everybody waits.
#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_asked_ends() {
    let server = start(&Server::builder().build()).await;
    let beginnings: [&[u8]; 4] =
        [b"", b"PR", PREFACE, &[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()];
    for beginning in beginnings {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let began = tokio::time::Instant::now();
        stream.write_all(beginning).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(22), "{beginning:?} took {took:?}");
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_the_last_request_of_its_connection() {
    let server = echo_server().await;
    let heads = [
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nSec-WebSocket-Version: 12\r\n",
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nContent-Length: 5\r\n",
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nTransfer-Encoding: chunked\r\n",
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.0\r\nSec-WebSocket-Version: 13\r\n",
        "POST /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n",
    ];
    for head in heads {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "{head}Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
             GET /secret HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        within(stream.read_to_end(&mut answer)).await.ok();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1."), "{head}: {answer}");
        assert_eq!(answer.matches("content-length: ").count(), 1, "{head}: {answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{head}: {answer}");
        let is_426 = answer.contains(" 426 ");
        assert_eq!(is_426, head.contains("Version: 12"), "{answer}");
        assert_eq!(is_426, answer.contains("sec-websocket-version: 13"), "{answer}");
    }
    client::request(&server, "GET", "EIO=4&transport=polling", "").await;
    Client::connect(&server).await;
    until(|| true).await;
}
