//! Rooms: who gets a broadcast, and what is left when people go.

use switchboard::{Ack, Data, Server, Socket};

use crate::client::{Client, start, until};

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
