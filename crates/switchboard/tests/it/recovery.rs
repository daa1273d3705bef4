//! Connection state recovery: what a client gets back after a cut, on the wire.

use serde_json::{Value, json};
use switchboard::{Binary, Data, Recovery, Server, Socket};

use crate::client::{Client, Message, Running, field, request, start, until};

/// A client's view of its connection, as the official one keeps it.
pub(crate) struct Recovering {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) pid: String,
    pub(crate) offset: Option<String>,
}

impl Recovering {
    /// A fresh connection to the default namespace.
    pub(crate) async fn connect(server: &Running) -> Self {
        let mut client = Client::open(server).await;
        client.send("40").await;
        let connected = client.text().await;
        let (id, pid) = (field(&connected, "sid"), field(&connected, "pid"));
        Self { client, id, pid, offset: None }
    }

    /// The next event: its name and arguments, the offset taken off and remembered.
    pub(crate) async fn event(&mut self) -> Value {
        let text = self.client.text().await;
        self.parse(&text)
    }

    pub(crate) fn parse(&mut self, text: &str) -> Value {
        let mut event: Value = serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
        let offset = event.as_array_mut().unwrap().pop().unwrap();
        self.offset = Some(offset.as_str().unwrap().to_owned());
        event
    }

    /// Gives up a connection of which the server knows already that it is over.
    pub(crate) fn cut_now(self) -> Gone {
        let Self { client, id, pid, offset } = self;
        drop(client);
        Gone { id, pid, offset }
    }

    /// Breaks the connection, and waits until the server has noticed.
    pub(crate) async fn cut(self, io: &Server) -> Gone {
        let Self { client, id, pid, offset } = self;
        let socket = io.of("/").socket(&id).unwrap();
        drop(client);
        until(|| !socket.is_connected() && io.of("/").socket(&id).is_none()).await;
        Gone { id, pid, offset }
    }
}

/// A client that has lost its connection.
pub(crate) struct Gone {
    pub(crate) id: String,
    pub(crate) pid: String,
    pub(crate) offset: Option<String>,
}

impl Gone {
    /// The auth payload with which the official client comes back.
    pub(crate) fn auth(&self) -> Value {
        match &self.offset {
            Some(offset) => json!({ "pid": self.pid, "offset": offset }),
            None => json!({ "pid": self.pid }),
        }
    }

    /// Comes back. Gives what was replayed too, and `recovered` in the words of the official
    /// client: whether the pid is the same.
    pub(crate) async fn back(&self, server: &Running) -> (Recovering, Vec<Value>, bool) {
        self.back_with(server, &self.auth()).await
    }

    pub(crate) async fn back_with(
        &self,
        server: &Running,
        auth: &Value,
    ) -> (Recovering, Vec<Value>, bool) {
        let client = Client::open(server).await;
        let (id, pid, offset) = (String::new(), self.pid.clone(), self.offset.clone());
        let mut back = Recovering { client, id, pid, offset };
        back.client.send(&format!("40{auth}")).await;
        let mut replayed = Vec::new();
        loop {
            let text = back.client.text().await;
            if text.starts_with("40") {
                back.id = field(&text, "sid");
                back.pid = field(&text, "pid");
                let is_recovered = back.pid == self.pid;
                assert_eq!(is_recovered, back.id == self.id);
                return (back, replayed, is_recovered);
            }
            replayed.push(back.parse(&text));
        }
    }
}

/// A server that recovers, whose sockets join the rooms that they name.
pub(crate) fn recovering_server() -> Server {
    server_with(Recovery::default())
}

pub(crate) fn server_with(recovery: Recovery) -> Server {
    let io = Server::builder().recovery(recovery).build();
    io.on("join", async |socket: Socket, Data(room): Data<String>| {
        socket.join(room).unwrap();
    });
    io.on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(room));
    io
}

/// A client with its socket, and one event that it has got.
pub(crate) async fn settled(io: &Server, server: &Running) -> (Recovering, Socket) {
    let mut client = Recovering::connect(server).await;
    let socket = io.of("/").socket(&client.id).unwrap();
    socket.emit("hello", ()).unwrap();
    assert_eq!(client.event().await, json!(["hello"]));
    (client, socket)
}

