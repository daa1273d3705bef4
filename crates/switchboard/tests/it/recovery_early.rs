//! Clients that are back before the server has noticed that they were gone.

use std::sync::Arc;

use serde_json::{Value, json};
use switchboard::{Auth, DisconnectReason, Recovery, Server, Socket};
use tokio::sync::{Notify, mpsc};

use crate::client::{Client, field, request, start, until, within};
use crate::recovery::{Gone, Recovering, recovering_server, server_with, settled};

/// The client goes on elsewhere; the connection stays open, and silent.
fn leave_behind(client: Recovering) -> (Client, Gone) {
    let Recovering { client, id, pid, offset } = client;
    (client, Gone { id, pid, offset })
}

/// Tells what happens to sockets.
fn told(io: &Server) -> mpsc::UnboundedReceiver<String> {
    let (tell, told) = mpsc::unbounded_channel();
    let connected = tell.clone();
    io.on("connection", async move |socket: Socket| {
        connected.send(format!("connection {}", socket.recovered())).unwrap();
    });
    io.on("disconnect", async move |reason: DisconnectReason| {
        // What is told last must wait for a handler that takes its time.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        tell.send(reason.to_string()).unwrap();
    });
    told
}

async fn next(told: &mut mpsc::UnboundedReceiver<String>) -> String {
    within(told.recv()).await.unwrap()
}

