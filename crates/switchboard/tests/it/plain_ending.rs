//! How plain WebSockets end, and how they are refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard::ws::{self, CloseCode, Closed, Error, Options, PeerError, Sender, WebSocket};
use switchboard_ws::Message as Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

use crate::client::{until, within};
use crate::plain::{Raw, echo, masked, plain, serve};

/// What a handler's `recv` came to, told to the test.
fn reporting(
    tell: mpsc::UnboundedSender<Result<Option<Closed>, Error>>,
) -> impl ws::Handler<(WebSocket,)> {
    async move |mut socket: WebSocket| {
        let result = loop {
            match socket.recv().await {
                Ok(Some(message)) => drop(socket.send(message)),
                Ok(None) => break Ok(socket.closed_by_peer()),
                Err(error) => break Err(error),
            }
        };
        tell.send(result).unwrap();
    }
}

#[tokio::test]
async fn a_handler_that_returns_closes_after_everything_it_sent() {
    let server = ws::Server::new(async |socket: WebSocket| {
        socket.send_text("last words").unwrap();
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    client.expect(b"\x81\x0alast words\x88\x02\x03\xe8").await;
    client.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8").await;
    client.expect_end().await;
    until(|| server.connections() == 0).await;
}

#[tokio::test]
async fn a_failed_handler_closes_with_1011_and_a_panic_too() {
    for fails in [true, false] {
        let server = ws::Server::new(async move |_socket: WebSocket| -> Result<(), String> {
            assert!(fails, "on purpose");
            Err("no luck".to_owned())
        });
        let (address, _guard) = serve(&server).await;
        let mut client = Raw::connect(address).await;
        client.expect(b"\x88\x02\x03\xf3").await;
        client.write(b"\x88\x82\x00\x00\x00\x00\x03\xf3").await;
        client.expect_end().await;
    }
}

#[tokio::test]
async fn the_peers_close_frame_is_answered_and_told() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (address, _guard) = serve(&ws::Server::new(reporting(tell))).await;
    let mut client = Raw::connect(address).await;
    let mut bytes = masked(Frame::Text("before"));
    bytes.extend(b"\x88\x85\x00\x00\x00\x00\x0f\xa1bye");
    client.write(&bytes).await;
    client.expect(b"\x81\x06before\x88\x02\x0f\xa1").await;
    client.expect_end().await;
    let closed = within(told.recv()).await.unwrap().unwrap();
    let code = CloseCode::new(4001);
    assert_eq!(closed, Some(Closed::Frame { code, reason: "bye".to_owned() }));
}

#[tokio::test]
async fn messages_before_a_bad_frame_are_delivered_and_then_the_error() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (address, _guard) = serve(&ws::Server::new(reporting(tell))).await;
    let mut client = Raw::connect(address).await;
    let mut bytes = masked(Frame::Text("good"));
    bytes.extend(b"\x81\x04bad!");
    // What follows is never parsed, and must not turn the close frame into a reset either.
    bytes.extend(masked(Frame::Binary(&[0; 100_000])));
    client.write(&bytes).await;
    client.expect(b"\x81\x04good\x88\x02\x03\xea").await;
    client.expect_end().await;
    let error = within(told.recv()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(PeerError::WrongMasking)), "{error}");
}

#[tokio::test]
async fn a_message_above_the_limit_closes_with_1009_before_it_has_come() {
    let options = Options::new().message_bytes_max(1000);
    let (address, _guard) = serve(&ws::Server::with_options(options, echo)).await;
    let mut client = Raw::connect(address).await;
    client.write(&masked(Frame::Binary(&[1; 1000]))).await;
    client.expect(&plain(Frame::Binary(&[1; 1000]))).await;
    // Nothing but the header.
    client.write(b"\x82\xfe\x03\xe9\x00\x00\x00\x00").await;
    client.expect(b"\x88\x02\x03\xf1").await;
}

#[tokio::test]
async fn a_peer_that_only_half_closes_gets_its_answers() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (address, _guard) = serve(&ws::Server::new(reporting(tell))).await;
    let mut client = Raw::connect(address).await;
    client.text("question").await;
    client.stream.shutdown().await.unwrap();
    client.expect(b"\x81\x08question\x88\x02\x03\xe8").await;
    client.expect_end().await;
    assert_eq!(within(told.recv()).await.unwrap().unwrap(), Some(Closed::Lost));
}

