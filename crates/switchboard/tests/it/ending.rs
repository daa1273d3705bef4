//! Ends of connections: reasons, clean-up, and what still runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use switchboard::{DisconnectReason, Server, Socket};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, Message, start, until, within};

/// A server that tells why sockets end.
fn reasons_server() -> (Server, mpsc::UnboundedReceiver<&'static str>) {
    let io = Server::builder().build();
    let (reasons, reason) = mpsc::unbounded_channel();
    for namespace in ["/", "/x"] {
        let reasons = reasons.clone();
        io.of(namespace).on("disconnect", async move |why: DisconnectReason| {
            reasons.send(why.as_str()).unwrap();
        });
    }
    (io, reason)
}

#[tokio::test]
async fn every_end_has_its_official_reason() {
    let (io, mut reason) = reasons_server();
    let server = start(&io).await;

    let (mut client, _) = Client::connect(&server).await;
    client.send("41").await;
    assert_eq!(within(reason.recv()).await, Some("client namespace disconnect"));
    drop(client);

    let (client, _) = Client::connect(&server).await;
    drop(client);
    assert_eq!(within(reason.recv()).await, Some("transport close"));

    let (mut client, _) = Client::connect(&server).await;
    client.send("1").await;
    assert_eq!(client.close_code().await, Some(1000));
    assert_eq!(within(reason.recv()).await, Some("transport close"));
    drop(client);

    let (mut client, id) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    socket.emit("last", ()).unwrap();
    socket.disconnect();
    assert!(!socket.is_connected());
    assert_eq!(client.text().await, r#"42["last"]"#);
    assert_eq!(client.text().await, "41");
    assert_eq!(within(reason.recv()).await, Some("server namespace disconnect"));
    // A packet that crossed the disconnect does not cost the connection.
    client.send_all([r#"42["late"]"#, "40/x,"]).await;
    assert!(client.text().await.starts_with("40/x,"));

    let socket = io.of("/x").sockets().remove(0);
    socket.emit("last", ()).unwrap();
    socket.close();
    assert_eq!(client.text().await, r#"42/x,["last"]"#);
    assert_eq!(client.text().await, "41/x,");
    assert_eq!(client.receive().await, Message::Closed(Some(1000)));
    drop(client);
    assert_eq!(within(reason.recv()).await, Some("server namespace disconnect"));

    let (mut client, _) = Client::connect(&server).await;
    client.send("9").await;
    assert_eq!(client.close_code().await, Some(1002));
    assert_eq!(within(reason.recv()).await, Some("parse error"));
    drop(client);

    let (mut client, _) = Client::connect(&server).await;
    let closing = async {
        let code = client.close_code().await;
        drop(client);
        code
    };
    let (code, ()) = tokio::join!(closing, server.stop());
    assert_eq!(code, Some(1012));
    assert_eq!(within(reason.recv()).await, Some("server shutting down"));
}

/// How a client ends that never answers a ping.
async fn end_of_a_silent_client(interval: Duration) -> Option<&'static str> {
    let io = Server::builder().ping_interval(interval).ping_timeout(interval).build();
    let (reasons, mut reason) = mpsc::channel(1);
    io.of("/").on("disconnect", async move |why: DisconnectReason| {
        reasons.send(why.as_str()).await.unwrap();
    });
    let server = start(&io).await;
    let (_client, _) = Client::connect(&server).await;
    // At once, and not when the peer's close frame has been waited for.
    let prompt = interval * 3 + Duration::from_secs(3);
    tokio::time::timeout(prompt, reason.recv()).await.expect("the handler was called too late")
}

#[tokio::test]
async fn a_silent_client_is_dropped_by_an_exact_timer() {
    let interval = Duration::from_millis(20);
    assert_eq!(end_of_a_silent_client(interval).await, Some("ping timeout"));
}

#[tokio::test]
async fn a_silent_client_is_dropped_by_the_wheel() {
    let interval = Duration::from_millis(1_100);
    assert_eq!(end_of_a_silent_client(interval).await, Some("ping timeout"));
}

#[tokio::test]
async fn a_client_that_joins_nothing_is_closed() {
    let io = Server::builder().connect_timeout(Duration::from_millis(20)).build();
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    assert_eq!(client.close_code().await, Some(1008));
    until(|| io.clients_count() == 0).await;
}

#[tokio::test]
async fn a_running_handler_goes_on_and_the_disconnect_runs_beside_it() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let (steps, mut step) = mpsc::unbounded_channel();
    let (open, begun) = (Arc::clone(&gate), steps.clone());
    io.of("/").on("work", async move |_: Socket| {
        begun.send("begun").unwrap();
        open.notified().await;
        begun.send("finished").unwrap();
    });
    let queued = steps.clone();
    io.of("/").on("queued", async move || queued.send("queued").unwrap());
    io.of("/").on("disconnect", async move || steps.send("disconnected").unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"42["work"]"#, r#"42["queued"]"#]).await;
    assert_eq!(within(step.recv()).await, Some("begun"));
    drop(client);
    assert_eq!(within(step.recv()).await, Some("disconnected"));
    assert_eq!(io.of("/").sockets_count(), 0);
    gate.notify_one();
    assert_eq!(within(step.recv()).await, Some("finished"));
    assert_eq!(within(step.recv()).await, Some("queued"));
}

#[tokio::test]
async fn bad_packets_close_their_connection_with_the_right_code() {
    let (io, _reasons) = reasons_server();
    io.of("/").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    let deep = format!(r#"42["x",{}1{}]"#, "[".repeat(5_000), "]".repeat(5_000));
    for (packet, code) in [
        ("40", 1002),
        (r#"42/x,["not joined"]"#, 1002),
        (r#"42["connect"]"#, 1002),
        (r#"42[{"toString":"foo"}]"#, 1002),
        ("42{}", 1002),
        ("42[", 1002),
        ("49", 1002),
        ("2", 1002),
        ("", 1002),
        (r#"450-["e"]"#, 1002),
        (r#"4511-["e"]"#, 1008),
        (&deep, 1008),
    ] {
        let (mut client, _) = Client::connect(&server).await;
        client.send(packet).await;
        let start: String = packet.chars().take(30).collect();
        assert_eq!(client.close_code().await, Some(code), "{start}");
        healthy.send(r#"42["echo"]"#).await;
        assert_eq!(healthy.text().await, r#"42["echo"]"#, "{start}");
    }
    let (mut client, _) = Client::connect(&server).await;
    client.send_binary(b"stray").await;
    assert_eq!(client.receive().await, Message::Closed(Some(1002)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_put_out_may_come_back_at_once() {
    let io = Server::builder().rooms_per_socket_max(5_000).build();
    io.on("connection", async |socket: Socket| {
        // It takes a while to leave them all.
        socket.join((0..5_000).map(|n| n.to_string()).collect::<Vec<_>>()).unwrap();
        socket.emit("joined", ()).unwrap();
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    for _ in 0..20 {
        let id = client.join("40").await;
        assert_eq!(client.text().await, r#"42["joined"]"#);
        let socket = io.of("/").socket(&id).unwrap();
        let putting_out = tokio::task::spawn_blocking(move || socket.disconnect());
        assert_eq!(client.text().await, "41");
        client.send("40").await;
        let connected = client.text().await;
        assert!(connected.starts_with("40{"), "{connected}");
        assert_eq!(client.text().await, r#"42["joined"]"#);
        client.send("41").await;
        within(putting_out).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_can_be_put_out_as_soon_as_it_can_be_found() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (found, stop) = (io.clone(), Arc::clone(&is_over));
    let putting_out = std::thread::spawn(move || {
        let mut seen = HashSet::new();
        while !stop.load(Ordering::Relaxed) {
            found.sockets().iter().filter(|it| seen.insert(it.id())).for_each(Socket::disconnect);
        }
    });
    let mut client = Client::open(&server).await;
    for _ in 0..1_000 {
        client.join("40").await;
        assert_eq!(client.text().await, "41");
    }
    is_over.store(true, Ordering::Relaxed);
    putting_out.join().unwrap();
    assert_eq!(io.sockets_count(), 0);
}

#[tokio::test]
async fn a_connection_remembers_a_limited_number_of_namespaces_that_it_was_put_out_of() {
    let io = Server::builder().build();
    let family = io.of_fn(async |name, _auth| name.starts_with("/x"));
    family.on("connection", async |socket: Socket| socket.disconnect());
    io.on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    for n in 0..200 {
        client.join(&format!("40/x{n},")).await;
        assert_eq!(client.text().await, format!("41/x{n},"));
    }
    // The latest are what may cross a packet on its way.
    client.send_all([r#"42/x199,["late"]"#, r#"42/x150,["late"]"#, r#"42["echo"]"#]).await;
    assert_eq!(client.text().await, r#"42["echo"]"#);
    client.send(r#"42/x0,["late"]"#).await;
    assert_eq!(client.close_code().await, Some(1002));
}
