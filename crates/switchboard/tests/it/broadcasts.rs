//! Broadcasts from several threads at once, to clients of which some read late.

use serde_json::Value;
use switchboard::{Data, Server, Socket};

use crate::client::{Client, start, until};

const SENDERS: usize = 3;
const MESSAGES: usize = 900;

/// Sends numbered events: to all, to a room, and to each by itself, small ones and large ones.
fn count_to_all(io: &Server, sender: usize) {
    let sockets = io.sockets();
    for n in 0..MESSAGES {
        let padding = "x".repeat(if n % 50 == 7 { 20_000 } else { n % 300 });
        let event = (sender, n, padding);
        match n % 5 {
            0 => sockets.iter().for_each(|it| it.emit("n", event.clone()).unwrap()),
            1 => io.emit("n", event).unwrap(),
            _ => io.to("room").emit("n", event).unwrap(),
        }
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
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let io = io.clone();
            // In the runtime and beside it.
            match sender {
                0 => tokio::spawn(async move { count_to_all(&io, sender) }),
                _ => tokio::task::spawn_blocking(move || count_to_all(&io, sender)),
            }
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                hears_everything_in_order(&mut client).await;
                client.send(r#"42["echo",7]"#).await;
                assert_eq!(client.text().await, r#"42["echo",7]"#);
            })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    server.stop().await;
}
