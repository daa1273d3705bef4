//! "Never" is a duration that people write as `Duration::MAX`.

use std::time::Duration;

use switchboard::ws::{self, Options};
use switchboard::{Server, Socket};

use crate::client::{Client, start};
use crate::plain::{Raw, echo, serve};

#[tokio::test]
async fn the_longest_durations_mean_never() {
    let forever = Duration::MAX;
    let io = Server::builder()
        .ping_interval(forever)
        .ping_timeout(forever)
        .upgrade_timeout(forever)
        .connect_timeout(forever)
        .ack_timeout(forever)
        .build();
    io.on("ask", async |socket: Socket| {
        let answer = socket.emit_with_ack::<u32>("question", ()).await;
        socket.emit("answer", &answer.unwrap()).unwrap();
    });
    let server = start(&io).await;
    let (mut client, _) = Client::connect(&server).await;
    client.send(r#"42["ask"]"#).await;
    assert_eq!(client.text().await, r#"420["question"]"#);
    client.send("430[7]").await;
    assert_eq!(client.text().await, r#"42["answer",7]"#);
}

#[tokio::test]
async fn plain_websockets_take_the_longest_durations_too() {
    let options =
        Options::new().heartbeat(Some((Duration::MAX, Duration::MAX))).close_timeout(Duration::MAX);
    let (address, _guard) = serve(&ws::Server::with_options(options, echo)).await;
    let mut client = Raw::connect(address).await;
    client.write(b"\x81\x82\x00\x00\x00\x00hi").await;
    client.expect(b"\x81\x02hi").await;
    client.write(b"\x88\x80\x00\x00\x00\x00").await;
    client.expect(b"\x88\x00").await;
    client.expect_end().await;
}
