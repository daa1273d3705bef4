//! Engine.IO without Socket.IO: one handler, messages, every transport.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use switchboard::engine::{self, Event, Socket};
use switchboard::{DisconnectReason, Server, ServerBuilder, Transport};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::client::{Client, Message, Running, field, request, until, within};

async fn start(server: &engine::Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let served = tokio::spawn(engine::serve(listener, server.clone(), shutdown));
    Running::new(address, stop, served)
}

/// The path is what the test clients ask for.
fn builder() -> ServerBuilder {
    engine::Server::builder().path("/socket.io/")
}

fn echo() -> engine::Server {
    builder().build_engine(async |mut socket: Socket| {
        while let Some(message) = socket.recv().await {
            socket.send(message);
        }
    })
}

async fn open(server: &Running) -> (String, String) {
    let (status, body) = request(server, "GET", "EIO=4&transport=polling", "").await;
    assert_eq!(status, 200, "{body}");
    let (open, more) = body.split_once('\x1e').unwrap_or((&body, ""));
    (field(open, "sid"), more.to_owned())
}

async fn poll(server: &Running, sid: &str) -> (u16, String) {
    request(server, "GET", &format!("EIO=4&transport=polling&sid={sid}"), "").await
}

async fn post(server: &Running, sid: &str, body: &str) -> (u16, String) {
    request(server, "POST", &format!("EIO=4&transport=polling&sid={sid}"), body).await
}

/// Tells everything that happens to any connection.
fn telling(builder: ServerBuilder) -> (engine::Server, mpsc::UnboundedReceiver<Event>) {
    let (events, happened) = mpsc::unbounded_channel();
    let server = builder.build_engine(async move |mut socket: Socket| {
        loop {
            let event = socket.next_event().await;
            let is_over = matches!(event, Event::Closed(_));
            events.send(event).ok();
            if is_over {
                return;
            }
        }
    });
    (server, happened)
}

async fn reason(happened: &mut mpsc::UnboundedReceiver<Event>) -> DisconnectReason {
    loop {
        if let Event::Closed(closed) = within(happened.recv()).await.unwrap() {
            return closed.reason();
        }
    }
}

#[tokio::test]
async fn text_and_binary_come_back_over_a_websocket() {
    let server = start(&echo()).await;
    let mut client = Client::open(&server).await;
    client.send("4hello").await;
    client.send_binary(&[0, 1, 2]).await;
    client.send("4").await;
    assert_eq!(client.text().await, "4hello");
    assert_eq!(client.receive().await, Message::Binary(vec![0, 1, 2]));
    assert_eq!(client.text().await, "4");
}

#[tokio::test]
async fn text_and_binary_come_back_over_polling_in_one_body() {
    let server = start(&echo()).await;
    let (sid, _) = open(&server).await;
    let body = "4hello\x1ebAAEC\x1e4\u{e4}";
    assert_eq!(post(&server, &sid, body).await, (200, "ok".to_owned()));
    assert_eq!(poll(&server, &sid).await, (200, body.to_owned()));
}