#[tokio::test]
async fn a_client_takes_over_from_its_own_dead_connection() {
    let io = recovering_server();
    let mut told = told(&io);
    let server = start(&io).await;
    let (client, socket) = settled(&io, &server).await;
    assert_eq!(next(&mut told).await, "connection false");
    socket.join("a").unwrap();
    socket.set_data(&7).unwrap();
    let (mut dead, gone) = leave_behind(client);
    // Sent to the old connection, but nobody is there to read it.
    io.to("a").emit("lost", &1).unwrap();
    socket.emit("lost", &2).unwrap();
    socket.leave("a");
    io.to("a").emit("not for it", ()).unwrap();

    let (mut client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(json!(replayed), json!([["lost", 1], ["lost", 2]]));
    assert_eq!(next(&mut told).await, "transport close");
    assert_eq!(next(&mut told).await, "connection true");
    assert!(told.try_recv().is_err());
    let back = io.of("/").socket(&client.id).unwrap();
    assert_eq!(back.data(), Some(7));
    assert_eq!(io.of("/").sockets_count(), 1);
    assert!(!socket.is_connected());
    io.emit("live", ()).unwrap();
    assert_eq!(client.event().await, json!(["live"]));
    // The old connection has ended, and got nothing more than what was under way.
    assert!(dead.text().await.starts_with(r#"42["lost",1,"#));
    assert!(dead.text().await.starts_with(r#"42["lost",2,"#));
    assert_eq!(dead.close_code().await, None);
}

#[tokio::test]
async fn who_does_not_fit_takes_over_nothing() {
    let io = recovering_server();
    io.middleware(async |socket: Socket, Auth(auth): Auth<Value>| {
        if let Some(user) = auth["user"].as_str() {
            socket.set_identity(user);
        }
        Ok(())
    });
    let server = start(&io).await;
    for user in [json!(null), json!("ada")] {
        let mut client = Client::open(&server).await;
        client.send(&format!("40{}", json!({ "user": user }))).await;
        let connected = client.text().await;
        let (id, pid) = (field(&connected, "sid"), field(&connected, "pid"));
        let mut owner = Recovering { client, id: id.clone(), pid: pid.clone(), offset: None };
        io.to(&id).emit("first", ()).unwrap();
        assert_eq!(owner.event().await, json!(["first"]));
        let offset = owner.offset.clone();
        let gone = Gone { id: id.clone(), pid: pid.clone(), offset: offset.clone() };
        for auth in [
            json!({ "user": user, "pid": id, "offset": offset }),
            json!({ "user": user, "pid": "AAAAAAAAAAAAAAAAAAAA", "offset": offset }),
            json!({ "user": user, "pid": pid, "offset": "AAAAAAAAAAAAAAAA" }),
            json!({ "user": user, "pid": pid }),
            json!({ "user": "eve", "pid": pid, "offset": offset }),
            json!({ "token": 1, "pid": pid, "offset": offset }),
        ] {
            let (other, replayed, is_recovered) = gone.back_with(&server, &auth).await;
            assert!(!is_recovered && replayed.is_empty(), "{auth}");
            assert!(!io.of("/").socket(&other.id).unwrap().recovered());
        }
        // The owner has noticed nothing.
        io.to(&id).emit("still there", ()).unwrap();
        assert_eq!(owner.event().await, json!(["still there"]));
        let auth = json!({ "user": user, "pid": pid, "offset": owner.offset });
        assert!(gone.back_with(&server, &auth).await.2);
    }
}

#[tokio::test]
async fn the_middleware_decides_before_the_old_connection_is_cut_unless_it_is_skipped() {
    for skip in [false, true] {
        let io = server_with(Recovery::default().skip_middlewares(skip));
        io.middleware(async |socket: Socket, Auth(auth): Auth<Value>| {
            match auth["user"].as_str() {
                Some(user) => {
                    socket.set_identity(user);
                    Ok(())
                }
                None => Err(switchboard::ConnectError::new("unauthorized")),
            }
        });
        let server = start(&io).await;
        let mut client = Client::open(&server).await;
        client.send(r#"40{"user":"ada"}"#).await;
        let connected = client.text().await;
        let auth = json!({ "pid": field(&connected, "pid") });
        let mut other = Client::open(&server).await;
        other.send(&format!("40{auth}")).await;
        let answer = other.text().await;
        if skip {
            assert_eq!(answer, connected);
            assert_eq!(client.close_code().await, None);
        } else {
            assert!(answer.starts_with("44"), "{answer}");
            io.emit("still there", ()).unwrap();
            assert!(client.text().await.starts_with(r#"42["still there""#));
        }
        // Who cannot have the state has to pass.
        let mut other = Client::open(&server).await;
        other.send(&format!(r#"40{{"pid":"{}","offset":"x"}}"#, field(&connected, "pid"))).await;
        let answer = other.text().await;
        assert_eq!(answer.starts_with("40"), skip, "{answer}");
    }
}

#[tokio::test]
async fn all_namespaces_of_the_old_connection_are_taken_over() {
    let io = recovering_server();
    io.of("/b");
    let server = start(&io).await;
    let mut client = Client::open(&server).await;
    let mut connected = Vec::new();
    for namespace in ["", "/b,"] {
        client.send(&format!("40{namespace}")).await;
        connected.push(client.text().await);
    }
    let mut auths = Vec::new();
    for (namespace, connected) in ["/", "/b"].into_iter().zip(&connected) {
        io.of(namespace).emit("first", ()).unwrap();
        let text = client.text().await;
        let event: Vec<String> = serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
        auths.push(json!({ "pid": field(connected, "pid"), "offset": event[1] }));
        io.of(namespace).emit("lost", ()).unwrap();
        client.text().await;
    }
    let mut back = Client::open(&server).await;
    // Both at once, as official clients ask for them.
    back.send(&format!("40{}", auths[0])).await;
    back.send(&format!("40/b,{}", auths[1])).await;
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(back.text().await);
    }
    for (at, namespace) in ["", "/b,"].into_iter().enumerate() {
        let of_it = |it: &String| it.starts_with(&format!("42{namespace}[\"lost\""));
        let lost = got.iter().position(of_it).unwrap();
        let answer = got.iter().position(|it| *it == connected[at]).unwrap();
        assert!(lost < answer, "{got:?}");
    }
    assert_eq!([io.of("/").sockets_count(), io.of("/b").sockets_count()], [1, 1]);
}

#[tokio::test]
async fn a_session_of_long_polling_is_taken_over() {
    let io = recovering_server();
    let mut told = told(&io);
    let server = start(&io).await;
    let poll = "EIO=4&transport=polling";
    let sid = field(&request(&server, "GET", poll, "").await.1, "sid");
    let query = format!("{poll}&sid={sid}");
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    let connected = request(&server, "GET", &query, "").await.1;
    assert_eq!(next(&mut told).await, "connection false");
    io.emit("lost", ()).unwrap();

    let (id, pid) = (field(&connected, "sid"), field(&connected, "pid"));
    let gone = Gone { id, pid, offset: None };
    // It has got nothing yet, but something was sent to it: nobody knows what has arrived.
    let (_other, _, is_recovered) = gone.back(&server).await;
    assert!(!is_recovered);
    assert_eq!(next(&mut told).await, "connection false");
    let body = request(&server, "GET", &query, "").await.1;
    let event: Vec<String> = serde_json::from_str(&body[2..]).unwrap();
    io.emit("lost", ()).unwrap();

    let gone = Gone { offset: Some(event[1].clone()), ..gone };
    let (_client, replayed, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    assert_eq!(replayed, [json!(["lost"])]);
    assert_eq!(next(&mut told).await, "transport close");
    assert_eq!(next(&mut told).await, "connection true");
    assert_eq!(request(&server, "GET", &query, "").await.0, 400);
}

#[tokio::test]
async fn a_handler_that_does_not_return_holds_nobody_up_for_good() {
    let io = recovering_server();
    let (waiting, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun, end) = (Arc::clone(&waiting), Arc::clone(&go));
    io.on("disconnect", async move || {
        begun.notify_one();
        end.notified().await;
    });
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let (_dead, gone) = leave_behind(client);
    let (_client, _, is_recovered) = gone.back(&server).await;
    assert!(is_recovered);
    within(waiting.notified()).await;
    go.notify_one();
}

#[tokio::test]
async fn several_at_once_with_one_pid_are_one_client_in_the_end() {
    let io = recovering_server();
    let server = start(&io).await;
    let (client, _) = settled(&io, &server).await;
    let (_dead, gone) = leave_behind(client);
    let back = || gone.back(&server);
    let (one, two, three) = tokio::join!(back(), back(), back());
    let with_it = [&one, &two, &three].into_iter().filter(|it| it.2).count();
    assert!(with_it >= 1);
    // Each that had it was cut when the next one came.
    let others = 3 - with_it;
    until(|| io.of("/").sockets_count() == 1 + others).await;
    let holders = io.of("/").sockets().into_iter().filter(Socket::recovered).count();
    assert_eq!(holders, 1);
}
