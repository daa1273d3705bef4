//! Backpressure: slow handlers, slow consumers, and everybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use switchboard::{Data, Server, Socket};
use tokio::sync::Notify;

use crate::client::{Client, Message, start, until, within};

#[tokio::test]
async fn a_producer_that_waits_for_ready_loses_nothing() {
    let io = Server::builder().build();
    io.of("/").on("flood", async |socket: Socket, Data(count): Data<u64>| {
        for n in 0..count {
            socket.ready().await;
            socket.emit("n", &n).unwrap();
        }
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["flood",100000]"#).await;
    for n in 0..100_000 {
        assert_eq!(client.text().await, format!(r#"42["n",{n}]"#));
    }
}

#[tokio::test]
async fn a_consumer_that_never_reads_is_closed_at_the_hard_bound() {
    let io = Server::builder().build();
    let reason = Arc::new(std::sync::Mutex::new(None));
    let seen = Arc::clone(&reason);
    io.of("/").on("disconnect", async move |why: switchboard::DisconnectReason| {
        seen.lock().unwrap().get_or_insert(why.as_str());
    });
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let mut slow = Client::open_narrow(&server).await;
    let id = slow.join("40").await;
    let (mut other, _) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    let text = "x".repeat(100_000);
    let mut emitted = 0;
    while socket.is_connected() {
        socket.emit("text", &text).unwrap();
        emitted += text.len();
        assert!(emitted < 64_000_000, "the bound is 16 MiB");
        tokio::task::yield_now().await;
    }
    assert!(15_000_000 < emitted, "closed too early: {emitted}");
    until(|| reason.lock().unwrap().is_some()).await;
    assert_eq!(*reason.lock().unwrap(), Some("forced close"));
    other.send(r#"42["echo"]"#).await;
    assert_eq!(other.text().await, r#"42["echo"]"#);
}

#[tokio::test]
async fn a_slow_handler_slows_its_own_sender_and_no_other() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let is_open = Arc::new(AtomicBool::new(false));
    let handled = Arc::new(AtomicU64::new(0));
    let (wait, open, count) = (Arc::clone(&gate), Arc::clone(&is_open), Arc::clone(&handled));
    io.of("/").on("slow", async move |_: Socket, Data(_): Data<String>| {
        while !open.load(Ordering::SeqCst) {
            wait.notified().await;
        }
        count.fetch_add(1, Ordering::SeqCst);
    });
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let (mut sender, _) = Client::connect(&server).await;
    let (mut other, _) = Client::connect(&server).await;

    // Far more than the socket's queue and the kernel's buffers take.
    let event = format!(r#"42["slow","{}"]"#, "x".repeat(100_000));
    let total = 400;
    let sent = Arc::new(AtomicU64::new(0));
    let progress = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for _ in 0..total {
            sender.send(&event).await;
            progress.fetch_add(1, Ordering::SeqCst);
        }
        sender
    });
    // The sender is stuck once two looks in a row, a round trip of another client apart, agree.
    let mut before = u64::MAX;
    let mut same = 0;
    while same < 20 {
        other.send(r#"42["echo"]"#).await;
        assert_eq!(other.text().await, r#"42["echo"]"#);
        let now = sent.load(Ordering::SeqCst);
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    assert!(before < total, "the sender was never slowed");
    is_open.store(true, Ordering::SeqCst);
    gate.notify_one();
    let sender = within(sending).await.unwrap();
    until(|| handled.load(Ordering::SeqCst) == total).await;
    drop(sender);
}

#[tokio::test]
async fn one_message_always_fits_an_empty_queue() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let text = "y".repeat(20_000_000);
    io.emit("big", &text).unwrap();
    match client.receive().await {
        Message::Text(packet) => assert_eq!(packet.len(), text.len() + r#"42["big",""]"#.len()),
        other => panic!("{other:?}"),
    }
}
