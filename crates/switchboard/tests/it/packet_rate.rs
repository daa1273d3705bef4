//! Rows E10 and S18 of the threats: clients that talk without end, where their rate is limited.

use std::time::{Duration, Instant};

use switchboard::{DisconnectReason, PacketRate, Server, Socket};
use tokio::sync::mpsc;

use crate::client::{Client, field, request, start, within};

fn echo(rate: PacketRate) -> Server {
    let io = Server::builder().packet_rate(rate).build();
    io.on("echo", async |socket: Socket| socket.emit("echo", ()).unwrap());
    io
}

#[tokio::test]
async fn e10_s18_a_flood_is_closed_with_1008_and_others_do_not_notice() {
    let io = echo(PacketRate::new(1, 50).close());
    let (tell, mut told) = mpsc::unbounded_channel();
    io.on("disconnect", async move |reason: DisconnectReason| tell.send(reason).unwrap());
    let server = start(&io).await;
    let (mut healthy, _) = Client::connect(&server).await;
    for flood in ["3", r#"42["nobody"]"#] {
        let (mut client, _) = Client::connect(&server).await;
        client.send_all((0..60).map(|_| flood)).await;
        assert_eq!(client.close_code().await, Some(1008));
        assert_eq!(within(told.recv()).await, Some(DisconnectReason::ForcedClose));
    }
    healthy.send(r#"42["echo"]"#).await;
    assert_eq!(healthy.text().await, r#"42["echo"]"#);
}

#[tokio::test]
async fn a_client_that_is_too_fast_is_slowed_down_and_loses_nothing() {
    let io = echo(PacketRate::new(100, 10));
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    let begun = Instant::now();
    client.send_all((0..60).map(|_| r#"42["echo"]"#)).await;
    for _ in 0..60 {
        assert_eq!(client.text().await, r#"42["echo"]"#);
    }
    client.send(r#"42["echo"]"#).await;
    assert_eq!(client.text().await, r#"42["echo"]"#);
    // At least 50 of the 60 before had to be waited for.
    assert!(Duration::from_millis(450) < begun.elapsed(), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_post_that_brings_too_much_is_answered_later() {
    let io = echo(PacketRate::new(100, 10));
    let server = start(&io).await;
    let poll = "EIO=4&transport=polling";
    let sid = field(&request(&server, "GET", poll, "").await.1, "sid");
    let query = format!("{poll}&sid={sid}");
    let begun = Instant::now();
    let body = format!("40{}", "\x1e42[\"echo\"]".repeat(60));
    assert_eq!(request(&server, "POST", &query, &body).await, (200, "ok".to_owned()));
    assert!(Duration::from_millis(450) < begun.elapsed(), "{:?}", begun.elapsed());
    let answers = request(&server, "GET", &query, "").await.1;
    assert_eq!(answers.matches("echo").count(), 60);
}