#[tokio::test]
async fn nothing_is_sent_after_a_close_frame() {
    let server = ws::Server::new(async |mut socket: WebSocket| {
        socket.close(CloseCode::POLICY, "enough");
        assert!(matches!(socket.send("late"), Err(Error::Closed)));
        assert!(matches!(socket.ping(b""), Err(Error::Closed)));
        // The peer may finish what it had to say.
        assert_eq!(socket.recv().await.unwrap(), Some("and you".into()));
        assert_eq!(socket.recv().await.unwrap(), None);
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    client.expect(b"\x88\x08\x03\xf0enough").await;
    client.text("and you").await;
    // A ping needs no answer any more.
    client.write(b"\x89\x80\x00\x00\x00\x00\x88\x82\x00\x00\x00\x00\x03\xf0").await;
    client.expect_end().await;
    until(|| server.connections() == 0).await;
}

#[tokio::test]
async fn write_answer_and_shutdown_share_one_deadline() {
    let options = Options::new().close_timeout(Duration::from_millis(300));
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = ws::Server::with_options(options, async move |mut socket: WebSocket| {
        socket.close(CloseCode::NORMAL, "");
        tell.send(socket.recv().await).unwrap();
    });
    let (address, _guard) = serve(&server).await;
    let begun = Instant::now();
    let mut client = Raw::connect(address).await;
    client.expect(b"\x88\x02\x03\xe8").await;
    // It never answers.
    client.expect_end().await;
    assert!(Duration::from_millis(250) < begun.elapsed());
    assert!(matches!(within(told.recv()).await, Some(Err(Error::CloseTimeout))));
    until(|| server.connections() == 0).await;
}

#[tokio::test]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    let wait = Duration::from_millis(200);
    let options = Options::new().heartbeat(Some((wait, wait)));
    let (tell, mut told) = mpsc::unbounded_channel();
    let (address, _guard) = serve(&ws::Server::with_options(options, reporting(tell))).await;
    let mut client = Raw::connect(address).await;
    client.expect(b"\x89\x00").await;
    client.write(b"\x8a\x80\x00\x00\x00\x00").await;
    // It answered, so it is asked again; then it does not.
    client.expect(b"\x89\x00").await;
    client.expect_end().await;
    assert!(matches!(within(told.recv()).await, Some(Err(Error::Silent))));
}

#[tokio::test]
async fn the_heartbeat_notices_silence_while_a_write_is_blocked() {
    let options =
        Options::new().heartbeat(Some((Duration::from_millis(900), Duration::from_millis(300))));
    let (tell, mut told) = mpsc::unbounded_channel();
    let (fill, mut filled) = mpsc::unbounded_channel();
    let server = ws::Server::with_options(options, async move |mut socket: WebSocket| {
        let blocked = Duration::from_millis(100);
        while tokio::time::timeout(blocked, socket.ready()).await.is_ok() {
            socket.send(vec![0; 100_000]).unwrap();
        }
        fill.send("blocked").unwrap();
        socket.ready().await.unwrap();
        fill.send("below the soft bound").unwrap();
        tell.send(socket.recv().await).unwrap();
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    assert_eq!(within(filled.recv()).await, Some("blocked"));
    // Until less than the soft bound waits, so that nobody asks for progress; all is blocked again.
    while filled.try_recv().is_err() {
        within(client.stream.read_exact(&mut vec![0; 10_000])).await.unwrap();
        tokio::task::yield_now().await;
    }
    let end = within(told.recv()).await.unwrap();
    assert!(matches!(end, Err(Error::Silent)), "{end:?}");
}

#[tokio::test]
async fn a_message_that_makes_no_progress_is_given_up() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (address, _guard) = serve(&ws::Server::new(reporting(tell))).await;
    let mut client = Raw::connect(address).await;
    client.write(b"\x81\x85\x00\x00\x00\x00hel").await;
    let error = within(told.recv()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::TooSlow), "{error}");
    let reason = b"\x88\x12\x03\xf0message too slow";
    client.expect(reason).await;
    client.expect_end().await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_while_much_waits_is_given_up() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = ws::Server::new(async move |mut socket: WebSocket| {
        for _ in 0..12 {
            socket.send(vec![0; 1_000_000]).unwrap();
        }
        tell.send(socket.recv().await).unwrap();
    });
    let (address, _guard) = serve(&server).await;
    let _client = Raw::connect(address).await;
    let end = within(told.recv()).await.unwrap();
    assert!(matches!(end, Err(Error::SlowConsumer)), "{end:?}");
}

#[tokio::test]
async fn a_peer_that_never_reads_is_closed_at_the_hard_bound_and_nobody_else() {
    let (tell, mut told) = mpsc::unbounded_channel::<Sender>();
    let server = ws::Server::new(async move |socket: WebSocket| {
        let (sender, receiver) = socket.split();
        tell.send(sender).unwrap();
        receiver.discard().await
    });
    let (address, _guard) = serve(&server).await;
    let _deaf = Raw::connect(address).await;
    let deaf = within(told.recv()).await.unwrap();
    let mut healthy = Raw::connect(address).await;
    let sender = within(told.recv()).await.unwrap();
    while deaf.send(vec![0; 1_000_000]).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(deaf.ready().await, Err(Error::SlowConsumer)));
    sender.send("still here").unwrap();
    healthy.expect(&plain(Frame::Text("still here"))).await;
    until(|| server.connections() == 1).await;
}

