//! Handlers: order, arguments, acks, and what happens when one fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchboard::{
    Ack, AckError, Args, Auth, Binary, ConnectError, Data, EventName, Handshake, Server, Socket,
    State, TryData,
};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, Message, start, within};

#[tokio::test]
async fn events_are_handled_in_order_also_when_handlers_wait() {
    let io = Server::builder().build();
    io.of("/").on("n", async |socket: Socket, Data(n): Data<u64>| {
        // Odd ones wait: if events ran side by side, even ones would overtake them.
        if n % 2 == 1 {
            tokio::task::yield_now().await;
        }
        socket.emit("n", &n).unwrap();
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let count = 5_000;
    client.send_all((0..count).map(|n| format!(r#"42["n",{n}]"#))).await;
    for n in 0..count {
        assert_eq!(client.text().await, format!(r#"42["n",{n}]"#));
    }
}

#[tokio::test]
async fn events_wait_for_the_connection_handler() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    io.on("connection", async move |socket: Socket| {
        socket.emit("connecting", ()).unwrap();
        opened.notified().await;
        socket.emit("connected", ()).unwrap();
    });
    io.of("/").on("hello", async |socket: Socket| socket.emit("hello", ()).unwrap());
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40").await;
    assert!(client.text().await.starts_with("40{"));
    client.send(r#"42["hello"]"#).await;
    assert_eq!(client.text().await, r#"42["connecting"]"#);
    gate.notify_one();
    assert_eq!(client.text().await, r#"42["connected"]"#);
    assert_eq!(client.text().await, r#"42["hello"]"#);
}

#[tokio::test]
async fn clients_cannot_reach_lifecycle_handlers() {
    let io = Server::builder().build();
    let connections = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&connections);
    io.on("connection", async move |socket: Socket| {
        counter.fetch_add(1, Ordering::SeqCst);
        socket.on("connection", async |socket: Socket| socket.emit("own", ()).unwrap());
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["connection"]"#).await;
    assert_eq!(client.text().await, r#"42["own"]"#);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn every_extractor_gives_what_it_promises() {
    #[derive(Clone)]
    struct Greeting(&'static str);
    let io = Server::builder().state(Greeting("hi")).build();
    io.on("connection", async |Auth(auth): Auth<serde_json::Value>, socket: Socket| {
        socket.emit("auth", &auth).unwrap();
    });
    io.of("/").on(
        "all",
        async |socket: Socket,
               EventName(name): EventName,
               Args((a, b)): Args<(u64, String)>,
               TryData(wrong): TryData<String>,
               State(greeting): State<Greeting>,
               handshake: Arc<Handshake>,
               ack: Ack| {
            assert!(wrong.is_err() && ack.is_wanted());
            assert_eq!(handshake.query("EIO").as_deref(), Some("4"));
            assert_eq!(handshake.header("upgrade"), Some("websocket"));
            assert!(handshake.address().is_some());
            assert_eq!(socket.handshake().uri(), handshake.uri());
            ack.send((&name, a, b, greeting.0)).unwrap();
        },
    );
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.join(r#"40{"token":"x"}"#).await;
    assert_eq!(client.text().await, r#"42["auth",{"token":"x"}]"#);
    client.send(r#"427["all",1,"two"]"#).await;
    assert_eq!(client.text().await, r#"437["all",1,"two","hi"]"#);
}

#[tokio::test]
async fn an_argument_that_does_not_decode_answers_the_ack() {
    let io = Server::builder().build();
    io.of("/").on("add", async |Data(n): Data<u64>, ack: Ack| ack.send(&(n + 1)).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"421["add","two"]"#, r#"422["add",2]"#]).await;
    let refusal = client.text().await;
    assert!(refusal.starts_with(r#"431[{"error":"could not read the arguments: "#), "{refusal}");
    assert_eq!(client.text().await, "432[3]");
}

#[tokio::test]
async fn binary_arguments_travel_both_ways() {
    let io = Server::builder().build();
    io.of("/").on("flip", async |Data(mut it): Data<(String, Binary)>, ack: Ack| {
        let flipped: Vec<u8> = it.1.0.iter().rev().copied().collect();
        it.1 = Binary(flipped.into());
        ack.send(&it).unwrap();
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"451-9["flip",["x",{"_placeholder":true,"num":0}]]"#).await;
    client.send_binary(&[1, 2, 3]).await;
    assert_eq!(client.text().await, r#"461-9[["x",{"_placeholder":true,"num":0}]]"#);
    assert_eq!(client.receive().await, Message::Binary(vec![3, 2, 1]));
}

#[tokio::test]
async fn acks_are_awaited_and_overtake_a_busy_handler() {
    let io = Server::builder().build();
    io.of("/").on("ask", async |socket: Socket| {
        let answer: Result<String, _> = socket.emit_with_ack("question", &1).await;
        socket.emit("answer", &answer.unwrap()).unwrap();
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["ask"]"#).await;
    let question = client.text().await;
    let id: u64 = question["42".len()..question.find('[').unwrap()].parse().unwrap();
    // An event in front of the ack: it waits for the handler, which waits for the ack.
    client.send_all([r#"42["other"]"#.to_owned(), format!(r#"43{id}["yes"]"#)]).await;
    assert_eq!(client.text().await, r#"42["answer","yes"]"#);
}

#[tokio::test]
async fn acks_end_by_timeout_or_disconnect() {
    let io = Server::builder().build();
    let (results, mut result) = mpsc::channel(2);
    io.on("connection", async move |socket: Socket| {
        let short = socket.emit_with_ack::<()>("never", ());
        results.send(short.timeout(Duration::from_millis(1)).await).await.unwrap();
        let long = socket.emit_with_ack::<()>("never", ());
        results.send(long.await).await.unwrap();
    });
    let server = start(&io).await;
    let (client, _) = Client::connect(&server).await;
    assert!(matches!(within(result.recv()).await, Some(Err(AckError::Timeout))));
    drop(client);
    assert!(matches!(within(result.recv()).await, Some(Err(AckError::Disconnected))));
}

#[tokio::test]
async fn a_panic_costs_its_own_connection_only() {
    let io = Server::builder().build();
    let (ends, mut end) = mpsc::channel(1);
    io.of("/").on("boom", async || panic!("as the test demands"));
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    io.of("/").on("disconnect", async move |socket: Socket| ends.send(socket.id()).await.unwrap());
    let server = start(&io).await;
    let (mut one, id) = Client::connect(&server).await;
    let (mut other, _) = Client::connect(&server).await;
    one.send(r#"42["boom"]"#).await;
    assert_eq!(one.close_code().await, Some(1011));
    assert_eq!(within(end.recv()).await.unwrap().as_str(), id);
    other.send(r#"42["echo"]"#).await;
    assert_eq!(other.text().await, r#"42["echo"]"#);
}

#[tokio::test]
async fn middleware_refuses_with_data_and_others_pass() {
    let io = Server::builder().build();
    io.of("/admin").middleware(async |Auth(auth): Auth<serde_json::Value>| {
        tokio::task::yield_now().await;
        match auth["key"].as_str() {
            Some("right") => Ok(()),
            _ => Err(ConnectError::new("unauthorized").data(&serde_json::json!({"status": 401}))),
        }
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40/admin,").await;
    let refusal = r#"44/admin,{"message":"unauthorized","data":{"status":401}}"#;
    assert_eq!(client.text().await, refusal);
    client.send("40/nowhere,").await;
    assert_eq!(client.text().await, r#"44/nowhere,{"message":"Invalid namespace"}"#);
    client.send(r#"40/admin,{"key":"right"}"#).await;
    assert!(client.text().await.starts_with(r#"40/admin,{"sid":"#));
}

#[tokio::test]
async fn several_handlers_of_an_event_run_one_after_the_other() {
    let io = Server::builder().build();
    let log = Arc::new(Mutex::new(Vec::new()));
    for name in ["first", "second"] {
        let log = Arc::clone(&log);
        io.of("/").on("go", async move |socket: Socket| {
            tokio::task::yield_now().await;
            log.lock().unwrap().push(name);
            socket.emit("done", name).unwrap();
        });
    }
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["go"]"#).await;
    assert_eq!(client.text().await, r#"42["done","first"]"#);
    assert_eq!(client.text().await, r#"42["done","second"]"#);
    assert_eq!(*log.lock().unwrap(), ["first", "second"]);
}

#[tokio::test]
async fn the_session_id_is_not_the_socket_id() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (client, id) = Client::connect(&server).await;
    assert_eq!((client.sid.len(), id.len()), (20, 20));
    assert_ne!(client.sid, id);
}
