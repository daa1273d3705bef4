//! Dynamic namespaces: families by pattern and by function, their handlers, and their children.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use regex::Regex;
use serde_json::Value;
use switchboard::{Ack, ConnectError, Data, EventError, Server, Socket};
use tokio::sync::Notify;

use crate::client::{Client, start, until, within};

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

#[tokio::test]
async fn a_pattern_lets_clients_make_namespaces() {
    let io = Server::builder().build();
    let games = io.of_matching(pattern("^/game-[0-9]+$"));
    games.on("connection", async |socket: Socket| {
        socket.emit("welcome", socket.namespace()).unwrap();
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40/game-1,").await;
    assert!(client.text().await.starts_with(r#"40/game-1,{"sid":"#));
    assert_eq!(client.text().await, r#"42/game-1,["welcome","/game-1"]"#);
    client.send("40/game-x,").await;
    assert_eq!(client.text().await, r#"44/game-x,{"message":"Invalid namespace"}"#);
    let names: Vec<_> = games.children().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, ["/game-1"]);
    assert_eq!(games.child("/game-1").unwrap().sockets_count(), 1);
    assert!(games.child("/game-2").is_none());
    // Whoever names it in the application means the same namespace, or makes a child too.
    assert_eq!(io.of("/game-1").sockets_count(), 1);
    io.of("/game-2");
    assert!(games.child("/game-2").is_some());
}

#[tokio::test]
async fn a_function_decides_by_name_and_auth() {
    let io = Server::builder().build();
    let secret = Arc::new("open sesame".to_owned());
    io.of_fn(async move |name: String, auth: Value| {
        tokio::task::yield_now().await;
        name.starts_with("/cave") && auth["word"] == **secret
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    let refusal = r#"44/cave,{"message":"Invalid namespace"}"#;
    client.send("40/cave,").await;
    assert_eq!(client.text().await, refusal);
    client.send(r#"40/cave,{"word":"please"}"#).await;
    assert_eq!(client.text().await, refusal);
    client.send(r#"40/cave,{"word":"open sesame"}"#).await;
    assert!(client.text().await.starts_with(r#"40/cave,{"sid":"#));
    // It exists now, so nobody is asked, as in the official server.
    let mut other = Client::open(&server).await;
    other.send("40/cave,").await;
    assert!(other.text().await.starts_with(r#"40/cave,{"sid":"#));
}

#[tokio::test]
async fn families_are_asked_in_order() {
    let io = Server::builder().build();
    let log = Arc::new(Mutex::new(Vec::new()));
    let first = Arc::clone(&log);
    let asked = io.of_fn(async move |name, _auth| {
        first.lock().unwrap().push(name.clone());
        name == "/a"
    });
    let matched = io.of_matching(pattern("^/[ab]$"));
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    for name in ["/a", "/b"] {
        client.send(&format!("40{name},")).await;
        assert!(client.text().await.starts_with(&format!("40{name},")));
    }
    assert_eq!(*log.lock().unwrap(), ["/a", "/b"]);
    assert!(asked.child("/a").is_some() && matched.child("/b").is_some());
    assert!(asked.child("/b").is_none() && matched.child("/a").is_none());
}

#[tokio::test]
async fn a_question_that_waits_does_not_hold_up_other_namespaces() {
    let io = Server::builder().build();
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    io.of_fn(async move |_name, _auth| {
        opened.notified().await;
        true
    });
    io.on("echo", async |ack: Ack| ack.send(()).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send("40/slow,").await;
    client.send(r#"421["echo"]"#).await;
    assert_eq!(client.text().await, "431[]");
    gate.notify_one();
    assert!(client.text().await.starts_with(r#"40/slow,{"sid":"#));
}

#[tokio::test]
async fn two_clients_that_ask_at_once_get_the_same_namespace() {
    let io = Server::builder().build();
    let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (asking, opened) = (Arc::clone(&asked), Arc::clone(&gate));
    let made = Arc::new(AtomicUsize::new(0));
    let making = Arc::clone(&made);
    io.on_new_namespace(move |_| {
        making.fetch_add(1, Ordering::SeqCst);
    });
    let family = io.of_fn(async move |_name, _auth| {
        let waiting = opened.notified();
        asking.fetch_add(1, Ordering::SeqCst);
        waiting.await;
        true
    });
    let server = start(&io).await;
    let mut clients = [Client::open(&server).await, Client::open(&server).await];
    for client in &mut clients {
        client.send("40/x,").await;
    }
    until(|| asked.load(Ordering::SeqCst) == 2).await;
    gate.notify_waiters();
    for client in &mut clients {
        assert!(client.text().await.starts_with("40/x,"));
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
    until(|| family.child("/x").is_some_and(|it| it.sockets_count() == 2)).await;
}

#[tokio::test]
async fn children_have_what_the_family_has_also_later() {
    let io = Server::builder().build();
    let family = io.of_matching(pattern("^/c"));
    family.middleware(async |socket: Socket| match socket.namespace() {
        "/closed" => Err(ConnectError::new("closed").data(&1)),
        _ => Ok(()),
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40/closed,").await;
    assert_eq!(client.text().await, r#"44/closed,{"message":"closed","data":1}"#);
    client.send("40/c,").await;
    assert!(client.text().await.starts_with("40/c,"));
    // The official server would not tell the existing child any more.
    family.on("say", async |Data(text): Data<String>, socket: Socket| {
        socket.emit("family", &text).unwrap();
    });
    io.of("/c").on("say", async |socket: Socket| socket.emit("child", ()).unwrap());
    family.once("say", async |socket: Socket| socket.emit("once", ()).unwrap());
    let any = family.on_any(async |socket: Socket| socket.emit("any", ()).unwrap());
    family.event_middleware(async |Data(text): Data<String>| match text.as_str() {
        "bad" => Err(EventError::new("bad word")),
        _ => Ok(()),
    });
    client.send(r#"42/c,["say","hi"]"#).await;
    for expected in [r#"["any"]"#, r#"["child"]"#, r#"["family","hi"]"#, r#"["once"]"#] {
        assert_eq!(client.text().await, format!("42/c,{expected}"));
    }
    assert!(family.off_handler(any));
    client.send(r#"42/c,["say","hi"]"#).await;
    for expected in [r#"["child"]"#, r#"["family","hi"]"#] {
        assert_eq!(client.text().await, format!("42/c,{expected}"));
    }
    client.send(r#"42/c,7["say","bad"]"#).await;
    assert_eq!(client.text().await, r#"43/c,7[{"error":"bad word"}]"#);
}

#[tokio::test]
async fn a_family_broadcasts_to_all_its_namespaces() {
    let io = Server::builder().build();
    let family = io.of_matching(pattern("^/t-"));
    family.on("join", async |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.join(&room).unwrap();
        ack.send(()).unwrap();
    });
    let watched = Arc::new(AtomicUsize::new(0));
    let watching = Arc::clone(&watched);
    family.on_any_outgoing(move |_| {
        watching.fetch_add(1, Ordering::SeqCst);
    });
    let server = start(&io).await;
    let mut clients = Vec::new();
    for name in ["/t-1", "/t-2"] {
        let mut client = Client::open(&server).await;
        client.send(&format!("40{name},")).await;
        client.text().await;
        clients.push((name, client));
    }
    clients[0].1.send(r#"42/t-1,1["join","a"]"#).await;
    assert_eq!(clients[0].1.text().await, "43/t-1,1[]");
    family.emit("all", (1, "x")).unwrap();
    family.to("a").emit("a", ()).unwrap();
    family.except("a").emit("not a", ()).unwrap();
    family.broadcast().emit("end", ()).unwrap();
    for (name, client) in &mut clients {
        let mine = if *name == "/t-1" { r#"["a"]"# } else { r#"["not a"]"# };
        for expected in [r#"["all",1,"x"]"#, mine, r#"["end"]"#] {
            assert_eq!(client.text().await, format!("42{name},{expected}"));
        }
    }
    // Each of the four in each of the two namespaces.
    assert_eq!(watched.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_family_knows_and_moves_the_sockets_of_all_its_namespaces() {
    let io = Server::builder().build();
    let family = io.of_fn(async |name, _auth| name.starts_with("/t-"));
    let server = start(&io).await;
    let mut clients = Vec::new();
    for name in ["/t-1", "/t-2"] {
        let mut client = Client::open(&server).await;
        client.send(&format!("40{name},")).await;
        client.text().await;
        clients.push((name, client));
    }
    assert_eq!((family.sockets_count(), family.sockets().len()), (2, 2));
    assert_eq!(family.fetch_sockets().await.unwrap().len(), 2);
    io.of("/t-1").sockets_join("one");
    family.sockets_join(["both", "other"]);
    family.in_("one").sockets_leave("other");
    assert_eq!(family.within("other").fetch_sockets().await.unwrap().len(), 1);
    assert_eq!(family.to("both").sockets().len(), 2);
    family.send(&1).unwrap();
    family.in_("one").within("other").send(&2).unwrap();
    family.local().compress(false).emit("end", ()).unwrap();
    for (name, client) in &mut clients {
        for expected in [r#"["message",1]"#, r#"["message",2]"#, r#"["end"]"#] {
            assert_eq!(client.text().await, format!("42{name},{expected}"));
        }
    }
    family.to("one").disconnect_sockets(false);
    assert_eq!(clients[0].1.text().await, "41/t-1,");
    assert_eq!(family.sockets_count(), 1);
    family.sockets_leave("both");
    assert!(family.to("both").sockets().is_empty());
}

#[tokio::test]
async fn a_new_namespace_is_announced_before_a_client_gets_in() {
    let io = Server::builder().build();
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&names);
    io.on_new_namespace(move |namespace| {
        noted.lock().unwrap().push(namespace.name().to_owned());
        namespace.on("connection", async |socket: Socket| socket.emit("announced", ()).unwrap());
    });
    io.of("/plain");
    io.of("/plain");
    io.of_matching(pattern("^/d-"));
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40/d-1,").await;
    assert!(client.text().await.starts_with("40/d-1,"));
    assert_eq!(client.text().await, r#"42/d-1,["announced"]"#);
    assert_eq!(*names.lock().unwrap(), ["/plain", "/d-1"]);
}

#[tokio::test]
async fn an_empty_child_ends_if_that_is_wanted() {
    for wanted in [false, true] {
        let io = Server::builder().cleanup_empty_child_namespaces(wanted).build();
        let family = io.of_matching(pattern("^/d-"));
        family.middleware(async |socket: Socket| match socket.namespace() {
            "/d-refused" => Err(ConnectError::new("no")),
            _ => Ok(()),
        });
        let server = start(&io).await;
        let mut clients = [Client::open(&server).await, Client::open(&server).await];
        for client in &mut clients {
            client.send_all(["40/d-refused,", "40/d-1,"]).await;
            assert_eq!(client.text().await, r#"44/d-refused,{"message":"no"}"#);
            assert!(client.text().await.starts_with("40/d-1,"));
        }
        let [mut first, second] = clients;
        first.send_all(["41/d-1,", "40/d-2,"]).await;
        assert!(first.text().await.starts_with("40/d-2,"));
        let exists = |name: &str| family.child(name).is_some();
        assert!(exists("/d-1"), "somebody is still in it");
        drop((first, second));
        until(|| io.clients_count() == 0).await;
        if wanted {
            until(|| family.children().is_empty()).await;
        } else {
            assert!(exists("/d-1") && exists("/d-2") && exists("/d-refused"));
        }
    }
}

#[tokio::test]
async fn clients_that_come_and_go_never_lose_their_namespace() {
    let io = Server::builder().cleanup_empty_child_namespaces(true).build();
    let family = io.of_matching(pattern("^/d$"));
    let server = start(&io).await;
    let mut clients = [Client::open(&server).await, Client::open(&server).await];
    for round in 0..200 {
        let client = &mut clients[round % 2];
        client.send("40/d,").await;
        assert!(client.text().await.starts_with("40/d,"));
        // Reachable by name: it is not one that has just been removed.
        until(|| family.child("/d").is_some_and(|it| it.sockets_count() != 0)).await;
        io.of("/d").emit("n", &round).unwrap();
        assert_eq!(client.text().await, format!(r#"42/d,["n",{round}]"#));
        client.send("41/d,").await;
    }
    until(|| family.children().is_empty()).await;
}

#[tokio::test]
async fn clients_cannot_make_more_namespaces_than_the_bound() {
    let io = Server::builder().max_child_namespaces(3).build();
    let family = io.of_matching(pattern("^/d-"));
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    for n in 0..3 {
        client.send(&format!("40/d-{n},")).await;
        assert!(client.text().await.starts_with(&format!("40/d-{n},")));
    }
    client.send("40/d-3,").await;
    assert_eq!(client.text().await, r#"44/d-3,{"message":"Too many namespaces"}"#);
    // Those without sockets make room.
    client.send("41/d-0,").await;
    loop {
        client.send("40/d-3,").await;
        if client.text().await.starts_with("40/d-3,") {
            break;
        }
    }
    assert!(family.child("/d-0").is_none());
    assert_eq!(family.children().len(), 3);
    // One client after the other may come by: nobody is refused because of those who have left.
    for n in 0..50 {
        client.send_all([&format!("41/d-{},", n + 3), &format!("40/d-{},", n + 4)]).await;
        assert!(client.text().await.starts_with(&format!("40/d-{},", n + 4)));
        assert!(family.children().len() <= 3);
    }
}

#[tokio::test]
async fn a_question_that_panics_costs_its_own_connection() {
    let io = Server::builder().build();
    io.of_fn(
        async |name, _auth| if name == "/boom" { panic!("as the test demands") } else { true },
    );
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    client.send("40/boom,").await;
    assert_eq!(client.close_code().await, Some(1011));
    let mut other = Client::open(&server).await;
    other.send("40/fine,").await;
    assert!(other.text().await.starts_with("40/fine,"));
}

/// Says when it is dropped.
struct Witness(Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn circles_of_handlers_and_sockets_do_not_leak() {
    let io = Server::builder().build();
    let gone = Arc::new(AtomicBool::new(false));
    let witness = Arc::new(Witness(Arc::clone(&gone)));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    io.on("connection", async move |socket: Socket| {
        // Three circles: a closure that holds its socket, one inside the other, and a value.
        let (held, inner) = (socket.clone(), socket.clone());
        let (first, second) = (Arc::clone(&witness), Arc::clone(&witness));
        socket.on("x", async move || drop((held, first)));
        socket.on("y", async move || {
            let again = inner.clone();
            inner.on("z", async move || drop((again, second)));
        });
        socket.insert((socket.clone(), Arc::clone(&witness)));
        socket.on_any_outgoing({
            let held = (socket.clone(), Arc::clone(&witness));
            move |_| {
                let (socket, _kept) = &held;
                socket.id();
            }
        });
        keep.lock().unwrap().push(socket);
    });
    io.on("done", async |ack: Ack| ack.send(()).unwrap());
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send_all([r#"42["y"]"#, r#"421["done"]"#]).await;
    assert_eq!(client.text().await, "431[]");
    drop(client);
    io.off("connection");
    until(|| gone.load(Ordering::SeqCst)).await;
    // The application keeps its clone, which does no harm and keeps nothing any more.
    let socket = kept.lock().unwrap().remove(0);
    assert!(!socket.is_connected());
    let late = Arc::new(());
    let held = (socket.clone(), Arc::clone(&late));
    socket.on("x", async move || drop(held));
    socket.insert(Arc::clone(&late));
    socket.on_any_outgoing({
        let late = Arc::clone(&late);
        move |_| assert_eq!(Arc::strong_count(&late), 0, "nobody calls it")
    });
    socket.set_data(&1).unwrap();
    assert_eq!((Arc::strong_count(&late), socket.data::<u32>()), (1, None));
    socket.emit("nobody", ()).unwrap();
}

#[tokio::test]
async fn a_server_that_has_been_closed_drops_its_handlers() {
    let io = Server::builder().build();
    let [a, b, c, d, e] = std::array::from_fn(|_| Arc::new(()));
    let held = (io.clone(), Arc::clone(&a));
    io.on("x", async move || drop(held));
    let held = (io.clone(), Arc::clone(&b));
    io.of_matching(pattern("^/d")).on("x", async move || drop(held));
    let held = (io.clone(), Arc::clone(&c));
    io.on_new_namespace(move |_| {
        // The whole pair, not a part of it.
        let (io, _kept) = &held;
        io.clients_count();
    });
    let held = (io.clone(), Arc::clone(&d));
    io.on_server_side("x", move |_| {
        let held = held.clone();
        async move { drop(held) }
    });
    let held = (io.clone(), Arc::clone(&e));
    io.on_room_event(move |_| {
        let (io, _kept) = &held;
        io.clients_count();
    });
    let server = start(&io).await;
    let (client, _) = Client::connect(&server).await;
    drop(client);
    server.stop().await;
    within(io.close()).await;
    for held in [a, b, c, d, e] {
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

/// A late packet for a namespace that it was put out of is forgiven, but not for ever.
#[tokio::test]
async fn a_client_that_is_put_out_again_and_again_costs_no_more_memory_each_time() {
    let io = Server::builder().build();
    io.of_matching(pattern("^/game-[0-9]+$")).on("connection", async |socket: Socket| {
        socket.disconnect();
    });
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    for n in 0..=100 {
        client.send(&format!("40/game-{n},")).await;
        assert!(client.text().await.starts_with(&format!("40/game-{n},")));
        assert_eq!(client.text().await, format!("41/game-{n},"));
    }
    client.send_all([r#"42/game-100,["late"]"#, r#"42/game-1,["late"]"#, "40/none,"]).await;
    assert_eq!(client.text().await, r#"44/none,{"message":"Invalid namespace"}"#);
    client.send(r#"42/game-0,["late"]"#).await;
    assert_eq!(client.close_code().await, Some(1002));
}