#[tokio::test]
async fn closing_the_server_closes_everybody_and_refuses_newcomers() {
    let server = ws::Server::new(echo);
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    client.expect(b"\x88\x02\x03\xe9").await;
    let mut late = Raw::ask(address, "", b"").await;
    late.read_head().await;
    assert!(late.head.starts_with("HTTP/1.1 503 "), "{}", late.head);
    client.write(b"\x88\x82\x00\x00\x00\x00\x03\xe9").await;
    client.expect_end().await;
    within(closing).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_runs_on_after_the_end_holds_no_stream() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let server = ws::Server::new(async move |socket: WebSocket| {
        drop(socket.split().1);
        opened.notified().await;
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    client.write(b"\x88\x80\x00\x00\x00\x00").await;
    client.expect(b"\x88\x00").await;
    client.expect_end().await;
    assert_eq!(server.connections(), 1, "its handler has not returned");
    gate.notify_one();
    until(|| server.connections() == 0).await;
}

#[tokio::test]
async fn requests_that_are_no_handshake_are_told_why() {
    let server = ws::Server::new(echo);
    let (address, _guard) = serve(&server).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let cases = [
        ("GET / HTTP/1.1", String::new(), "426 "),
        ("POST / HTTP/1.1", String::new(), "405 "),
        ("POST / HTTP/1.1", format!("{upgrade}{version}{key}"), "405 "),
        ("GET / HTTP/1.0", format!("{upgrade}{version}{key}"), "400 "),
        ("GET / HTTP/1.1", format!("{upgrade}Sec-WebSocket-Version: 8\r\n{key}"), "426 "),
        ("GET / HTTP/1.1", format!("{upgrade}{version}"), "400 "),
        ("GET / HTTP/1.1", format!("{upgrade}{version}{key}{key}"), "400 "),
        ("GET / HTTP/1.1", format!("{upgrade}{version}Sec-WebSocket-Key: short\r\n"), "400 "),
        ("GET / HTTP/1.1", format!("Upgrade: websocket\r\n{version}{key}"), "400 "),
        ("GET / HTTP/1.1", format!("{upgrade}{version}{key}Content-Length: 3\r\n"), "400 "),
        ("GET / HTTP/1.1", format!("{upgrade}{version}{key}Origin: http://evil.test\r\n"), "403 "),
    ];
    for (line, headers, status) in cases {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("{line}\r\nHost: {address}\r\n{headers}\r\n");
        // A second request that must never be parsed.
        let glued = format!("{request}GET /secret HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(glued.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        // The server closes with our second request unread, which may reset the connection.
        let _reset = within(reading).await;
        let answer = String::from_utf8(answer).unwrap();
        let expected = format!("{} {status}", line.rsplit(' ').next().unwrap());
        assert!(answer.starts_with(&expected), "{request}{answer}");
        assert_eq!(answer.matches("content-length:").count(), 1, "{request}{answer}");
    }
}
