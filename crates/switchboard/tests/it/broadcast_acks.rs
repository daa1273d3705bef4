//! Acknowledgements of broadcasts: all answers, some, or none, and nothing left behind.

use std::time::Duration;

use switchboard::{AckError, BroadcastAckError, Server, Socket};

use crate::client::{Client, Running, start, until, within};

/// Three clients of a server.
async fn three(io: &Server) -> (Running, Vec<Client>, Vec<Socket>) {
    let server = start(io).await;
    let (mut clients, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (client, id) = Client::connect(&server).await;
        clients.push(client);
        sockets.push(io.of("/").socket(&id).unwrap());
    }
    (server, clients, sockets)
}

#[tokio::test]
async fn all_answers_to_one_question_come_together() {
    let io = Server::builder().build();
    let (_server, mut clients, sockets) = three(&io).await;
    sockets[0].join("room").unwrap();
    sockets[1].join("room").unwrap();
    let asked = io.to("room").emit_with_ack::<u32>("n?", ());
    for (n, client) in clients[..2].iter_mut().enumerate() {
        assert_eq!(client.text().await, r#"420["n?"]"#);
        client.send(&format!("430[{n}]")).await;
    }
    let mut answers = within(asked.into_future()).await.unwrap();
    answers.sort_unstable();
    assert_eq!(answers, [0, 1]);
    // Nobody is asked: nobody is waited for.
    assert!(io.to("nobody").emit_with_ack::<u32>("n?", ()).await.unwrap().is_empty());
    // The sender asks everybody else; ids go on.
    let asked = sockets[0].broadcast().emit_with_ack::<String>("who?", &1);
    for client in &mut clients[1..] {
        assert_eq!(client.text().await, r#"422["who?",1]"#);
        client.send(r#"432["me"]"#).await;
    }
    assert_eq!(within(asked.into_future()).await.unwrap(), ["me", "me"]);
}

#[tokio::test]
async fn a_timeout_gives_the_answers_that_came_and_says_who_is_missing() {
    let io = Server::builder().build();
    io.on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    let (_server, mut clients, sockets) = three(&io).await;
    let short = Duration::from_millis(200);
    let asked = io.timeout(short).emit_with_ack::<u32>("n?", ());
    for client in &mut clients {
        assert_eq!(client.text().await, r#"420["n?"]"#);
    }
    // Answers are heard before the clock is looked at, and these have come: so has the echo.
    for (at, answer) in [(1, "430[7]"), (2, r#"430["no number"]"#)] {
        clients[at].send_all([answer, r#"42["echo"]"#]).await;
        assert_eq!(clients[at].text().await, r#"42["echo"]"#);
    }
    let Err(BroadcastAckError::Incomplete { answers, missing, .. }) = asked.await else {
        panic!("one has not answered");
    };
    assert_eq!(answers, [7]);
    let error_of = |at: usize| {
        let found = missing.iter().find(|(id, _)| *id == sockets[at].id());
        &found.unwrap().1
    };
    assert_eq!(missing.len(), 2);
    assert!(matches!(error_of(0), AckError::Timeout), "{missing:?}");
    assert!(matches!(error_of(2), AckError::Decode(_)), "{missing:?}");
    // An answer that comes too late hurts nobody.
    clients[0].send_all(["430[1]", r#"42["echo"]"#]).await;
    assert_eq!(clients[0].text().await, r#"42["echo"]"#);
}

#[tokio::test]
async fn whoever_leaves_is_missing_at_once() {
    let io = Server::builder().build();
    let (_server, mut clients, sockets) = three(&io).await;
    let mut answers = io.emit_with_ack::<u32>("n?", ()).stream().unwrap();
    clients[1].send("430[5]").await;
    let (id, answer) = within(answers.next()).await.unwrap();
    assert_eq!((id, answer.unwrap()), (sockets[1].id(), 5));
    drop(clients.remove(0));
    // The timeout is 30 s: this does not wait for it.
    let (id, answer) = within(answers.next()).await.unwrap();
    assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
    assert_eq!(id, sockets[0].id());
    sockets[2].disconnect();
    let (id, answer) = within(answers.next()).await.unwrap();
    assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
    assert_eq!(id, sockets[2].id());
    assert!(within(answers.next()).await.is_none());
}

/// Row S10 of the threats: a socket may wait for 10,000 acks, so that a leak shows as a refusal.
#[tokio::test]
async fn ten_thousand_questions_that_nobody_answers_leave_nothing_behind() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let reading = tokio::spawn(async move {
        while client.text().await != r#"42["end"]"# {}
        client
    });
    for n in 0..12_000_u32 {
        let asked = io.timeout(Duration::ZERO).emit_with_ack::<()>("silence", &n);
        let Err(BroadcastAckError::Incomplete { missing, .. }) = asked.await else {
            panic!("nobody answers");
        };
        assert!(matches!(missing[..], [(_, AckError::Timeout)]), "{n}: {missing:?}");
        // Nor does a question that is given up before it is asked for.
        drop(io.emit_with_ack::<()>("dropped", ()));
    }
    io.emit("end", ()).unwrap();
    let mut client = within(reading).await.unwrap();
    let asked = io.emit_with_ack::<u8>("last", ());
    assert_eq!(client.text().await, r#"4224000["last"]"#);
    client.send("4324000[1]").await;
    assert_eq!(within(asked.into_future()).await.unwrap(), [1]);
}

#[tokio::test]
async fn more_questions_than_the_limit_are_refused_at_once() {
    let io = Server::builder().build();
    let server = start(&io).await;
    let (_client, id) = Client::connect(&server).await;
    let waiting: Vec<_> =
        (0..10_000).map(|_| io.emit_with_ack::<()>("n", ()).stream().unwrap()).collect();
    let refused = io.emit_with_ack::<()>("one too many", ()).await;
    let Err(BroadcastAckError::Incomplete { missing, .. }) = refused else { panic!("answered") };
    assert!(matches!(missing[..], [(_, AckError::TooManyPending)]), "{missing:?}");
    drop(waiting);
    let socket = io.of("/").socket(&id).unwrap();
    let asked = socket.timeout(Duration::ZERO).emit_with_ack::<()>("again", ()).await;
    assert!(matches!(asked, Err(AckError::Timeout)), "{asked:?}");
    until(|| socket.is_connected()).await;
}
