//! Several servers that act as one.

use std::time::Duration;

use switchboard::cluster::{Local, ServerSide, ServerSideAckError};
use switchboard::{AckError, Binary, BroadcastAckError, Server, Socket};

use tokio::sync::oneshot;

use crate::client::{Client, Running, start, within};

/// Two servers of one cluster, each with a client.
struct Pair {
    here: Server,
    there: Server,
    running: [Running; 2],
    near: (Client, String),
    far: (Client, String),
}

async fn pair() -> Pair {
    let cluster = Local::new();
    let [here, there] = [(); 2].map(|()| Server::builder().cluster(&cluster).build());
    let running = [start(&here).await, start(&there).await];
    let near = Client::connect(&running[0]).await;
    let far = Client::connect(&running[1]).await;
    Pair { here, there, running, near, far }
}

#[tokio::test]
async fn a_broadcast_reaches_the_sockets_of_every_server_once() {
    let Pair { here, there, mut near, mut far, running: _servers } = pair().await;
    assert_eq!((here.server_count(), there.server_count()), (2, 2));
    here.emit("all", &1).unwrap();
    here.local().emit("here", ()).unwrap();
    there.to(&near.1).emit("one", ()).unwrap();
    here.of("/").socket(&near.1).unwrap().broadcast().emit("others", ()).unwrap();
    there.except(&near.1).emit("far", ()).unwrap();
    here.volatile().to(&far.1).local().emit("nobody", ()).unwrap();
    here.emit("end", ()).unwrap();
    for expected in [r#""all",1"#, r#""here""#, r#""one""#, r#""end""#] {
        assert_eq!(near.0.text().await, format!("42[{expected}]"));
    }
    for expected in [r#""all",1"#, r#""others""#, r#""far""#, r#""end""#] {
        assert_eq!(far.0.text().await, format!("42[{expected}]"));
    }
    // A namespace that only one of them has is no trouble.
    here.of("/only here").emit("nobody", ()).unwrap();
    assert!(here.of("/only here").fetch_sockets().await.unwrap().is_empty());
    let asked = here.of("/only here").emit_with_ack::<()>("nobody", ());
    assert!(within(asked.into_future()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_comes_from_another_server_is_shown_to_whoever_watches() {
    for parser in [None, Some(switchboard::parser::Parser::msgpack())] {
        let cluster = Local::new();
        let is_msgpack = parser.is_some();
        let [here, there] = [(); 2].map(|()| {
            let builder = Server::builder().cluster(&cluster);
            match parser.clone() {
                Some(parser) => builder.parser(parser).build(),
                None => builder.build(),
            }
        });
        let (shown, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let by_socket = shown.clone();
        there.on("connection", async move |socket: Socket| {
            let shown = by_socket.clone();
            socket.on_any_outgoing(move |it| {
                let bytes = it.attachments().iter().map(|it| it.len()).sum::<usize>();
                shown.send(format!("socket {} {}", it.event(), bytes)).unwrap();
            });
        });
        there.on_any_outgoing(move |it| {
            assert!(it.socket().is_none());
            shown.send(format!("all {} {}", it.event(), it.args_json())).unwrap();
        });
        let running = start(&there).await;
        let _client = if is_msgpack {
            let mut client = Client::open(&running).await;
            let mut connect = Vec::new();
            switchboard_sio::msgpack::connect_request("/", None, &mut connect).unwrap();
            client.send_binary(&connect).await;
            client.receive().await;
            client
        } else {
            Client::connect(&running).await.0
        };
        here.emit("news", (1, "x")).unwrap();
        here.to("nobody").emit("away", ()).unwrap();
        here.emit("image", &Binary(b"pixels".as_slice().into())).unwrap();
        drop(here.emit_with_ack::<()>("asked", &2));
        let mut told = Vec::new();
        while let Ok(it) = seen.try_recv() {
            told.push(it);
        }
        let bytes = r#"{"_placeholder":true,"num":0}"#;
        let expected =
            [r#"all news 1,"x""#, "socket news 0", "all away ", &format!("all image {bytes}")];
        assert_eq!(told[..4], expected);
        assert_eq!(told[4..], ["socket image 6", "all asked 2", "socket asked 0"]);
    }
}

#[tokio::test]
async fn sockets_of_every_server_are_fetched_moved_and_put_out() {
    let Pair { here, there, near, mut far, running: _servers } = pair().await;
    there.of("/").socket(&far.1).unwrap().set_data("Ada").unwrap();
    let mut all = here.fetch_sockets().await.unwrap();
    assert_eq!(all.len(), 2);
    let at = all.iter().position(|it| it.id().as_str() == far.1).unwrap();
    let fetched = all.remove(at);
    assert_eq!(fetched.data::<String>().as_deref(), Some("Ada"));
    assert!(fetched.handshake().header("host").is_some());
    assert_eq!(here.local().fetch_sockets().await.unwrap()[0].id().as_str(), near.1);
    fetched.join(["x", "y"]);
    fetched.leave("y");
    here.to("x").sockets_join("z");
    assert_eq!(there.to("z").sockets().len(), 1);
    assert_eq!(there.of("/").rooms_count(), 2);
    here.to("z").local().sockets_leave("z");
    assert_eq!(there.to("z").sockets().len(), 1);
    fetched.emit("hello", ()).unwrap();
    assert_eq!(far.0.text().await, r#"42["hello"]"#);
    let asked = fetched.emit_with_ack::<u8>("n?", ());
    assert_eq!(far.0.text().await, r#"420["n?"]"#);
    far.0.send("430[3]").await;
    assert_eq!(within(asked.into_future()).await.unwrap(), 3);
    here.to("x").disconnect_sockets(false);
    assert_eq!(far.0.text().await, "41");
    assert!(here.to("x").fetch_sockets().await.unwrap().is_empty());
    // It is the other one's socket that is gone.
    let asked = fetched.emit_with_ack::<u8>("n?", ()).await;
    assert!(matches!(asked, Err(AckError::Disconnected)), "{asked:?}");
    assert_eq!(here.of("/").sockets_count(), 1);
}

#[tokio::test]
async fn acks_of_every_server_are_gathered() {
    let Pair { here, there, mut near, mut far, running: _servers } = pair().await;
    // Each server counts its acks by itself.
    drop(there.local().emit_with_ack::<()>("first", ()));
    assert_eq!(far.0.text().await, r#"420["first"]"#);
    let binary = Binary(vec![1, 2].into());
    let asked = here.emit_with_ack::<String>("who?", (&1, binary));
    let header = |id| format!(r#"451-{id}["who?",1,{{"_placeholder":true,"num":0}}]"#);
    assert_eq!(near.0.text().await, header(0));
    near.0.receive().await;
    assert_eq!(far.0.text().await, header(1));
    far.0.receive().await;
    near.0.send(r#"430["near"]"#).await;
    far.0.send(r#"431["far"]"#).await;
    let mut names = within(asked.into_future()).await.unwrap();
    names.sort();
    assert_eq!(names, ["far", "near"]);

    // Whoever leaves another server is missing at once too.
    let mut answers = here.except(&near.1).emit_with_ack::<()>("leave", ()).stream().unwrap();
    drop(far.0);
    let (id, answer) = within(answers.next()).await.unwrap();
    assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
    assert_eq!(id.as_str(), far.1);
    assert!(within(answers.next()).await.is_none());
}

#[tokio::test]
async fn silent_clients_of_another_server_are_missing_by_name() {
    let Pair { here, there: _there, near, far, running: _servers } = pair().await;
    let asked = here.timeout(Duration::from_millis(50)).emit_with_ack::<()>("n?", ());
    let Err(BroadcastAckError::Incomplete { answers, missing, servers_missing, .. }) =
        within(asked.into_future()).await
    else {
        panic!("nobody answers");
    };
    assert!(answers.is_empty() && servers_missing == 0);
    let mut ids: Vec<_> = missing.iter().map(|(id, _)| id.to_string()).collect();
    ids.sort();
    let mut expected = [near.1, far.1];
    expected.sort();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn servers_send_events_to_each_other() {
    let cluster = Local::new();
    let servers = [(); 3].map(|()| Server::builder().cluster(&cluster).build());
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    for (at, server) in servers.iter().enumerate() {
        let heard = heard.clone();
        server.on_server_side("hello", move |event: ServerSide| {
            let heard = heard.clone();
            async move {
                let (text, number): (String, u32) = event.args().unwrap();
                heard.send((at, text, number, event.is_reply_wanted())).unwrap();
                event.reply(&(at * 10)).unwrap();
            }
        });
    }
    servers[0].server_side_emit("hello", ("a", 1)).unwrap();
    let mut both = [within(hearing.recv()).await.unwrap(), within(hearing.recv()).await.unwrap()];
    both.sort();
    assert_eq!(both, [(1, "a".to_owned(), 1, false), (2, "a".to_owned(), 1, false)]);
    let asked = servers[1].server_side_emit_with_ack::<u32>("hello", ("b", 2));
    let mut answers = within(asked.into_future()).await.unwrap();
    answers.sort_unstable();
    assert_eq!(answers, [0, 20]);
    // Other namespaces have handlers of their own, and a single server has nobody to ask.
    let alone = Server::builder().build();
    alone.server_side_emit("hello", ()).unwrap();
    assert_eq!(alone.server_side_emit_with_ack::<u32>("hello", ()).await.unwrap(), [0; 0]);
    assert_eq!(alone.server_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_missing_and_one_that_goes_is_not() {
    let cluster = Local::new();
    let [a, b, c] = [(); 3].map(|()| Server::builder().cluster(&cluster).build());
    b.on_server_side("n?", async |event: ServerSide| event.reply(&1).unwrap());
    let asked = a.server_side_emit_with_ack::<u32>("n?", ()).await;
    let Err(ServerSideAckError::Incomplete { answers, servers_missing, .. }) = asked else {
        panic!("one does not answer");
    };
    assert_eq!((answers, servers_missing), (vec![1], 1));
    let asked = a.server_side_emit_with_ack::<u32>("n?", ());
    c.close().await;
    assert_eq!(asked.await.unwrap(), [1]);
    assert_eq!((a.server_count(), c.server_count()), (2, 1));
    let asked = a.server_side_emit_with_ack::<u32>("n?", ());
    drop(b);
    // Its handlers go with it, unless they have begun: either way nobody waits for it.
    assert!(asked.await.unwrap().len() <= 1);
    assert_eq!(a.server_count(), 1);
}

/// What is left when a server goes: nothing that keeps the others waiting.
#[tokio::test]
async fn acks_do_not_wait_for_a_server_that_goes() {
    let Pair { here, there, mut near, far, running: [_first, second] } = pair().await;
    let asked = here.emit_with_ack::<u8>("n?", ());
    assert_eq!(near.0.text().await, r#"420["n?"]"#);
    near.0.send("430[1]").await;
    let stopping = async {
        drop(far.0);
        second.stop().await;
    };
    let (asked, ()) = tokio::join!(within(asked.into_future()), stopping);
    let Err(BroadcastAckError::Incomplete { answers, missing, .. }) = asked else {
        panic!("one has gone");
    };
    assert_eq!((answers, missing.len()), (vec![1], 1));
    drop(there);
}

/// A server in a runtime and thread of its own, as when a process is sharded; and its sudden end.
#[tokio::test]
async fn servers_of_several_runtimes_act_as_one_until_a_runtime_ends() {
    let cluster = Local::new();
    let here = Server::builder().cluster(&cluster).build();
    let (tell, told) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let there = Server::builder().cluster(&cluster).build();
            tell.send(start(&there).await).ok();
            stopped.await.unwrap();
        });
    });
    let there = within(told).await.unwrap();
    let (mut far, id) = Client::connect(&there).await;
    for n in 0..100 {
        here.emit("n", &n).unwrap();
    }
    for n in 0..100 {
        assert_eq!(far.text().await, format!(r#"42["n",{n}]"#));
    }
    let asked = here.emit_with_ack::<u8>("answer", ());
    assert_eq!(far.text().await, r#"420["answer"]"#);
    far.send("430[1]").await;
    assert_eq!(within(asked.into_future()).await.unwrap(), [1]);
    // Nobody is left there to say that the client has gone.
    let asked = here.emit_with_ack::<u8>("never", ());
    assert_eq!(far.text().await, r#"421["never"]"#);
    stop.send(()).unwrap();
    let Err(BroadcastAckError::Incomplete { missing, .. }) = within(asked.into_future()).await
    else {
        panic!("nobody can have answered");
    };
    let [(missing, AckError::Disconnected)] = &missing[..] else { panic!("{missing:?}") };
    assert_eq!(missing.as_str(), id);
    within(tokio::task::spawn_blocking(|| thread.join())).await.unwrap().unwrap();
    assert_eq!(here.server_count(), 1);
}
