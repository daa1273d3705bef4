//! Operators of an emit: volatile, lists of rooms, timeouts, limits of rooms, room events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchboard::{AckError, Data, JoinError, RoomEvent, Server, Socket};

use crate::client::{Client, request, start, until};

#[tokio::test]
async fn a_volatile_packet_is_dropped_while_another_is_under_way() {
    let io = Server::builder().build();
    io.on("go", async |socket: Socket| {
        socket.volatile().emit("first", ()).unwrap();
        socket.volatile().emit("lost", ()).unwrap();
        let lost = socket.volatile().emit_with_ack::<()>("lost", ()).await;
        assert!(matches!(lost, Err(AckError::NotSent)), "{lost:?}");
        socket.volatile().to(socket.id()).emit("not to myself", ()).unwrap();
        socket.emit("last", ()).unwrap();
    });
    let server = start(&io).await;
    let (mut client, id) = Client::connect(&server).await;
    client.send(r#"42["go"]"#).await;
    assert_eq!(client.text().await, r#"42["first"]"#);
    assert_eq!(client.text().await, r#"42["last"]"#);
    // The connection rests again, and says so by answering.
    client.send(r#"42["go"]"#).await;
    assert_eq!(client.text().await, r#"42["first"]"#);
    assert_eq!(client.text().await, r#"42["last"]"#);
    drop((io.to(id), client));
}

#[tokio::test]
async fn a_volatile_packet_needs_a_waiting_poll() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (_, open) = request(&server, "GET", "EIO=4&transport=polling", "").await;
    let query = format!("EIO=4&transport=polling&sid={}", crate::client::field(&open, "sid"));
    request(&server, "POST", &query, "40").await;
    assert!(request(&server, "GET", &query, "").await.1.starts_with("40{"));
    let socket = io.sockets().remove(0);
    socket.volatile().emit("lost", ()).unwrap();
    io.volatile().emit("lost", ()).unwrap();
    socket.emit("kept", ()).unwrap();
    assert_eq!(request(&server, "GET", &query, "").await.1, r#"42["kept"]"#);
    // Emitted again and again until the poll has arrived: only then is it sent.
    let poll = async { request(&server, "GET", &query, "").await.1 };
    let mut poll = std::pin::pin!(poll);
    let body = loop {
        tokio::select! {
            biased;
            body = &mut poll => break body,
            () = tokio::task::yield_now() => socket.volatile().emit("caught", ()).unwrap(),
        }
    };
    assert_eq!(body, r#"42["caught"]"#);
}

#[tokio::test]
async fn volatile_packets_are_shed_before_a_slow_client_is_closed() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let mut slow = Client::open_narrow(&server).await;
    let id = slow.join("40").await;
    let (mut other, _) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    socket.join("slow").unwrap();
    let text = "x".repeat(100_000);
    // Until the kernel's buffers are full and more than the soft bound waits.
    while tokio::time::timeout(Duration::ZERO, socket.ready()).await.is_ok() {
        socket.emit("kept", &text).unwrap();
        tokio::task::yield_now().await;
    }
    // Several times the hard bound: shed, or the client would be closed.
    for _ in 0..400 {
        socket.volatile().emit("lost", &text).unwrap();
        io.volatile().to("slow").emit("lost", &text).unwrap();
    }
    let mut emitted = 0;
    while socket.is_connected() {
        socket.emit("kept", &text).unwrap();
        emitted += text.len();
        assert!(emitted < 64_000_000, "the bound is 16 MiB");
        tokio::task::yield_now().await;
    }
    assert!(10_000_000 < emitted, "volatile packets took its place: {emitted}");
    io.emit("fine", ()).unwrap();
    assert_eq!(other.text().await, r#"42["fine"]"#);
}

#[tokio::test]
async fn rooms_are_given_as_lists_of_every_kind() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (mut a, first) = Client::connect(&server).await;
    let (mut b, second) = Client::connect(&server).await;
    let (mut c, _) = Client::connect(&server).await;
    let find = |id: &str| io.of("/").socket(id).unwrap();
    find(&first).join(["one", "both"]).unwrap();
    find(&second).join(vec!["two".to_owned(), "both".to_owned()]).unwrap();
    io.to(["one", "two", "both"]).emit("array", ()).unwrap();
    io.in_(&["one", "two"][..]).except("two").emit("slice", ()).unwrap();
    let list = vec!["two"];
    io.within(&list).except([find(&first).id()]).emit("list", ()).unwrap();
    find(&first).in_(String::from("both")).send(&1).unwrap();
    io.send((1, 2)).unwrap();
    find(&second).leave(["two", "both"]);
    assert_eq!(find(&second).rooms().len(), 0);
    io.to("both").emit("end", ()).unwrap();
    io.emit("end", ()).unwrap();
    for expected in ["array", "slice"] {
        assert_eq!(a.text().await, format!(r#"42["{expected}"]"#));
    }
    for expected in [r#""array""#, r#""list""#, r#""message",1"#, r#""message",1,2"#, r#""end""#] {
        assert_eq!(b.text().await, format!("42[{expected}]"));
    }
    for expected in [r#""message",1,2"#, r#""end""#, r#""end""#] {
        assert_eq!(a.text().await, format!("42[{expected}]"));
    }
    assert_eq!(c.text().await, r#"42["message",1,2]"#);
    assert_eq!(c.text().await, r#"42["end"]"#);
}

#[tokio::test]
async fn a_socket_joins_all_rooms_or_none_within_its_limits() {
    let io = Server::builder().rooms_per_socket_max(3).room_name_bytes_max(8).build();
    let server = start(&io).await;
    let (_client, id) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    socket.join(["a", "b"]).unwrap();
    let refused = socket.join(["c", "d"]).unwrap_err();
    assert!(matches!(refused, JoinError::TooManyRooms { rooms_max: 3, .. }), "{refused}");
    assert_eq!(socket.rooms().len(), 2);
    assert_eq!(io.of("/").rooms_count(), 2);
    let refused = socket.join("123456789").unwrap_err();
    assert!(matches!(refused, JoinError::NameTooLong { bytes_max: 8, .. }), "{refused}");
    // Rooms that it is in, its own among them, are not counted again.
    socket.join(["a", "b", "a", &id, "12345678"]).unwrap();
    assert_eq!(socket.rooms().len(), 3);
}

#[tokio::test]
async fn a_million_joins_by_a_client_end_at_the_default_limit() {
    let io = Server::builder().build();
    io.on("join", async |socket: Socket, Data(room): Data<String>| {
        if let Err(error) = socket.join(&room) {
            socket.emit("refused", &error.to_string()).unwrap();
        }
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all((0..129).map(|n| format!(r#"42["join","{n}"]"#))).await;
    assert!(client.text().await.starts_with(r#"42["refused","the socket is in 128 rooms"#));
    client.send(&format!(r#"42["join","{}"]"#, "x".repeat(256))).await;
    assert!(client.text().await.starts_with(r#"42["refused","the name"#));
    assert_eq!(io.of("/").rooms_count(), 128);
    drop(client);
    until(|| io.rooms_count() == 0).await;
}

#[tokio::test]
async fn rooms_tell_how_they_begin_and_end() {
    let io = Server::builder().build();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (tell, rooms) = (Arc::clone(&told), io.of("/"));
    io.of("/").on_room_event(move |event| {
        // Nothing is locked: whoever listens may look around.
        let count = rooms.rooms_count();
        tell.lock().unwrap().push(match event {
            RoomEvent::Create { room, .. } => format!("create {room} {count}"),
            RoomEvent::Join { room, .. } => format!("join {room}"),
            RoomEvent::Leave { room, .. } => format!("leave {room}"),
            RoomEvent::Delete { room, .. } => format!("delete {room} {count}"),
            _ => "?".to_owned(),
        });
    });
    io.on_room_event(|_| panic!("one listener's panic is nobody else's"));
    let server = start(&io).await;
    let (a, first) = Client::connect(&server).await;
    let (_b, second) = Client::connect(&server).await;
    io.of("/").socket(&first).unwrap().join(["x", "y"]).unwrap();
    io.of("/").socket(&second).unwrap().join("x").unwrap();
    io.to(&second).sockets_leave(["x", "never joined"]);
    drop(a);
    until(|| io.of("/").sockets_count() == 1 && io.of("/").rooms_count() == 0).await;
    let expected = [
        "create x 2",
        "join x",
        "create y 2",
        "join y",
        "join x",
        "leave x",
        "leave x",
        "delete x 0",
        "leave y",
        "delete y 0",
    ];
    until(|| told.lock().unwrap().len() == expected.len()).await;
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test]
async fn fetched_sockets_know_themselves_and_can_be_moved() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (mut a, first) = Client::connect(&server).await;
    let (mut b, second) = Client::connect(&server).await;
    let here = io.of("/").socket(&first).unwrap();
    here.set_data(&("Ada", 36)).unwrap();
    here.join("known").unwrap();
    let fetched = io.to("known").fetch_sockets().await.unwrap().remove(0);
    assert_eq!(fetched.id().as_str(), first);
    assert_eq!(fetched.data(), Some(("Ada".to_owned(), 36)));
    assert_eq!(fetched.data::<bool>(), None);
    assert_eq!(fetched.rooms().iter().map(|it| &**it).collect::<Vec<_>>(), ["known"]);
    assert_eq!(fetched.handshake().query("transport").as_deref(), Some("websocket"));
    fetched.join(["p", "q"]);
    fetched.leave("known");
    assert_eq!(here.rooms().len(), 2);
    fetched.emit("hello", &1).unwrap();
    assert_eq!(a.text().await, r#"42["hello",1]"#);
    let asked = fetched.timeout(Duration::from_secs(20)).emit_with_ack::<String>("name?", ());
    assert_eq!(a.text().await, r#"420["name?"]"#);
    a.send(r#"430["Ada"]"#).await;
    assert_eq!(asked.await.unwrap(), "Ada");
    fetched.disconnect(false);
    assert_eq!(a.text().await, "41");
    let gone = fetched.emit_with_ack::<String>("name?", ()).await;
    assert!(matches!(gone, Err(AckError::Disconnected)), "{gone:?}");

    io.sockets_join("all");
    assert_eq!(io.to("all").sockets().len(), 1);
    assert_eq!(io.fetch_sockets().await.unwrap()[0].id().as_str(), second);
    io.disconnect_sockets(true);
    assert_eq!(b.text().await, "41");
    assert_eq!(b.close_code().await, Some(1000));
}
