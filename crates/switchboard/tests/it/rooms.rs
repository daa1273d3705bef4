//! Rooms: who gets a broadcast, and what is left when people go.

use std::sync::Arc;

use switchboard::{Ack, ConnectError, Data, RoomEvent, Server, Socket};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, start, until, within};

/// A server whose clients may join rooms and send to them.
fn rooms_server() -> Server {
    let io = Server::builder().build();
    let all = io.of("/");
    all.on("join", async |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.join(room).unwrap();
        ack.send(()).unwrap();
    });
    all.on("leave", async |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.leave(room);
        ack.send(()).unwrap();
    });
    all.on("to", async |socket: Socket, Data(rooms): Data<Vec<String>>| {
        let all = rooms.iter().fold(socket.broadcast(), |it, room| it.to(room));
        all.emit("hey", &rooms).unwrap();
    });
    io
}

#[tokio::test]
async fn a_room_reaches_its_members_once_and_not_the_sender() {
    let io = rooms_server();
    let server = start(&io).await;
    let mut clients = Vec::new();
    for rooms in [&["a"][..], &["a", "b"], &["b"], &[]] {
        let (mut client, id) = Client::connect(&server).await;
        for room in rooms {
            client.send(&format!(r#"420["join","{room}"]"#)).await;
            assert_eq!(client.text().await, "430[]");
        }
        clients.push((client, id));
    }
    clients[0].0.send(r#"42["to",["a","b"]]"#).await;
    for at in [1, 2] {
        assert_eq!(clients[at].0.text().await, r#"42["hey",["a","b"]]"#);
    }
    // Whoever got something that it should not have got, or got it twice, has it before this.
    io.emit("end", ()).unwrap();
    for (client, _) in &mut clients {
        assert_eq!(client.text().await, r#"42["end"]"#);
    }
    io.to(&clients[3].1).emit("you", ()).unwrap();
    assert_eq!(clients[3].0.text().await, r#"42["you"]"#);
    io.to("a").except("b").emit("only a", ()).unwrap();
    io.except("a").emit("not a", ()).unwrap();
    assert_eq!(clients[0].0.text().await, r#"42["only a"]"#);
    for at in [2, 3] {
        assert_eq!(clients[at].0.text().await, r#"42["not a"]"#);
    }
    clients[2].0.send(r#"420["leave","b"]"#).await;
    assert_eq!(clients[2].0.text().await, "430[]");
    io.to("b").emit("b", ()).unwrap();
    io.emit("end", ()).unwrap();
    assert_eq!(clients[1].0.text().await, r#"42["b"]"#);
    assert_eq!(clients[2].0.text().await, r#"42["end"]"#);
}

#[tokio::test]
async fn empty_rooms_and_gone_sockets_leave_nothing_behind() {
    let io = rooms_server();
    let server = start(&io).await;
    let mut clients = Vec::new();
    // More than one chunk of members.
    for _ in 0..300 {
        let (mut client, _) = Client::connect(&server).await;
        client.send(r#"420["join","crowd"]"#).await;
        assert_eq!(client.text().await, "430[]");
        clients.push(client);
    }
    assert_eq!(io.to("crowd").sockets().len(), 300);
    io.to("crowd").emit("all", ()).unwrap();
    for client in &mut clients {
        assert_eq!(client.text().await, r#"42["all"]"#);
    }
    drop(clients);
    until(|| io.clients_count() == 0 && io.of("/").sockets_count() == 0).await;
    until(|| io.of("/").rooms_count() == 0).await;
}

#[tokio::test]
async fn a_socket_that_is_gone_cannot_come_back_by_join() {
    let io = rooms_server();
    let server = start(&io).await;
    let (client, id) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    drop(client);
    until(|| !socket.is_connected()).await;
    until(|| io.of("/").sockets_count() == 0).await;
    socket.join("late").unwrap();
    socket.emit("nothing", ()).unwrap();
    assert_eq!(io.of("/").rooms_count(), 0);
}

#[tokio::test]
async fn a_socket_that_is_refused_is_in_no_room() {
    let io = Server::builder().build();
    let (entered, mut entering) = mpsc::unbounded_channel();
    io.middleware(async move |socket: Socket| {
        socket.join(["vip", "staff"]).unwrap();
        entered.send(socket).unwrap();
        Err(ConnectError::new("not today"))
    });
    let (events, mut told) = mpsc::unbounded_channel();
    io.on_room_event(move |event| events.send(event.clone()).unwrap());
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40").await;
    assert_eq!(client.text().await, r#"44{"message":"not today"}"#);
    until(|| io.rooms_count() == 0).await;
    let told: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
    let left = told.iter().filter(|it| matches!(it, RoomEvent::Leave { .. })).count();
    let deleted = told.iter().filter(|it| matches!(it, RoomEvent::Delete { .. })).count();
    assert_eq!((told.len(), left, deleted), (8, 2, 2), "{told:?}");
    // Nor does it come back by a clone.
    let socket = within(entering.recv()).await.unwrap();
    socket.join("vip").unwrap();
    assert_eq!((io.rooms_count(), io.to("vip").sockets().len()), (0, 0));
}

#[tokio::test]
async fn a_client_that_goes_while_it_is_checked_leaves_its_rooms() {
    let io = Server::builder().build();
    io.middleware(async |socket: Socket| {
        socket.join("vip").unwrap();
        std::future::pending::<Result<(), ConnectError>>().await
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40").await;
    until(|| io.rooms_count() == 1).await;
    drop(client);
    until(|| io.clients_count() == 0).await;
    until(|| io.rooms_count() == 0).await;
}

#[tokio::test]
async fn a_broadcast_reaches_nobody_who_has_not_been_let_in() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let wait = Arc::clone(&gate);
    io.middleware(async move |socket: Socket| {
        socket.join("vip").unwrap();
        wait.notified().await;
        Ok(())
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40").await;
    until(|| io.rooms_count() == 1).await;
    assert_eq!(io.to("vip").sockets().len(), 0);
    io.to("vip").emit("secret", ()).unwrap();
    let asked = io.to("vip").emit_with_ack::<()>("secret", ()).await;
    assert!(asked.unwrap().is_empty());
    gate.notify_one();
    let connected = client.text().await;
    assert!(connected.starts_with("40{"), "{connected}");
    io.to("vip").emit("news", ()).unwrap();
    assert_eq!(client.text().await, r#"42["news"]"#);
}
