//! Hostile Socket.IO packets: rows S of the threat list that need a whole server. The others are in
//! `switchboard-sio/tests/it/threats.rs` and `e2e/raw/packets.test.mjs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use switchboard::{AckError, Data, EventName, Server, Socket};

use serde_json::value::RawValue;

use crate::client::{Client, start, until};

fn echo() -> Server {
    let io = Server::builder().build();
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    io
}

/// A client that was there before still gets its answers.
async fn is_well(client: &mut Client) {
    client.send(r#"42["echo"]"#).await;
    assert_eq!(client.text().await, r#"42["echo"]"#);
}

#[tokio::test]
async fn s2_an_event_named_error_is_delivered_like_any_other() {
    let io = echo();
    // On the namespace `error` is the lifecycle, which no packet reaches.
    io.of("/").on("error", async |socket: Socket| socket.emit("lifecycle", ()).unwrap());
    io.of("/").on_any(
        async |socket: Socket, EventName(name): EventName, Data(text): Data<String>| {
            if name == "error" {
                socket.emit("heard", &text).unwrap();
            }
        },
    );
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["error","x"]"#).await;
    assert_eq!(client.text().await, r#"42["heard","x"]"#);
    is_well(&mut client).await;
}

#[tokio::test]
async fn s5_attachments_that_do_not_come_are_waited_for_10_s() {
    let io = echo();
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#).await;
    client.send_binary(b"one of two").await;
    let begun = std::time::Instant::now();
    assert_eq!(client.close_code().await, Some(1008));
    assert!(Duration::from_secs(9) < begun.elapsed(), "they have 10 s");
    until(|| io.clients_count() == 1).await;
    is_well(&mut healthy).await;
}

#[tokio::test]
async fn s10_acks_that_never_come_are_limited_and_leave_nothing() {
    let io = echo();
    let server = start(&io).await;
    let (mut client, id) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    // Nobody reads meanwhile, so this must fit into what may wait for a client.
    let asked: Vec<_> = (0..10_000).map(|_| socket.emit_with_ack::<()>("q", ())).collect();
    let one_more = socket.emit_with_ack::<()>("q", ()).await;
    assert!(matches!(one_more, Err(AckError::TooManyPending)), "{one_more:?}");
    drop(asked);
    // Each timeout gives its place back, or this would come to the limit again.
    for _ in 0..3 {
        let asked = (0..5_000).map(|_| {
            let asked = socket.emit_with_ack::<()>("q", ());
            tokio::spawn(asked.timeout(Duration::from_millis(1)).into_future())
        });
        for answer in asked.collect::<Vec<_>>() {
            assert!(matches!(answer.await.unwrap(), Err(AckError::Timeout)));
        }
    }
    for _ in 0..25_000 {
        assert!(client.text().await.ends_with(r#"["q"]"#));
    }
    is_well(&mut client).await;
}

#[tokio::test]
async fn s11_acks_that_nobody_waits_for_are_ignored() {
    let server = start(&echo()).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all((0..1_000).map(|n| format!("43{n}[]"))).await;
    is_well(&mut client).await;
}

#[tokio::test]
async fn s12_a_connection_may_join_100_namespaces() {
    let io = echo();
    for n in 0..101 {
        io.of(format!("/n{n}"));
    }
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    let mut client = Client::open(&server).await;
    for n in 0..100 {
        client.send(&format!("40/n{n},")).await;
        assert!(client.text().await.starts_with(&format!("40/n{n},{{")));
    }
    client.send("40/n100,").await;
    assert_eq!(client.close_code().await, Some(1008));
    until(|| io.clients_count() == 1).await;
    assert!((0..101).all(|n| io.of(format!("/n{n}")).sockets_count() == 0));
    is_well(&mut healthy).await;
}

#[tokio::test]
async fn s12_a_flood_of_unknown_namespaces_leaves_nothing_behind() {
    let server = start(&echo()).await;
    let (mut client, _) = Client::connect(&server).await;
    for n in 0..2_000 {
        client.send(&format!("40/x{n},")).await;
        let refused = format!(r#"44/x{n},{{"message":"Invalid namespace"}}"#);
        assert_eq!(client.text().await, refused);
    }
    is_well(&mut client).await;
}

#[tokio::test]
async fn s14_a_payload_that_is_too_deep_reaches_nobody() {
    let io = echo();
    io.of("/").on("relay", async |socket: Socket, Data(it): Data<serde_json::Value>| {
        socket.broadcast().emit("relay", &it).unwrap();
    });
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    for depth in [128, 5_000, 200_000] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        for packet in [format!(r#"42["relay",{deep}]"#), format!(r#"430[{deep}]"#)] {
            let (mut client, _) = Client::connect(&server).await;
            client.send(&packet).await;
            assert_eq!(client.close_code().await, Some(1008), "{depth}");
        }
        let mut client = Client::open(&server).await;
        client.send(&format!(r#"40{{"a":{deep}}}"#)).await;
        assert_eq!(client.close_code().await, Some(1008), "{depth}");
        is_well(&mut healthy).await;
    }
}

#[tokio::test]
async fn s15_a_relay_changes_no_byte_of_odd_json() {
    let io = echo();
    io.of("/").on("relay", async |socket: Socket, Data(it): Data<Box<RawValue>>| {
        socket.broadcast().emit("relay", &it).unwrap();
    });
    let server = start(&io).await;
    let (mut sender, _) = Client::connect(&server).await;
    let (mut peer, _) = Client::connect(&server).await;
    for odd in [r#"{"a":1,"a":2}"#, "1e999", "-0", r#""\ud83d\ude00""#, r#""\u0000""#, "[ 1 , 2 ]"]
    {
        sender.send(&format!(r#"42["relay",{odd}]"#)).await;
        assert_eq!(peer.text().await, format!(r#"42["relay",{odd}]"#));
    }
}

#[tokio::test]
async fn s18_a_flood_of_events_delays_nobody_for_long() {
    let io = echo();
    let handled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&handled);
    io.of("/").on("n", async move |_: Socket, Data(_): Data<u64>| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let server = start(&io).await;
    let (mut flooding, _) = Client::connect(&server).await;
    let (mut healthy, _) = Client::connect(&server).await;
    let total = 400_000;
    let flood = tokio::spawn(async move {
        for _ in 0..total / 10_000 {
            flooding.send_all((0..10_000).map(|n| format!(r#"42["n",{n}]"#))).await;
        }
        flooding
    });
    // A turn handles what four reads bring, some 15,000 of these; an answer takes a few turns.
    let (mut before, mut most) = (0, 0);
    while before < total {
        is_well(&mut healthy).await;
        let now = handled.load(Ordering::SeqCst);
        most = u64::max(most, now - before);
        before = now;
    }
    assert!(most < 100_000, "{most} events were handled between two answers");
    is_well(&mut flood.await.unwrap()).await;
}
