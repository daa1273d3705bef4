//! What is promised about backpressure, in both directions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use switchboard::{DisconnectReason, Server, Socket};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, start, until, within};

#[tokio::test]
async fn a_loop_of_emits_arrives_whole_below_the_hard_bound() {
    // Some 25 MB, all of which wait before the client can read: the default bound is 16 MiB.
    let io = Server::builder().outgoing_bytes(1 << 20, 64 << 20).build();
    let padding = "x".repeat(230);
    let text = padding.clone();
    io.of("/").on("flood", async move |socket: Socket| {
        for n in 0..100_000_u32 {
            socket.emit("n", (n, &text)).unwrap();
        }
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["flood"]"#).await;
    for n in 0..100_000 {
        let packet = client.text().await;
        assert!(packet.starts_with(&format!(r#"42["n",{n},"#)), "{}", &packet[..20]);
        assert_eq!(packet.len(), format!(r#"42["n",{n},""]"#).len() + padding.len());
    }
}

#[tokio::test]
async fn a_server_may_choose_its_bounds() {
    let io = Server::builder().outgoing_bytes(10_000, 100_000).build();
    let (reasons, mut reason) = mpsc::unbounded_channel();
    io.of("/").on("disconnect", async move |why: DisconnectReason| reasons.send(why).unwrap());
    let server = start(&io).await;
    let (mut client, id) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    // One message finds room whatever its size, and makes the next one wait.
    socket.emit("big", &"x".repeat(150_000)).unwrap();
    {
        let mut ready = std::pin::pin!(socket.ready());
        let waits = is_pending(&mut ready).await;
        assert!(waits, "150 kB are above the soft bound");
        assert_eq!(client.text().await.len(), r#"42["big",""]"#.len() + 150_000);
        within(ready).await;
    }
    // Nothing leaves before this task waits for something.
    socket.emit("big", &"x".repeat(90_000)).unwrap();
    assert!(socket.is_connected());
    socket.emit("big", &"x".repeat(20_000)).unwrap();
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ForcedClose));
}

/// Whether a future is not ready at its first look.
async fn is_pending(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
    })
    .await
}

#[tokio::test]
async fn a_consumer_that_stalls_above_the_soft_bound_is_closed() {
    let io = Server::builder().build();
    let (reasons, mut reason) = mpsc::unbounded_channel();
    io.of("/").on("disconnect", async move |why: DisconnectReason| reasons.send(why).unwrap());
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let mut stalled = Client::open_narrow(&server).await;
    let id = stalled.join("40").await;
    let (mut other, _) = Client::connect(&server).await;
    // Far below the hard bound, far above what the kernel takes.
    io.of("/").socket(&id).unwrap().emit("big", &"x".repeat(12_000_000)).unwrap();
    assert_eq!(within(reason.recv()).await, Some(DisconnectReason::ForcedClose));
    other.send(r#"42["echo"]"#).await;
    assert_eq!(other.text().await, r#"42["echo"]"#);
    drop(stalled);
}

#[tokio::test]
async fn a_consumer_that_reads_slowly_is_not_closed() {
    let io = Server::builder().outgoing_bytes(1 << 20, 64 << 20).build();
    let (reasons, mut reason) = mpsc::unbounded_channel();
    io.of("/").on("disconnect", async move |why: DisconnectReason| reasons.send(why).unwrap());
    let server = start(&io).await;
    let (mut slow, id) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    let text = "x".repeat(1_000_000);
    for _ in 0..32 {
        socket.emit("text", &text).unwrap();
    }
    // Longer than a stall may last. What is read at once is more than the kernel needs to call it
    // progress, and much less than waits.
    for _ in 0..6 {
        let a_second = Duration::from_secs(1);
        assert!(tokio::time::timeout(a_second, reason.recv()).await.is_err());
        for _ in 0..3 {
            slow.text().await;
        }
    }
    assert!(socket.is_connected());
}

#[tokio::test]
async fn a_sender_that_is_slowed_is_not_timed_out() {
    let interval = Duration::from_millis(100);
    let timeout = Duration::from_secs(3);
    let io = Server::builder().ping_interval(interval).ping_timeout(timeout).build();
    let gate = Arc::new(Notify::new());
    let handled = Arc::new(AtomicU64::new(0));
    let (wait, count) = (Arc::clone(&gate), Arc::clone(&handled));
    io.of("/").on("slow", async move |_: Socket| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            wait.notified().await;
        }
    });
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let (mut sender, id) = Client::connect(&server).await;
    let (mut other, _) = Client::connect(&server).await;
    sender.send_all((0..300).map(|_| r#"42["slow"]"#)).await;
    until(|| handled.load(Ordering::SeqCst) == 1).await;
    // Longer than silence may last. The other client answers its pings meanwhile, this one cannot.
    let silence = interval + timeout + Duration::from_secs(2);
    let heard = tokio::time::timeout(silence, other.receive()).await;
    assert!(heard.is_err(), "{heard:?}");
    assert!(io.of("/").socket(&id).is_some_and(|it| it.is_connected()));
    gate.notify_one();
    sender.send(r#"42["echo"]"#).await;
    assert_eq!(sender.text().await, r#"42["echo"]"#);
    assert_eq!(handled.load(Ordering::SeqCst), 300);
}

#[tokio::test]
async fn reading_stops_when_256_events_wait_and_not_before() {
    for (waiting, is_read) in [(200, true), (300, false)] {
        let io = Server::builder().build();
        let gate = Arc::new(Notify::new());
        let wait = Arc::clone(&gate);
        io.of("/").on("first", async move |_: Socket| wait.notified().await);
        let (seen, mut was_seen) = mpsc::unbounded_channel();
        io.of("/other").on("beside", async move || seen.send(()).unwrap());
        io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
        let server = start(&io).await;
        let (mut client, _) = Client::connect(&server).await;
        client.join("40/other,").await;
        let (mut other, _) = Client::connect(&server).await;
        let events = (0..waiting).map(|n| format!(r#"42["n",{n}]"#));
        client.send_all([r#"42["first"]"#.to_owned()].into_iter().chain(events)).await;
        // In a read of its own, so that what came before was looked at.
        for _ in 0..20 {
            other.send(r#"42["echo"]"#).await;
            assert_eq!(other.text().await, r#"42["echo"]"#);
        }
        client.send(r#"42/other,["beside"]"#).await;
        for _ in 0..20 {
            other.send(r#"42["echo"]"#).await;
            assert_eq!(other.text().await, r#"42["echo"]"#);
        }
        if is_read {
            within(was_seen.recv()).await.unwrap();
        } else {
            assert!(was_seen.try_recv().is_err(), "it was read past {waiting} waiting events");
        }
        gate.notify_one();
        if !is_read {
            within(was_seen.recv()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_fast_producer_waits_for_its_own_client_and_no_other() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let mut stuck = Client::open_narrow(&server).await;
    let stuck_id = stuck.join("40").await;
    let (mut other, other_id) = Client::connect(&server).await;
    let socket = |id: &str| io.of("/").socket(id).unwrap();
    socket(&stuck_id).emit("big", &"x".repeat(12_000_000)).unwrap();
    let stuck_socket = socket(&stuck_id);
    let mut ready = std::pin::pin!(stuck_socket.ready());
    assert!(is_pending(&mut ready).await);
    within(socket(&other_id).ready()).await;
    socket(&other_id).emit("small", ()).unwrap();
    assert_eq!(other.text().await, r#"42["small"]"#);
    assert!(is_pending(&mut ready).await);
    stuck.text().await;
    within(ready).await;
}
