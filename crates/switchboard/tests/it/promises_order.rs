//! What is promised about order: per socket, with acks, pings and disconnects in front.

use std::sync::Arc;
use std::time::Duration;

use switchboard::{AckError, Data, Server, Socket};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, start, within};

/// The ack id of a packet such as `427["question"]`.
fn ack_id(packet: &str) -> u64 {
    packet["42".len()..packet.find('[').unwrap()].parse().unwrap()
}

#[tokio::test]
async fn sockets_of_one_connection_do_not_wait_for_each_other() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    io.of("/").on("wait", async move |socket: Socket| {
        wait.notified().await;
        socket.emit("waited", ()).unwrap();
    });
    io.of("/other").on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.join("40/other,").await;
    client.send_all([r#"42["wait"]"#, r#"42/other,["echo"]"#]).await;
    assert_eq!(client.text().await, r#"42/other,["echo"]"#);
    gate.notify_one();
    assert_eq!(client.text().await, r#"42["waited"]"#);
}

#[tokio::test]
async fn a_disconnect_overtakes_the_events_before_it() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let (steps, mut step) = mpsc::unbounded_channel();
    let (wait, work, queued) = (Arc::clone(&gate), steps.clone(), steps.clone());
    io.of("/").on("work", async move |_: Socket| {
        wait.notified().await;
        work.send("worked").unwrap();
    });
    io.of("/").on("queued", async move || queued.send("queued").unwrap());
    io.of("/").on("disconnect", async move || steps.send("disconnected").unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"42["work"]"#, r#"42["queued"]"#, "41"]).await;
    assert_eq!(within(step.recv()).await, Some("disconnected"));
    assert_eq!(io.of("/").sockets_count(), 0);
    gate.notify_one();
    assert_eq!(within(step.recv()).await, Some("worked"));
    assert_eq!(within(step.recv()).await, Some("queued"));
}

#[tokio::test]
async fn a_handler_gets_the_ack_of_a_client_that_floods_it() {
    let io = Server::builder().build();
    io.of("/").on("ask", async |socket: Socket| {
        let asked = socket.emit_with_ack("question", ()).timeout(Duration::from_secs(15));
        let answer: Result<String, AckError> = asked.await;
        socket.emit("answer", &answer.map_err(|it| it.to_string()).unwrap()).unwrap();
    });
    io.of("/").on("n", async |socket: Socket, Data(n): Data<u64>| socket.emit("n", &n).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["ask"]"#).await;
    let id = ack_id(&client.text().await);
    // More than a socket's queue takes, and than one read brings: reading would stop in front of
    // the ack.
    let padding = "x".repeat(200);
    let flood = (0..900).map(|n| format!(r#"42["n",{n},"{padding}"]"#));
    client.send_all(flood.chain([format!(r#"43{id}["here"]"#)])).await;
    assert_eq!(client.text().await, r#"42["answer","here"]"#);
    for n in 0..900 {
        assert_eq!(client.text().await, format!(r#"42["n",{n}]"#));
    }
}

#[tokio::test]
async fn emits_of_several_tasks_keep_the_order_of_each() {
    let io = Server::builder().build();
    io.of("/").on("go", async |socket: Socket| {
        for task in 0..4 {
            let socket = socket.clone();
            tokio::spawn(async move {
                for n in 0..500 {
                    socket.emit("n", (task, n)).unwrap();
                    if n % 7 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["go"]"#).await;
    let mut next = [0; 4];
    for _ in 0..2_000 {
        let packet = client.text().await;
        let (_, task, n): (String, usize, u64) = serde_json::from_str(&packet[2..]).unwrap();
        assert_eq!(n, next[task]);
        next[task] += 1;
    }
}

#[tokio::test]
async fn what_a_handler_emits_arrives_before_its_ack_and_after_what_came_before() {
    let io = Server::builder().build();
    io.of("/").on("three", async |socket: Socket, ack: switchboard::Ack| {
        socket.emit("one", ()).unwrap();
        tokio::task::yield_now().await;
        socket.emit("two", ()).unwrap();
        ack.send(&3).unwrap();
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"421["three"]"#, r#"422["three"]"#]).await;
    for id in [1, 2] {
        assert_eq!(client.text().await, r#"42["one"]"#);
        assert_eq!(client.text().await, r#"42["two"]"#);
        assert_eq!(client.text().await, format!("43{id}[3]"));
    }
}

#[tokio::test]
async fn a_handler_gets_the_ack_of_another_socket_of_a_client_that_floods_it() {
    let io = Server::builder().build();
    let (asker, other) = (io.of("/"), io.of("/other"));
    asker.on("ask", async move |socket: Socket, Data(id): Data<String>| {
        let asked = other.socket(&id).unwrap();
        let asked = asked.emit_with_ack("question", ()).timeout(Duration::from_secs(15));
        let answer: Result<String, AckError> = asked.await;
        socket.emit("answer", &answer.map_err(|it| it.to_string()).unwrap()).unwrap();
    });
    io.of("/").on("n", async |socket: Socket, Data(n): Data<u64>| socket.emit("n", &n).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send("40/other,").await;
    let id = crate::client::field(&client.text().await, "sid");
    client.send(&format!(r#"42["ask","{id}"]"#)).await;
    let question = client.text().await;
    let id = &question["42/other,".len()..question.find('[').unwrap()];
    let padding = "x".repeat(200);
    let flood = (0..900).map(|n| format!(r#"42["n",{n},"{padding}"]"#));
    client.send_all(flood.chain([format!(r#"43/other,{id}["here"]"#)])).await;
    assert_eq!(client.text().await, r#"42["answer","here"]"#);
    for n in 0..900 {
        assert_eq!(client.text().await, format!(r#"42["n",{n}]"#));
    }
}