#[tokio::test]
async fn a_client_gets_what_it_missed_then_connect_then_what_is_new() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    socket.join("a").unwrap();
    socket.set_data(&json!({ "score": 7 })).unwrap();
    let gone = client.cut(&io).await;
    assert_eq!(gone.pid.len(), 20);
    assert_ne!(gone.pid, gone.id);

    io.emit("to all", &1).unwrap();
    io.to("a").emit("to a", (2, "x")).unwrap();
    io.to("b").emit("to b", ()).unwrap();
    io.to(&gone.id).emit("to its id", ()).unwrap();
    socket.emit("to the old handle", &3).unwrap();
    io.except("a").emit("not to a", ()).unwrap();
    io.to("a").to(&gone.id).emit("once", ()).unwrap();

    let (mut client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(
        json!(replayed),
        json!([["to all", 1], ["to a", 2, "x"], ["to its id"], ["to the old handle", 3], ["once"]])
    );
    let again = io.of("/").socket(&client.id).unwrap();
    assert!(again.recovered() && !socket.recovered());
    assert_eq!(again.data(), Some(json!({ "score": 7 })));
    assert_eq!(again.rooms(), [std::sync::Arc::from("a")]);
    io.to("a").emit("live", ()).unwrap();
    socket.emit("by the old handle", ()).unwrap();
    assert_eq!(client.event().await, json!(["live"]));
    assert_eq!(client.event().await, json!(["by the old handle"]));
}

#[tokio::test]
async fn a_client_that_is_cut_again_before_it_got_its_replay_loses_nothing() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    socket.join("a").unwrap();
    let mut gone = client.cut(&io).await;
    for round in 1..=3 {
        io.to("a").emit("missed", &round).unwrap();
        // It comes back, but what is sent to it then never arrives.
        let offset = gone.offset.clone();
        let (client, replayed, is_recovered) = gone.back(&server).await;
        assert!(is_recovered);
        let missed: Vec<_> = (1..=round).map(|it| json!(["missed", it])).collect();
        assert_eq!(replayed, missed);
        gone = client.cut(&io).await;
        gone.offset = offset;
    }
}

#[tokio::test]
async fn a_packet_that_was_lost_on_the_way_is_replayed_though_its_room_was_left() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    io.to("late").emit("before it joined", ()).unwrap();
    socket.join("early").unwrap();
    io.to("early").emit("lost", ()).unwrap();
    socket.leave("early");
    socket.join("late").unwrap();
    io.to("early").emit("after it left", ()).unwrap();
    io.except("early").emit("after it left, to others", ()).unwrap();
    // The connection dies before the client has read any of it.
    let offset = client.offset.clone();
    let mut gone = client.cut(&io).await;
    gone.offset = offset;
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(json!(replayed), json!([["lost"], ["after it left, to others"]]));
}

#[tokio::test]
async fn what_one_sends_to_others_does_not_come_back_to_it() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    socket.join("a").unwrap();
    let gone = client.cut(&io).await;
    socket.to("a").emit("from itself", ()).unwrap();
    socket.broadcast().emit("from itself", ()).unwrap();
    io.to("a").emit("from others", ()).unwrap();
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(replayed, [json!(["from others"])]);
}

#[tokio::test]
async fn binary_events_are_replayed_whole() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let gone = client.cut(&io).await;
    io.emit("image", (1, Binary(b"pixels".as_slice().into()))).unwrap();
    let mut client = Client::open(&server).await;
    client.send(&format!("40{}", gone.auth())).await;
    let text = client.text().await;
    let start = r#"451-["image",1,{"_placeholder":true,"num":0},""#;
    assert!(text.starts_with(start) && text.ends_with("\"]"), "{text}");
    assert_eq!(client.receive().await, Message::Binary(b"pixels".to_vec()));
    assert_eq!(field(&client.text().await, "pid"), gone.pid);
}