#[tokio::test]
async fn the_default_path_is_that_of_official_clients() {
    let server = start(&engine::Server::builder().build_engine(async |_: Socket| ())).await;
    let (status, _) = request(&server, "GET", "EIO=4&transport=polling", "").await;
    assert_eq!(status, 404, "this is the path of Socket.IO");
    let url = format!("ws://{}/engine.io/?EIO=4&transport=websocket", server.address);
    let mut socket = within(switchboard::ws::connect(&url).into_future()).await.unwrap();
    let open = within(socket.recv()).await.unwrap().unwrap();
    assert!(open.as_text().unwrap().starts_with(r#"0{"sid":"#));
}

#[tokio::test]
async fn an_upgrade_is_told_between_the_messages_around_it() {
    let (io, mut happened) = telling(builder());
    let server = start(&io).await;
    let (sid, _) = open(&server).await;
    assert_eq!(post(&server, &sid, "4before").await.0, 200);
    let mut client = Client::upgrade(&server, &format!("&sid={sid}")).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send_all(["5", "4after"]).await;
    let before = within(happened.recv()).await.unwrap();
    assert_eq!(before, Event::Message("before".into()));
    assert_eq!(within(happened.recv()).await.unwrap(), Event::Upgraded);
    let after = within(happened.recv()).await.unwrap();
    assert_eq!(after, Event::Message("after".into()));
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_transports_change() {
    let server = start(&echo()).await;
    let (sid, _) = open(&server).await;
    assert_eq!(post(&server, &sid, "4a\x1ebAAEC\x1e4b").await.0, 200);
    let mut client = Client::upgrade(&server, &format!("&sid={sid}")).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send_all(["5", "4c"]).await;
    assert_eq!(client.text().await, "4a");
    assert_eq!(client.receive().await, Message::Binary(vec![0, 1, 2]));
    assert_eq!(client.text().await, "4b");
    assert_eq!(client.text().await, "4c");
}

#[tokio::test]
async fn every_end_has_its_reason_after_the_messages_before_it() {
    let (io, mut happened) = telling(builder());
    let server = start(&io).await;

    let mut client = Client::open(&server).await;
    client.send_all(["4last words", "1"]).await;
    let last = within(happened.recv()).await.unwrap();
    assert_eq!(last, Event::Message("last words".into()));
    assert_eq!(reason(&mut happened).await, DisconnectReason::TransportClose);
    drop(client);

    drop(Client::open(&server).await);
    assert_eq!(reason(&mut happened).await, DisconnectReason::TransportClose);

    let mut client = Client::open(&server).await;
    client.send("x").await;
    assert_eq!(client.close_code().await, Some(1002));
    let Event::Closed(closed) = within(happened.recv()).await.unwrap() else { panic!() };
    assert_eq!(closed.reason(), DisconnectReason::ParseError);
    assert_eq!(closed.description(), Some("what came is no Engine.IO packet"));
    drop(client);

    let client = Client::open(&server).await;
    until(|| io.clients_count() == 1).await;
    io.clients()[0].close();
    assert_eq!(reason(&mut happened).await, DisconnectReason::ForcedClose);
    drop(client);

    let client = Client::open(&server).await;
    let stopping = server.stop();
    let ((), why) = tokio::join!(stopping, async {
        let mut client = client;
        assert_eq!(client.close_code().await, Some(1012));
        reason(&mut happened).await
    });
    assert_eq!(why, DisconnectReason::ServerShuttingDown);
}

#[tokio::test]
async fn a_silent_client_is_dropped() {
    let builder = builder();
    let builder = builder.ping_interval(Duration::from_millis(20));
    let (io, mut happened) = telling(builder.ping_timeout(Duration::from_millis(20)));
    let server = start(&io).await;
    let (_sid, _) = open(&server).await;
    assert_eq!(reason(&mut happened).await, DisconnectReason::PingTimeout);
}

#[tokio::test]
async fn a_connection_without_messages_is_not_given_up() {
    // The limit of Socket.IO for clients that join no namespace.
    let builder = builder().connect_timeout(Duration::ZERO);
    let server = start(&builder.build_engine(async |mut socket: Socket| {
        while let Some(message) = socket.recv().await {
            socket.send(message);
        }
    }))
    .await;
    let mut client = Client::open(&server).await;
    client.send("4still here").await;
    assert_eq!(client.text().await, "4still here");
}

#[tokio::test]
async fn what_a_handler_sent_arrives_before_the_close() {
    let server = start(&builder().build_engine(async |socket: Socket| {
        socket.send("one");
        socket.send("two");
    }))
    .await;
    let mut client = Client::open(&server).await;
    assert_eq!(client.text().await, "4one");
    assert_eq!(client.text().await, "4two");
    assert_eq!(client.receive().await, Message::Closed(Some(1000)));

    let (sid, _) = open(&server).await;
    assert_eq!(poll(&server, &sid).await, (200, "4one\x1e4two".to_owned()));
    assert_eq!(poll(&server, &sid).await, (200, "1".to_owned()));
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_costs_its_own_connection() {
    let server =
        start(&builder().build_engine(async |mut socket: Socket| -> Result<(), &'static str> {
            while let Some(message) = socket.recv().await {
                match message.as_text() {
                    Some("fail") => return Err("as it was told"),
                    Some("panic") => panic!("as it was told"),
                    _ => socket.send(message),
                }
            }
            Ok(())
        }))
        .await;
    let mut other = Client::open(&server).await;
    for fault in ["4fail", "4panic"] {
        let mut client = Client::open(&server).await;
        client.send(fault).await;
        assert_eq!(client.close_code().await, Some(1011));
    }
    other.send("4alive").await;
    assert_eq!(other.text().await, "4alive");
}

#[tokio::test]
async fn halves_live_on_in_other_tasks() {
    let server = start(&builder().build_engine(async |socket: Socket| {
        let (sender, mut receiver) = socket.split();
        tokio::spawn(async move {
            while let Some(message) = receiver.recv().await {
                let sender = sender.clone();
                tokio::spawn(async move { sender.send(message) }).await.unwrap();
            }
        });
    }))
    .await;
    let mut client = Client::open(&server).await;
    for n in 0..1_000 {
        client.send(&format!("4{n}")).await;
        assert_eq!(client.text().await, format!("4{n}"));
    }
}

#[tokio::test]
async fn a_receiver_that_is_dropped_leaves_a_connection_that_sends() {
    let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (wait, tell) = (Arc::clone(&go), Arc::clone(&gone));
    let server = start(&builder().build_engine(async move |socket: Socket| {
        let (sender, receiver) = socket.split();
        drop(receiver);
        tell.notify_one();
        wait.notified().await;
        sender.send("late");
    }))
    .await;
    let mut client = Client::open(&server).await;
    within(gone.notified()).await;
    // More than may wait for a handler: nobody wants them, so they are read and dropped.
    for _ in 0..100 {
        client.send_all((0..100).map(|_| "4unwanted")).await;
    }
    go.notify_one();
    assert_eq!(client.text().await, "4late");
    assert_eq!(client.receive().await, Message::Closed(Some(1000)));
}

/// A handler that receives nothing until it is let, then counts.
fn gated(builder: ServerBuilder, gate: &Arc<Notify>, seen: &Arc<AtomicUsize>) -> engine::Server {
    let (gate, seen) = (Arc::clone(gate), Arc::clone(seen));
    let first = Arc::new(AtomicBool::new(true));
    builder.build_engine(async move |mut socket: Socket| {
        let waits = first.swap(false, Ordering::SeqCst);
        if waits {
            gate.notified().await;
        }
        while let Some(message) = socket.recv().await {
            if waits {
                let expected = seen.fetch_add(1, Ordering::SeqCst).to_string();
                let text = message.as_text().unwrap();
                assert!(text.starts_with(&expected), "{} for {expected}", &text[..8]);
            } else {
                socket.send(message);
            }
        }
    })
}

#[tokio::test]
async fn a_slow_handler_slows_its_own_sender_and_no_other() {
    let (gate, seen) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let server = start(&gated(builder(), &gate, &seen)).await;
    let mut sender = Client::open(&server).await;
    let mut other = Client::open(&server).await;
    let (total, padding) = (400, "x".repeat(100_000));
    let sent = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for n in 0..total {
            sender.send(&format!("4{n} {padding}")).await;
            progress.fetch_add(1, Ordering::SeqCst);
        }
        sender
    });
    // Stuck, once many round trips of another client see no progress.
    let (mut before, mut same) = (usize::MAX, 0);
    while same < 20 {
        other.send("4echo").await;
        assert_eq!(other.text().await, "4echo");
        let now = sent.load(Ordering::SeqCst);
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    assert!(before < total, "the sender was never slowed");
    gate.notify_one();
    let sender = within(sending).await.unwrap();
    until(|| seen.load(Ordering::SeqCst) == total).await;
    drop(sender);
}

#[tokio::test]
async fn a_post_waits_until_its_messages_have_found_room() {
    let (gate, seen) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let server = start(&gated(builder(), &gate, &seen)).await;
    let (sid, _) = open(&server).await;
    let body = (0..300).map(|n| format!("4{n} padding")).collect::<Vec<_>>().join("\x1e");
    let mut posting = std::pin::pin!(post(&server, &sid, &body));
    let (other, _) = tokio::select! {
        answer = &mut posting => panic!("answered too early: {answer:?}"),
        other = open(&server) => other,
    };
    tokio::select! {
        answer = &mut posting => panic!("answered too early: {answer:?}"),
        answer = post(&server, &other, "4echo") => assert_eq!(answer.0, 200),
    }
    tokio::select! {
        answer = &mut posting => panic!("answered too early: {answer:?}"),
        answer = poll(&server, &other) => assert_eq!(answer.1, "4echo"),
    }
    gate.notify_one();
    assert_eq!(within(posting).await.0, 200);
    until(|| seen.load(Ordering::SeqCst) == 300).await;
}

#[tokio::test]
async fn a_receiver_in_another_task_lets_reading_go_on() {
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    let server = start(&builder().build_engine(async move |socket: Socket| {
        let (sender, mut receiver) = socket.split();
        let wait = Arc::clone(&wait);
        tokio::spawn(async move {
            sender.send("here");
            wait.notified().await;
            while receiver.recv().await.is_some() {}
        });
    }))
    .await;
    let (sid, _) = open(&server).await;
    assert_eq!(poll(&server, &sid).await.1, "4here");
    let body = vec!["4more than may wait"; 300].join("\x1e");
    let mut posting = std::pin::pin!(post(&server, &sid, &body));
    tokio::select! {
        answer = &mut posting => panic!("answered too early: {answer:?}"),
        other = open(&server) => drop(other),
    }
    gate.notify_one();
    // Long before the next heartbeat, which would look at it too.
    assert_eq!(within(posting).await.0, 200);
}

#[tokio::test]
async fn a_producer_that_waits_for_ready_loses_nothing() {
    let server = start(&builder().build_engine(async |socket: Socket| {
        for n in 0..50_000 {
            socket.ready().await;
            socket.send(n.to_string() + " and so that more than a megabyte comes together");
        }
    }))
    .await;
    let mut client = Client::open(&server).await;
    for n in 0..50_000 {
        assert!(client.text().await.starts_with(&format!("4{n} ")));
    }
    assert_eq!(client.receive().await, Message::Closed(Some(1000)));
}

#[tokio::test]
async fn the_initial_packet_comes_with_the_handshake() {
    let greeting = builder().initial_packet("hi").build_engine(async |mut socket: Socket| {
        socket.send("then");
        while socket.recv().await.is_some() {}
    });
    let server = start(&greeting).await;
    let (sid, more) = open(&server).await;
    assert_eq!(more, "4hi");
    assert_eq!(poll(&server, &sid).await.1, "4then");
    let mut client = Client::open(&server).await;
    assert_eq!(client.text().await, "4hi");
    assert_eq!(client.text().await, "4then");

    let greeting = builder().initial_packet(vec![0, 1, 2]).build_engine(async |_: Socket| ());
    let server = start(&greeting).await;
    assert_eq!(open(&server).await.1, "bAAEC");
    let mut client = Client::open(&server).await;
    assert_eq!(client.receive().await, Message::Binary(vec![0, 1, 2]));
}

#[tokio::test]
async fn a_handler_sees_the_request_that_brought_a_message() {
    let of_request = async |mut socket: Socket| {
        while socket.recv().await.is_some() {
            let length = socket.request().header("content-length").unwrap_or("none");
            socket.send(length);
        }
    };
    for (keeps, expected) in [(true, "46\x1e46"), (false, "40\x1e40")] {
        let server = start(&builder().keep_requests(keeps).build_engine(of_request)).await;
        let (sid, _) = open(&server).await;
        assert_eq!(post(&server, &sid, "4x\x1e4yz").await.0, 200);
        assert_eq!(poll(&server, &sid).await.1, expected);
    }
}

#[tokio::test]
async fn a_handler_knows_its_connection() {
    let server = start(&builder().build_engine(async |socket: Socket| {
        let is_alive = socket.closed().is_none() && !socket.sender().is_closed();
        assert!(is_alive && socket.sender() == socket.sender());
        let polls = socket.transport() == Transport::Polling;
        socket.send(format!("{polls} {} {}", socket.protocol(), socket.sid()));
        assert!(!format!("{socket:?}").contains(socket.sid().as_str()), "the id is a secret");
    }))
    .await;
    let mut client = Client::open(&server).await;
    assert_eq!(client.text().await, format!("4false 4 {}", client.sid));
    let (sid, _) = open(&server).await;
    assert_eq!(poll(&server, &sid).await.1, format!("4true 4 {sid}"));
}

#[tokio::test]
async fn clients_of_the_older_protocol_speak_it() {
    let builder = builder().allow_eio3(true).initial_packet("hi");
    let server = start(&builder.build_engine(async |mut socket: Socket| {
        while let Some(message) = socket.recv().await {
            socket.send(format!("{} bytes by {}", message.len(), socket.protocol()));
            socket.send(message);
        }
    }))
    .await;
    let (status, open) = request(&server, "GET", "EIO=3&transport=polling&b64=1", "").await;
    assert!(status == 200 && open.ends_with("3:4hi"), "{open}");
    let sid = open.split('"').nth(3).unwrap();
    let query = format!("EIO=3&transport=polling&b64=1&sid={sid}");
    // Its lengths count UTF-16 units, and its bytes are base64 behind `b4`.
    assert_eq!(request(&server, "POST", &query, "2:4\u{e4}6:b4AAEC").await.0, 200);
    let echo = "13:42 bytes by 32:4\u{e4}13:43 bytes by 36:b4AAEC";
    assert_eq!(request(&server, "GET", &query, "").await, (200, echo.to_owned()));
}

#[tokio::test]
async fn the_same_door_guards_it() {
    let server = start(&echo()).await;
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    assert_eq!(poll(&server, "nobody").await, (400, unknown.to_owned()));
    let (sid, _) = open(&server).await;
    let body = "4".to_owned() + &"x".repeat(1_000_000);
    assert_eq!(post(&server, &sid, &body).await, (413, String::new()));
    let mut client = Client::open(&server).await;
    client.send(&body).await;
    assert_eq!(client.close_code().await, Some(1009));
}

#[tokio::test]
async fn a_running_handler_notices_the_end_and_finishes() {
    let (finished, mut has_finished) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    let io = builder().build_engine(async move |mut socket: Socket| {
        socket.send("here");
        wait.notified().await;
        while socket.recv().await.is_some() {}
        finished.send(socket.closed().unwrap().reason()).unwrap();
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    assert_eq!(client.text().await, "4here");
    drop(client);
    // The client is forgotten while its handler still runs.
    until(|| io.clients_count() == 0).await;
    assert!(has_finished.try_recv().is_err());
    gate.notify_one();
    assert_eq!(within(has_finished.recv()).await, Some(DisconnectReason::TransportClose));
}

#[tokio::test]
async fn both_kinds_of_server_live_on_one_port() {
    let io = Server::builder().build();
    io.of("/").on("echo", async |socket: switchboard::Socket| socket.emit("echo", ()).unwrap());
    let raw = engine::Server::builder().build_engine(async |socket: Socket| socket.send("raw"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let served = switchboard::serve_with(listener, io, raw.service(), shutdown);
    let server = Running::new(address, stop, tokio::spawn(served));
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["echo"]"#).await;
    assert_eq!(client.text().await, r#"42["echo"]"#);
    let url = format!("ws://{address}/engine.io/?EIO=4&transport=websocket");
    let mut socket = within(switchboard::ws::connect(&url).into_future()).await.unwrap();
    within(socket.recv()).await.unwrap();
    assert_eq!(within(socket.recv()).await.unwrap(), Some("4raw".into()));
}
