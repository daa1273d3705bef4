//! Handlers that come and go: once, off, catch-alls, watchers of what is emitted, packet
//! middleware, and the end of a socket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use switchboard::{
    Ack, Binary, Data, DisconnectDescription, DisconnectReason, EventError, EventName, Handshake,
    Outgoing, Payload, Rejection, Rooms, Server, Socket, concurrent,
};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, Message, start, until, within};

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: impl Into<String>) {
    log.lock().unwrap().push(line.into());
}

fn lines(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Sends events, and waits until the server has handled them.
async fn send(client: &mut Client, packets: &[&str]) {
    client.send_all(packets).await;
    client.send(r#"420["done"]"#).await;
    while client.text().await != "430[]" {}
}

fn server() -> Server {
    let io = Server::builder().build();
    io.of("/").on("done", async |ack: Ack| ack.send(()).unwrap());
    io
}

#[tokio::test]
async fn a_handler_that_is_called_once_is_called_once() {
    let io = server();
    let log = Log::default();
    let (first, own) = (Arc::clone(&log), Arc::clone(&log));
    io.once("x", async move |socket: Socket| note(&first, socket.namespace()));
    io.on("connection", async move |socket: Socket| {
        let own = Arc::clone(&own);
        socket.once("x", async move |Data(n): Data<u32>| note(&own, n.to_string()));
    });
    let server = start(&io).await;
    let (mut one, _) = Client::connect(&server).await;
    let (mut two, _) = Client::connect(&server).await;
    send(&mut one, &[r#"42["x",1]"#, r#"42["x",2]"#]).await;
    assert_eq!(lines(&log), ["1", "/"]);
    // The second socket has its own; the one of the namespace has had its call.
    send(&mut two, &[r#"42["x",3]"#, r#"42["x",4]"#]).await;
    assert_eq!(lines(&log), ["3"]);
}

#[tokio::test]
async fn only_the_first_connection_calls_a_handler_once() {
    let io = server();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    io.once("connection", async move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let server = start(&io).await;
    for _ in 0..2 {
        let (mut client, _) = Client::connect(&server).await;
        send(&mut client, &[]).await;
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn handlers_are_taken_out_by_name_and_one_by_one() {
    let io = server();
    let log = Log::default();
    let add = |event: &'static str, name: &'static str| {
        let log = Arc::clone(&log);
        io.on(event, async move || note(&log, name))
    };
    let (a, b) = (add("x", "a"), add("x", "b"));
    add("y", "c");
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let both = [r#"42["x"]"#, r#"42["y"]"#];
    assert!(io.off_handler(a) && !io.off_handler(a));
    send(&mut client, &both).await;
    assert_eq!(lines(&log), ["b", "c"]);
    io.off("y");
    send(&mut client, &both).await;
    assert_eq!(lines(&log), ["b"]);
    assert!(io.of("/").off_handler(b));
    send(&mut client, &both).await;
    assert!(lines(&log).is_empty());
}

#[tokio::test]
async fn a_handler_may_take_itself_out() {
    let io = server();
    let log = Log::default();
    let noted = Arc::clone(&log);
    io.on("x", async move |socket: Socket| {
        note(&noted, "x");
        // Those of the namespace are not the socket's.
        socket.off("x");
    });
    let noted = Arc::clone(&log);
    io.on("connection", async move |socket: Socket| {
        let noted = Arc::clone(&noted);
        socket.on("x", async move |socket: Socket| {
            note(&noted, "own");
            socket.off("x");
            tokio::task::yield_now().await;
            note(&noted, "goes on");
        });
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    send(&mut client, &[r#"42["x"]"#, r#"42["x"]"#]).await;
    assert_eq!(lines(&log), ["own", "goes on", "x", "x"]);
}

#[tokio::test]
async fn catch_alls_run_before_the_handlers_of_an_event() {
    let io = server();
    let log = Log::default();
    let any = |name: &'static str| {
        let log = Arc::clone(&log);
        async move |EventName(event): EventName| {
            tokio::task::yield_now().await;
            note(&log, format!("{name} {event}"));
        }
    };
    io.on("x", any("handler"));
    io.on_any(any("second"));
    io.prepend_any(any("first"));
    let own = any("own");
    io.on("connection", async move |socket: Socket| {
        socket.on_any(own);
        assert_eq!(socket.listeners_any(), 1);
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    // An event that nobody knows, one named like an occasion, and one with a handler.
    client.send_all([r#"42["other"]"#, r#"42["connection"]"#, r#"42["x"]"#]).await;
    until(|| log.lock().unwrap().len() == 10).await;
    let expected = [
        ["own other", "first other", "second other"].as_slice(),
        &["own connection", "first connection", "second connection"],
        &["own x", "first x", "second x", "handler x"],
    ];
    assert_eq!(lines(&log), expected.concat());
    assert_eq!(io.listeners_any(), 2);
    io.off_any();
    assert_eq!(io.listeners_any(), 0);
    let socket = io.sockets().remove(0);
    socket.off_any();
    send(&mut client, &[r#"42["x"]"#]).await;
    assert_eq!(lines(&log), ["handler x"]);
}

#[tokio::test]
async fn a_catch_all_may_answer_the_ack() {
    let io = Server::builder().build();
    io.on_any(async |EventName(name): EventName, ack: Ack| ack.send(&name).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"427["what"]"#).await;
    assert_eq!(client.text().await, r#"437["what"]"#);
}

fn watcher(log: &Log, name: &'static str) -> impl Fn(&Outgoing<'_>) + Send + Sync + 'static {
    let log = Arc::clone(log);
    move |outgoing| {
        let to = outgoing.socket().map_or("all", |_| "one");
        note(&log, format!("{name} {to}: {}({})", outgoing.event(), outgoing.args_json()));
    }
}

#[tokio::test]
async fn watchers_see_emits_and_broadcasts_but_no_acks() {
    let io = server();
    let log = Log::default();
    let server = start(&io).await;
    let (mut client, id) = Client::connect(&server).await;
    let (_other, _) = Client::connect(&server).await;
    let socket = io.of("/").socket(&id).unwrap();
    let second = io.on_any_outgoing(watcher(&log, "second"));
    io.of("/").prepend_any_outgoing(watcher(&log, "first"));
    socket.on_any_outgoing(watcher(&log, "own"));
    assert_eq!((io.listeners_any_outgoing(), socket.listeners_any_outgoing()), (2, 1));
    socket.emit("a", (1, "two")).unwrap();
    io.emit("b", ()).unwrap();
    io.to(&id).emit("c", &[true]).unwrap();
    drop(socket.emit_with_ack::<()>("d", &Value::Null));
    drop(io.to(&id).emit_with_ack::<()>("asked", ()));
    let expected = [
        ["first one: a(1,\"two\")", "second one: a(1,\"two\")", "own one: a(1,\"two\")"],
        ["first all: b()", "second all: b()", "own one: b()"],
        ["first all: c([true])", "second all: c([true])", "own one: c([true])"],
        ["first one: d(null)", "second one: d(null)", "own one: d(null)"],
        ["first all: asked()", "second all: asked()", "own one: asked()"],
    ];
    assert_eq!(lines(&log), expected.concat());
    for expected in [
        r#"42["a",1,"two"]"#,
        r#"42["b"]"#,
        r#"42["c",[true]]"#,
        r#"420["d",null]"#,
        r#"421["asked"]"#,
    ] {
        assert_eq!(client.text().await, expected);
    }
    // An ack is no event.
    send(&mut client, &[]).await;
    io.off_handler(second);
    socket.off_any_outgoing();
    io.emit("e", ()).unwrap();
    assert_eq!(lines(&log), ["first all: e()"]);
    io.off_any_outgoing();
    io.emit("f", ()).unwrap();
    assert!(lines(&log).is_empty());
}

#[tokio::test]
async fn watched_arguments_decode_also_with_binary() {
    let io = server();
    let seen = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&seen);
    io.on_any_outgoing(move |outgoing: &Outgoing<'_>| {
        let (name, bytes): (String, Binary) = outgoing.args().unwrap();
        *kept.lock().unwrap() = Some((name, bytes.0.to_vec()));
        assert_eq!(outgoing.arg::<String>().unwrap(), "x");
        assert_eq!(outgoing.attachments().len(), 1);
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    io.emit("file", ("x", Binary(vec![1, 2].into()))).unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(("x".to_owned(), vec![1, 2])));
    assert!(client.text().await.starts_with(r#"451-["file","x","#));
    assert_eq!(client.receive().await, Message::Binary(vec![1, 2]));
}

#[tokio::test]
async fn packet_middleware_refuses_before_any_handler() {
    let io = server();
    let log = Log::default();
    let (any, shared, error, own_error) = (log.clone(), log.clone(), log.clone(), log.clone());
    io.on_any(async move |EventName(name): EventName| note(&any, name));
    io.event_middleware(async move |EventName(name): EventName, payload: RawArgs| {
        tokio::task::yield_now().await;
        note(&shared, format!("check {name} {}", payload.0));
        match name.as_str() {
            "bad" => Err(EventError::new("no").data(&json!({ "status": 403, "error": "x" }))),
            _ => Ok(()),
        }
    });
    io.on("error", async move |socket: Socket, it: EventError| {
        note(&error, format!("{it} {} {}", it.details()["status"], socket.is_connected()));
    });
    io.on("bad", async || panic!("refused events have no handler"));
    io.on("connection", async move |socket: Socket| {
        let own_error = own_error.clone();
        socket.middleware(async |Data(n): Data<Option<u32>>| match n {
            Some(13) => Err(EventError::new("unlucky").data(&[1])),
            _ => Ok(()),
        });
        socket.on("error", async move |it: EventError| note(&own_error, format!("own: {it}")));
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"421["bad",1]"#).await;
    assert_eq!(client.text().await, r#"431[{"error":"no","status":403}]"#);
    client.send(r#"422["good",13]"#).await;
    assert_eq!(client.text().await, r#"432[{"error":"unlucky","data":[1]}]"#);
    // What the check cannot take is refused too.
    client.send(r#"423["good","text"]"#).await;
    let refusal = client.text().await;
    assert!(refusal.starts_with(r#"433[{"error":"could not read the arguments"#), "{refusal}");
    lines(&log);
    send(&mut client, &[r#"42["good",1]"#, r#"42["bad"]"#]).await;
    let log = lines(&log);
    let expected =
        ["check good 1", "good", "check bad ", "own: no", "no 403 true", "check done ", "done"];
    assert_eq!(log, expected);
}

#[tokio::test]
async fn a_client_cannot_forge_an_error() {
    let io = server();
    let log = Log::default();
    let (shared, own) = (log.clone(), log.clone());
    io.on("error", async move || note(&shared, "shared"));
    io.on("connection", async move |socket: Socket| {
        let (own, plain) = (own.clone(), own.clone());
        socket.on("error", async move |_: EventError| note(&own, "refusal"));
        socket.on("error", async move |Data(text): Data<String>| note(&plain, text));
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    send(&mut client, &[r#"42["error","mine"]"#]).await;
    assert_eq!(lines(&log), ["mine"]);
}

#[tokio::test]
async fn a_socket_that_goes_knows_its_rooms_until_it_has_gone() {
    let io = server();
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let (leaving, left, opened) = (log.clone(), log.clone(), Arc::clone(&gate));
    io.on("connection", async |socket: Socket| socket.join("a").unwrap());
    let tell = async move |socket: Socket, Rooms(rooms): Rooms, reason: DisconnectReason| {
        note(&leaving, format!("{reason}: {rooms:?}, {}", socket.is_connected()));
        opened.notified().await;
        // Still, although it has waited.
        note(&leaving, format!("{:?}", socket.rooms()));
    };
    io.on("disconnecting", tell);
    io.on("disconnect", async move |Rooms(rooms): Rooms, socket: Socket| {
        note(&left, format!("gone: {rooms:?} {:?}", socket.rooms()));
    });
    let server = start(&io).await;
    for how in ["by the client", "by the server"] {
        let (mut client, id) = Client::connect(&server).await;
        send(&mut client, &[]).await;
        assert_eq!(io.of("/").rooms_count(), 1);
        let reason = if how == "by the client" {
            client.send("41").await;
            "client namespace disconnect"
        } else {
            io.of("/").socket(&id).unwrap().disconnect();
            "server namespace disconnect"
        };
        until(|| !log.lock().unwrap().is_empty()).await;
        // It has left its rooms, whatever its handlers wait for.
        assert_eq!((io.of("/").rooms_count(), io.of("/").sockets_count()), (0, 0));
        gate.notify_one();
        until(|| log.lock().unwrap().len() == 3).await;
        let expected = [format!("{reason}: [\"a\"], false"), "[\"a\"]".to_owned()];
        let all = lines(&log);
        assert_eq!(all[..2], expected);
        assert_eq!(all[2], "gone: [] []");
    }
}

#[tokio::test]
async fn a_disconnect_has_a_description_where_there_is_one() {
    let io = Server::builder().build();
    let (ends, mut end) = mpsc::channel(1);
    io.on(
        "disconnect",
        async move |reason: DisconnectReason,
                    DisconnectDescription(more): DisconnectDescription| {
            ends.send((reason, more)).await.unwrap();
        },
    );
    io.on("boom", async || panic!("as the test demands"));
    let server = start(&io).await;
    let cases = [
        ("42{}", DisconnectReason::ForcedClose, Some("no Socket.IO packet")),
        (r#"42["boom"]"#, DisconnectReason::ForcedClose, Some("a handler panicked")),
        ("41", DisconnectReason::ClientNamespace, None),
    ];
    for (packet, reason, description) in cases {
        let (mut client, _) = Client::connect(&server).await;
        client.send(packet).await;
        assert_eq!(within(end.recv()).await, Some((reason, description)));
    }
}

#[tokio::test]
async fn a_handshake_is_whole_also_as_json() {
    let io = server();
    io.on("connection", async |socket: Socket, handshake: Handshake| {
        assert!(handshake.time().elapsed().unwrap().as_secs() < 600);
        assert_eq!(handshake.auth::<Value>().unwrap(), json!({ "token": "t" }));
        socket.emit("handshake", &handshake).unwrap();
    });
    io.on("auth", async |ack: Ack, handshake: Handshake| {
        ack.send(&handshake.auth::<Value>()).unwrap();
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.join(r#"40{"token":"t"}"#).await;
    let text = client.text().await;
    let packet: Value = serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap();
    let handshake = &packet[1];
    let keys: Vec<_> = handshake.as_object().unwrap().keys().collect();
    let expected =
        ["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"];
    assert_eq!(keys, expected);
    assert_eq!(handshake["auth"], json!({ "token": "t" }));
    assert_eq!(handshake["query"], json!({ "EIO": "4", "transport": "websocket" }));
    assert_eq!(handshake["headers"]["upgrade"], "websocket");
    assert_eq!(handshake["address"], "127.0.0.1");
    assert_eq!((&handshake["secure"], &handshake["xdomain"]), (&json!(false), &json!(false)));
    assert_eq!(handshake["url"], "/socket.io/?EIO=4&transport=websocket");
    assert!(handshake["issued"].as_u64().is_some());
    assert!(handshake["time"].as_str().unwrap().ends_with("(Coordinated Universal Time)"));
    client.send(r#"421["auth"]"#).await;
    assert_eq!(client.text().await, r#"431[{"token":"t"}]"#);
    // So much is not kept; the connection handler would have seen it.
    let mut verbose = Client::open(&server).await;
    io.off("connection");
    verbose.join(&format!(r#"40{{"token":"{}"}}"#, "x".repeat(20_000))).await;
    verbose.send(r#"421["auth"]"#).await;
    assert_eq!(verbose.text().await, "431[null]");
}

/// The raw arguments, by an extractor as an application would write it.
struct RawArgs(String);

impl switchboard::FromContext for RawArgs {
    fn from_context(context: &switchboard::Context<'_>) -> Result<Self, Rejection> {
        let args = context.payload().map(Payload::args_json);
        Ok(Self(args.unwrap_or_default().to_owned()))
    }
}

#[tokio::test]
async fn an_extractor_may_be_optional() {
    let io = Server::builder().build();
    let log = async |number: Result<Data<u32>, Rejection>,
                     text: Option<Data<String>>,
                     error: Option<EventError>,
                     ack: Ack| {
        assert!(error.is_none());
        ack.send((number.is_ok(), text.map(|it| it.0))).unwrap();
    };
    io.on("x", log);
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"421["x","one"]"#, r#"422["x",1]"#]).await;
    assert_eq!(client.text().await, r#"431[false,"one"]"#);
    assert_eq!(client.text().await, "432[true,null]");
}

#[tokio::test]
async fn a_concurrent_handler_has_several_events_in_hand_but_no_more_than_it_says() {
    let io = server();
    let (begun, gate) = (Log::default(), Arc::new(tokio::sync::Semaphore::new(0)));
    let (noted, opened) = (Arc::clone(&begun), Arc::clone(&gate));
    let slow = async move |Data(n): Data<u32>, ack: Ack| {
        note(&noted, n.to_string());
        opened.acquire().await.unwrap().forget();
        ack.send(&n).unwrap();
    };
    io.on("slow", concurrent(2, slow));
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    // Others do not wait for it, ...
    send(&mut client, &[r#"421["slow",1]"#, r#"422["slow",2]"#]).await;
    // ... until one more comes than it takes.
    client.send_all([r#"423["slow",3]"#, r#"424["done"]"#]).await;
    assert_eq!(*begun.lock().unwrap(), ["1", "2"]);
    gate.add_permits(1);
    let first = client.text().await;
    assert!(first == "431[1]" || first == "432[2]", "{first}");
    assert_eq!(client.text().await, "434[]");
    until(|| begun.lock().unwrap().len() == 3).await;
    assert_eq!(*begun.lock().unwrap(), ["1", "2", "3"]);
    gate.add_permits(2);
    let mut rest = [first, client.text().await, client.text().await];
    rest.sort();
    assert_eq!(rest, ["431[1]", "432[2]", "433[3]"]);
}

#[tokio::test]
async fn concurrent_events_end_before_their_socket_does() {
    let io = server();
    let (log, gate) = (Log::default(), Arc::new(Notify::new()));
    let (begun, ended, gone, opened) = (log.clone(), log.clone(), log.clone(), gate.clone());
    let slow = async move || {
        note(&begun, "begun");
        opened.notified().await;
        note(&ended, "ended");
    };
    io.on("slow", concurrent(8, slow));
    io.on("disconnect", async move || note(&gone, "gone"));
    io.on("boom", concurrent(8, async || panic!("as the test demands")));
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    send(&mut client, &[r#"42["slow"]"#]).await;
    client.send(r#"41"#).await;
    until(|| log.lock().unwrap().len() == 2).await;
    gate.notify_one();
    until(|| log.lock().unwrap().len() == 3).await;
    assert_eq!(lines(&log), ["begun", "gone", "ended"]);
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["boom"]"#).await;
    assert_eq!(client.close_code().await, Some(1011));
}

#[tokio::test]
async fn concurrent_handlers_of_several_events_do_not_wait_for_each_other() {
    let io = server();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let slow = async move |ack: Ack| {
        opened.notified().await;
        ack.send(()).unwrap();
    };
    io.on("slow", concurrent(8, slow));
    io.on("quick", concurrent(2, async |ack: Ack| ack.send("quick").unwrap()));
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"421["slow"]"#, r#"422["slow"]"#, r#"423["quick"]"#]).await;
    assert_eq!(client.text().await, r#"433["quick"]"#);
    gate.notify_waiters();
    let mut rest = [client.text().await, client.text().await];
    rest.sort();
    assert_eq!(rest, ["431[]", "432[]"]);
}
