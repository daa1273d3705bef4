//! Who may recover, and when a client begins anew instead.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::{Auth, ConnectError, DisconnectReason, Recovery, Server, Socket};
use tokio::sync::mpsc;

use crate::client::{Client, field, start, until, within};
use crate::recovery::{Gone, Recovering, recovering_server, server_with, settled};

#[tokio::test]
async fn a_client_without_a_known_pid_and_offset_begins_anew() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let gone = client.cut(&io).await;
    let offset = gone.offset.clone().unwrap();
    for auth in [
        json!({}),
        json!({ "pid": "AAAAAAAAAAAAAAAAAAAA", "offset": offset }),
        json!({ "pid": "short", "offset": offset }),
        json!({ "pid": 7, "offset": offset }),
        json!({ "pid": gone.id, "offset": offset }),
        json!({ "pid": gone.pid, "offset": "unknown" }),
        json!({ "pid": gone.pid, "offset": 5 }),
        json!({ "pid": gone.pid }),
    ] {
        let (client, replayed, is_recovered) = gone.back_with(&server, &auth).await;
        assert!(!is_recovered && replayed.is_empty(), "{auth}");
        assert!(!io.of("/").socket(&client.id).unwrap().recovered());
    }
    // None of them has taken it from its owner.
    assert!(gone.back(&server).await.2);
}

#[tokio::test]
async fn a_state_is_given_to_one_client_only() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let gone = client.cut(&io).await;
    let (first, _, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    // Who knows the secret is the same client, back once more.
    let (second, _, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!((first.id, first.pid), (second.id, second.pid));
    assert_eq!(io.of("/").sockets_count(), 1);
}

#[tokio::test]
async fn a_client_that_has_got_nothing_yet_recovers_without_an_offset() {
    let io = recovering_server();
    let server = start(&io).await;
    let client = Recovering::connect(&server).await;
    let gone = client.cut(&io).await;
    io.emit("missed", ()).unwrap();
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(replayed, [json!(["missed"])]);
}

#[tokio::test]
async fn only_official_reasons_leave_a_state_behind() {
    let io = recovering_server();
    let server = start(&io).await;

    let (mut client, socket) = settled(&io, &server).await;
    client.client.send("41").await;
    until(|| !socket.is_connected()).await;
    assert!(!client.cut_now().back(&server).await.2, "client namespace disconnect");

    let (client, socket) = settled(&io, &server).await;
    socket.disconnect();
    assert!(!client.cut_now().back(&server).await.2, "server namespace disconnect");

    let (client, socket) = settled(&io, &server).await;
    socket.close();
    until(|| !socket.is_connected()).await;
    assert!(!client.cut_now().back(&server).await.2, "forced by the server");

    let (mut client, socket) = settled(&io, &server).await;
    client.client.send("9").await;
    until(|| !socket.is_connected()).await;
    assert!(!client.cut_now().back(&server).await.2, "parse error");

    let (mut client, _) = settled(&io, &server).await;
    client.client.send("1").await;
    let (client, replayed, is_recovered) = client.cut(&io).await.back(&server).await;
    assert!(is_recovered && replayed.is_empty(), "transport close");
    drop(client);

    let (mut client, socket) = settled(&io, &server).await;
    client.client.send("40").await;
    until(|| !socket.is_connected()).await;
    assert!(client.cut_now().back(&server).await.2, "forced close");
}

#[tokio::test]
async fn a_client_that_is_put_out_while_it_is_away_begins_anew() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    let gone = client.cut(&io).await;
    socket.disconnect();
    assert!(!gone.back(&server).await.2);
}

#[tokio::test]
async fn a_silent_client_may_come_back() {
    // Long enough for the client that comes back to do so between two pings.
    let interval = Duration::from_secs(1);
    let builder = Server::builder().ping_interval(interval).ping_timeout(interval);
    let io = builder.recovery(Recovery::default()).build();
    let (reasons, mut reason) = mpsc::unbounded_channel();
    io.on("disconnect", async move |why: DisconnectReason| reasons.send(why.as_str()).unwrap());
    let server = start(&io).await;
    let client = Recovering::connect(&server).await;
    assert_eq!(within(reason.recv()).await, Some("ping timeout"));
    let gone = client.cut_now();
    io.emit("missed", ()).unwrap();
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(replayed, [json!(["missed"])]);
}

#[tokio::test]
async fn one_packet_too_many_and_the_client_begins_anew() {
    for recovery in [Recovery::default().packets_max(10), Recovery::default().bytes_max(10_000)] {
        let io = server_with(recovery);
        let server = start(&io).await;
        let (client, socket) = settled(&io, &server).await;
        let (other, _) = settled(&io, &server).await;
        let (gone, other) = (client.cut(&io).await, other.cut(&io).await);
        let text = "x".repeat(300);
        for n in 0..10 {
            io.emit("n", (n, &text)).unwrap();
        }
        let (_client, replayed, is_recovered) = other.back(&server).await;
        assert!(is_recovered);
        assert_eq!(replayed.len(), 10);
        for n in 0..2 {
            io.emit("n", (n, &text)).unwrap();
        }
        let (client, replayed, is_recovered) = gone.back(&server).await;
        assert!(!is_recovered && replayed.is_empty());
        drop((client, socket));
    }
}