#[tokio::test]
async fn several_namespaces_of_one_connection_recover_each() {
    let io = recovering_server();
    io.of("/b");
    io.of("/c").recovery(None);
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    let mut connected = Vec::new();
    for namespace in ["", "/b,", "/c,"] {
        client.send(&format!("40{namespace}")).await;
        connected.push(client.text().await);
    }
    assert!(!connected[2].contains("pid"), "{}", connected[2]);
    for namespace in ["/", "/b", "/c"] {
        io.of(namespace).emit("first", ()).unwrap();
    }
    let mut auths = Vec::new();
    for connected in &connected[..2] {
        let text = client.text().await;
        let event: Vec<String> = serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
        auths.push(json!({ "pid": field(connected, "pid"), "offset": event[1] }));
    }
    assert_eq!(client.text().await, r#"42/c,["first"]"#);
    drop(client);
    until(|| ["/", "/b", "/c"].iter().all(|it| io.of(it).sockets_count() == 0)).await;
    for namespace in ["/", "/b", "/c"] {
        io.of(namespace).emit("missed", ()).unwrap();
    }
    let mut client = Client::open(&server).await;
    for (namespace, at) in [("", 0), ("/b,", 1)] {
        client.send(&format!("40{namespace}{}", auths[at])).await;
        let missed = client.text().await;
        assert!(missed.starts_with(&format!("42{namespace}[\"missed\",\"")), "{missed}");
        assert_eq!(client.text().await, connected[at]);
    }
    // A pid of another namespace is of no use.
    client.send(&format!("40/c,{}", auths[0])).await;
    assert!(!client.text().await.contains("pid"));
}

#[tokio::test]
async fn polling_clients_recover_and_upgrade_later() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let gone = client.cut(&io).await;
    io.emit("missed", &1).unwrap();
    let poll = "EIO=4&transport=polling";
    let sid = field(&request(&server, "GET", poll, "").await.1, "sid");
    let query = format!("{poll}&sid={sid}");
    let connect = format!("40{}", gone.auth());
    assert_eq!(request(&server, "POST", &query, &connect).await.0, 200);
    let (_, body) = request(&server, "GET", &query, "").await;
    let (missed, connected) = body.split_once('\x1e').unwrap();
    assert!(missed.starts_with(r#"42["missed",1,""#), "{body}");
    assert_eq!(field(connected, "pid"), gone.pid);
    // What was not polled before the upgrade comes by the WebSocket, and is replayed never again.
    let mut upgraded = Client::upgrade(&server, &format!("&sid={sid}")).await;
    upgraded.send("2probe").await;
    assert_eq!(upgraded.text().await, "3probe");
    io.emit("live", &2).unwrap();
    upgraded.send("5").await;
    loop {
        let text = upgraded.text().await;
        if text != "6" {
            assert!(text.starts_with(r#"42["live",2,""#), "{text}");
            break;
        }
    }
}

#[tokio::test]
async fn nothing_changes_for_clients_that_opt_out_or_where_recovery_is_off() {
    let io = recovering_server();
    let server = start(&io).await;
    let mut plain = Client::upgrade(&server, "&recovery=0").await;
    plain.text().await;
    plain.send("40").await;
    let connected = plain.text().await;
    assert!(!connected.contains("pid"), "{connected}");
    let id = field(&connected, "sid");
    let (mut client, _) = settled(&io, &server).await;
    io.of("/").socket(&id).unwrap().emit("own", &1).unwrap();
    io.emit("all", (1, 2)).unwrap();
    io.emit("all", ()).unwrap();
    assert_eq!(plain.text().await, r#"42["own",1]"#);
    assert_eq!(plain.text().await, r#"42["all",1,2]"#);
    assert_eq!(plain.text().await, r#"42["all"]"#);
    assert_eq!(client.event().await, json!(["all", 1, 2]));
    assert_eq!(client.event().await, json!(["all"]));

    let off = Server::builder().build();
    let server = start(&off).await;
    let mut client = Client::open(&server).await;
    client.send(r#"40{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"x"}"#).await;
    assert!(!client.text().await.contains("pid"));
    off.emit("all", ()).unwrap();
    assert_eq!(client.text().await, r#"42["all"]"#);
}

#[tokio::test]
async fn events_that_want_an_ack_carry_no_offset_and_are_not_replayed() {
    let io = recovering_server();
    let server = start(&io).await;
    let (mut client, socket) = settled(&io, &server).await;
    let answer = socket.emit_with_ack::<String>("ask", &1);
    assert_eq!(client.client.text().await, r#"420["ask",1]"#);
    client.client.send(r#"430["done"]"#).await;
    assert_eq!(answer.await.unwrap(), "done");
    let gone = client.cut(&io).await;
    let refused = socket.emit_with_ack::<String>("ask", &2).await;
    assert!(refused.is_err());
    let (_, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered && replayed.is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn volatile_events_carry_no_offset_and_are_not_replayed() {
    let io = recovering_server();
    let server = start(&io).await;
    let (mut client, socket) = settled(&io, &server).await;
    socket.volatile().emit("now", &1).unwrap();
    assert_eq!(client.client.text().await, r#"42["now",1]"#);
    io.volatile().emit("now", &2).unwrap();
    assert_eq!(client.client.text().await, r#"42["now",2]"#);
    let gone = client.cut(&io).await;
    socket.volatile().emit("now", &3).unwrap();
    io.volatile().emit("now", &4).unwrap();
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered && replayed.is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn rooms_of_a_client_that_comes_back_are_told() {
    let io = recovering_server();
    let (events, mut event) = tokio::sync::mpsc::unbounded_channel();
    let inner = io.clone();
    io.of("/").on_room_event(move |it| {
        // Code of the application may do as it likes: no lock is held.
        inner.to("nobody").emit("told", ()).unwrap();
        events.send(format!("{it:?}").split(' ').next().unwrap().to_owned()).unwrap();
    });
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    socket.join(["a", "b"]).unwrap();
    socket.leave("b");
    let gone = client.cut(&io).await;
    let (_client, _, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    let mut told = Vec::new();
    while let Ok(it) = event.try_recv() {
        told.push(it);
    }
    let (begin, end) = (["Create", "Join"], ["Leave", "Delete"]);
    assert_eq!(told, [begin, begin, end, end, begin].concat());
}

#[tokio::test]
async fn msgpack_clients_recover() {
    use switchboard::parser::Parser;
    use switchboard_sio::msgpack;

    /// The text behind the byte that says its length.
    fn text_after(message: &[u8], start: &[u8], length: usize) -> String {
        let at = message.windows(start.len()).position(|it| it == start).unwrap() + start.len();
        String::from_utf8(message[at..at + length].to_vec()).unwrap()
    }
    async fn binary(client: &mut Client) -> Vec<u8> {
        match client.receive().await {
            Message::Binary(message) => message,
            other => panic!("expected binary, got {other:?}"),
        }
    }
    async fn open(server: &Running, auth: &str) -> Client {
        let mut client = Client::open(server).await;
        let (auth, mut connect) = (serde_json::from_str(auth).unwrap(), Vec::new());
        msgpack::connect_request("/", Some(auth), &mut connect).unwrap();
        client.send_binary(&connect).await;
        client
    }
    let io = Server::builder().parser(Parser::msgpack()).recovery(Recovery::default()).build();
    let server = start(&io).await;
    let mut client = open(&server, "{}").await;
    let connected = binary(&mut client).await;
    let pid = text_after(&connected, b"\xa3pid\xb4", 20);
    io.emit("e", &1).unwrap();
    let offset = text_after(&binary(&mut client).await, b"\xb0", 16);
    drop(client);
    until(|| io.of("/").sockets_count() == 0).await;
    io.emit("missed", &2).unwrap();
    let auth = json!({ "pid": pid, "offset": offset }).to_string();
    let mut client = open(&server, &auth).await;
    let missed = binary(&mut client).await;
    let mut expected = Vec::new();
    let offset = text_after(&missed, b"\xb0", 16);
    msgpack::event("/", None, "missed", (2, offset), &mut expected).unwrap();
    assert_eq!(missed, expected);
    assert_eq!(binary(&mut client).await, connected);
}

#[tokio::test]
async fn clients_of_dynamic_namespaces_recover() {
    let io = recovering_server();
    let rooms = io.of_fn(async |name: String, _auth: Value| name.starts_with("/room-"));
    rooms.middleware(async |socket: Socket| {
        socket.set_identity("somebody");
        Ok(())
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40/room-1,").await;
    let connected = client.text().await;
    io.of("/room-1").emit("first", ()).unwrap();
    let text = client.text().await;
    let event: Vec<String> = serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
    drop(client);
    until(|| io.of("/room-1").sockets_count() == 0).await;
    io.of("/room-1").emit("missed", ()).unwrap();
    let mut client = Client::open(&server).await;
    let auth = json!({ "pid": field(&connected, "pid"), "offset": event[1] });
    client.send(&format!("40/room-1,{auth}")).await;
    let missed = client.text().await;
    assert!(missed.starts_with(r#"42/room-1,["missed",""#), "{missed}");
    assert_eq!(client.text().await, connected);
}
