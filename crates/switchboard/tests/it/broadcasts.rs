//! Broadcasts from several threads at once, to clients of which some read late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use switchboard::{Data, Server, Socket};
use tokio::sync::Notify;

use crate::client::{Client, start, until, within};

const SENDERS: usize = 3;
const MESSAGES: usize = 900;

/// Sends numbered events: to all, to a room, and to each by itself, small ones and large ones.
fn count_to_all(io: &Server, sender: usize, sent: &AtomicUsize) {
    let sockets = io.sockets();
    for n in 0..MESSAGES {
        let padding = "x".repeat(if n % 50 == 7 { 20_000 } else { n % 300 });
        let event = (sender, n, padding);
        match n % 5 {
            0 => sockets.iter().for_each(|it| it.emit("n", event.clone()).unwrap()),
            1 => io.emit("n", event).unwrap(),
            _ => io.to("room").emit("n", event).unwrap(),
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

async fn hears_everything_in_order(client: &mut Client) {
    let mut next = [0; SENDERS];
    for _ in 0..SENDERS * MESSAGES {
        let text = client.text().await;
        let event: Value = serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap();
        let [sender, n] = [1, 2].map(|at| usize::try_from(event[at].as_u64().unwrap()).unwrap());
        assert_eq!(n, next[sender], "sender {sender}");
        next[sender] += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn each_client_hears_each_sender_in_order_whoever_writes() {
    let io = Server::builder().build();
    io.on("connection", async |socket: Socket| {
        socket.join("room").unwrap();
        socket.emit("in", ()).unwrap();
    });
    io.on("echo", async |socket: Socket, Data(n): Data<u32>| socket.emit("echo", &n).unwrap());
    let server = start(&io).await;
    let mut clients = Vec::new();
    for number in 0..8 {
        // Every other one takes little before it reads, so that its stream is full again and again.
        let mut client = match number % 2 {
            0 => Client::open(&server).await,
            _ => Client::open_narrow(&server).await,
        };
        client.send("40").await;
        client.text().await;
        assert_eq!(client.text().await, r#"42["in"]"#);
        clients.push(client);
    }
    until(|| io.sockets().len() == 8).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = clients
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| {
            let sent = Arc::clone(&sent);
            tokio::spawn(async move {
                // Half of them read from the beginning, the others ever later.
                let late = if number % 2 == 0 { 0 } else { number * 300 };
                until(|| late <= sent.load(Ordering::Relaxed)).await;
                hears_everything_in_order(&mut client).await;
                client.send(r#"42["echo",7]"#).await;
                assert_eq!(client.text().await, r#"42["echo",7]"#);
            })
        })
        .collect();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (io, sent) = (io.clone(), Arc::clone(&sent));
            // In the runtime and beside it.
            match sender {
                0 => tokio::spawn(async move { count_to_all(&io, sender, &sent) }),
                _ => tokio::task::spawn_blocking(move || count_to_all(&io, sender, &sent)),
            }
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    for reader in readers {
        reader.await.unwrap();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_large_room_is_written_by_all_workers_and_leaves_at_once() {
    const MEMBERS: usize = 600;
    let io = Server::builder().build();
    let server = start(&io).await;
    let mut clients = Vec::new();
    for _ in 0..MEMBERS {
        clients.push(Client::connect(&server).await.0);
    }
    for n in 0..3 {
        io.emit("n", &n).unwrap();
        // The first and the last are heard before the next one.
        for client in [0, MEMBERS - 1] {
            assert_eq!(clients[client].text().await, format!(r#"42["n",{n}]"#));
        }
    }
    for client in &mut clients[1..MEMBERS - 1] {
        for n in 0..3 {
            assert_eq!(client.text().await, format!(r#"42["n",{n}]"#));
        }
    }
    drop(clients);
    until(|| io.sockets().is_empty()).await;
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_is_given_up_sees_the_end_though_a_handler_runs_on() {
    let io = Server::builder().build();
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&gate));
    io.on("work", async move || {
        tell.notify_one();
        wait.notified().await;
    });
    let server = start(&io).await;
    let mut client = Client::open_narrow(&server).await;
    client.send_all(["40", r#"42["work"]"#]).await;
    within(begun.notified()).await;
    // It takes nothing, so a frame is under way when it reaches the hard bound.
    let large = "x".repeat(1_000_000);
    within(async {
        while !io.sockets().is_empty() {
            io.emit("large", &large).unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.close_code().await;
    gate.notify_one();
    server.stop().await;
}

#[tokio::test]
async fn who_broadcasts_from_a_runtime_that_then_rests_stops_nobody() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let elsewhere = io.clone();
    let (done, rest) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { elsewhere.emit("n", &1).unwrap() });
        // The runtime is there, and nobody drives it.
        let _ended = rest.recv();
    });
    assert_eq!(client.text().await, r#"42["n",1]"#);
    io.emit("n", &2).unwrap();
    assert_eq!(client.text().await, r#"42["n",2]"#);
    drop(done);
    thread.join().unwrap();
    server.stop().await;
}