#[tokio::test]
async fn the_names_of_rooms_count_as_memory_of_the_log() {
    let io = server_with(Recovery::default().bytes_max(100_000));
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let gone = client.cut(&io).await;
    io.emit("missed", ()).unwrap();
    // Each is for a thousand rooms, whose names are kept too.
    let rooms: Vec<_> = (0..1_000).map(|n| format!("a room with a longer name: {n}")).collect();
    for _ in 0..3 {
        io.to(&rooms).emit("n", ()).unwrap();
    }
    assert!(!gone.back(&server).await.2);
}

#[tokio::test]
async fn a_client_of_a_quiet_room_survives_a_noisy_namespace() {
    let io = server_with(Recovery::default().packets_max(10));
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    for n in 0..100 {
        io.to("elsewhere").emit("noise", &n).unwrap();
    }
    // The last packet that it has got is long forgotten, but it lacks none.
    let gone = client.cut(&io).await;
    io.emit("missed", ()).unwrap();
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(replayed, [json!(["missed"])]);
}

#[tokio::test]
async fn a_state_that_is_too_old_or_one_too_many_is_forgotten() {
    let io = server_with(Recovery::default().sessions_max(2));
    let server = start(&io).await;
    let mut gone = Vec::new();
    for _ in 0..3 {
        let (client, _) = settled(&io, &server).await;
        gone.push(client.cut(&io).await);
    }
    let mut back = Vec::new();
    for it in &gone {
        back.push(it.back(&server).await);
    }
    let recovered: Vec<_> = back.iter().map(|it| it.2).collect();
    assert_eq!(recovered, [false, true, true]);

    let io = server_with(Recovery::default().max_disconnection_duration(Duration::ZERO));
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    assert!(!client.cut(&io).await.back(&server).await.2);
}

/// A server whose middleware lets `user` in, and states it as the identity.
fn server_with_users(recovery: Recovery, calls: mpsc::UnboundedSender<String>) -> Server {
    let io = server_with(recovery);
    io.middleware(async move |socket: Socket, Auth(auth): Auth<Value>| {
        calls.send(auth.to_string()).unwrap();
        let user = auth["user"].as_str().ok_or_else(|| ConnectError::new("unauthorized"))?;
        assert!(!socket.recovered());
        socket.set_identity(user);
        socket.join("everybody").unwrap();
        Ok(())
    });
    io
}

async fn connect_as(server: &crate::client::Running, user: &str) -> Recovering {
    let mut client = Client::open(server).await;
    client.send(&format!(r#"40{{"user":"{user}","token":1}}"#)).await;
    let connected = client.text().await;
    let (id, pid) = (field(&connected, "sid"), field(&connected, "pid"));
    Recovering { client, id, pid, offset: None }
}

fn auth_of(gone: &Gone, user: &str) -> Value {
    json!({ "user": user, "token": 2, "pid": gone.pid })
}

#[tokio::test]
async fn who_comes_back_must_be_the_same_for_the_middleware() {
    let (calls, mut call) = mpsc::unbounded_channel();
    let io = server_with_users(Recovery::default(), calls);
    let server = start(&io).await;
    let client = connect_as(&server, "ada").await;
    let gone = client.cut(&io).await;
    io.to("everybody").emit("missed", ()).unwrap();

    let mut refused = Client::open(&server).await;
    refused.send(&format!("40{}", gone.auth())).await;
    assert!(refused.text().await.starts_with("44"));

    let (other, replayed, is_recovered) = gone.back_with(&server, &auth_of(&gone, "eve")).await;
    assert!(!is_recovered && replayed.is_empty());
    let socket = io.of("/").socket(&other.id).unwrap();
    assert_eq!(socket.identity().as_deref(), Some("eve"));
    assert_eq!(io.to("everybody").sockets().len(), 1);

    let (mut back, replayed, is_recovered) = gone.back_with(&server, &auth_of(&gone, "ada")).await;
    assert!(is_recovered);
    assert_eq!(replayed, [json!(["missed"])]);
    io.to("everybody").emit("live", ()).unwrap();
    assert_eq!(back.event().await, json!(["live"]));
    assert_eq!(io.to("everybody").sockets().len(), 2);

    // Once for a fresh client, once for each that comes back, once more for the one that begins
    // anew; never with what only recovery needs.
    let mut seen = Vec::new();
    while let Ok(auth) = call.try_recv() {
        seen.push(auth);
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(seen.iter().all(|it| !it.contains("pid")), "{seen:?}");
}

#[tokio::test]
async fn without_an_identity_the_auth_payload_must_be_the_same() {
    let io = recovering_server();
    io.middleware(async |_: Socket| Ok(()));
    let server = start(&io).await;
    let client = connect_as(&server, "ada").await;
    let gone = client.cut(&io).await;
    let with = |token: u8| json!({ "token": token, "pid": gone.pid, "user": "ada" });
    assert!(!gone.back_with(&server, &with(2)).await.2);
    assert!(gone.back_with(&server, &with(1)).await.2);
}

#[tokio::test]
async fn middleware_can_be_skipped_as_in_the_official_server() {
    let (calls, mut call) = mpsc::unbounded_channel();
    let io = server_with_users(Recovery::default().skip_middlewares(true), calls);
    let server = start(&io).await;
    let client = connect_as(&server, "ada").await;
    let gone = client.cut(&io).await;
    let (back, _, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    let socket = io.of("/").socket(&back.id).unwrap();
    assert_eq!(socket.identity().as_deref(), Some("ada"));
    assert!(call.try_recv().is_ok() && call.try_recv().is_err());
    // Who has nothing to recover is checked as ever.
    let mut client = Client::open(&server).await;
    client.send("40{}").await;
    assert!(client.text().await.starts_with("44"));
}
