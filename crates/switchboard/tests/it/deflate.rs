//! Socket.IO over WebSockets that compress (permessage-deflate).

use switchboard::ws::Deflate;
use switchboard::{Binary, Data, Server, Socket};

use crate::client::{Client, Message, Running, field, request, start};
use crate::http_client::ask_websocket;

/// A server that compresses, and sends back what it gets.
fn echo() -> Server {
    let io = Server::builder().per_message_deflate(Deflate::default()).build();
    io.of("/").on("echo", async |socket: Socket, Data(text): Data<String>| {
        socket.emit("echo", &text).unwrap();
    });
    io
}

async fn connect(server: &Running) -> (Client, String) {
    let mut client = Client::upgrade_deflating(server, "", Deflate::default()).await;
    client.text().await;
    let id = client.join("40").await;
    client.received = 0;
    (client, id)
}

fn long() -> String {
    "to be or not to be, ".repeat(1_000)
}

#[tokio::test]
async fn long_messages_are_compressed_both_ways() {
    let server = start(&echo()).await;
    let (mut client, _) = connect(&server).await;
    let event = format!(r#"42["echo","{}"]"#, long());
    for _ in 0..3 {
        client.send(&event).await;
        assert_eq!(client.text().await, event);
    }
    assert!(client.received < 3 * event.len() / 10, "{}", client.received);
}

#[tokio::test]
async fn a_broadcast_reaches_those_who_compress_and_those_who_do_not() {
    let io = echo();
    let server = start(&io).await;
    let (mut one, _) = connect(&server).await;
    let (mut two, _) = connect(&server).await;
    let (mut plain, _) = Client::connect(&server).await;
    plain.received = 0;
    let bytes = vec![7; 5_000];
    io.emit("e", (long(), Binary::from(bytes.clone()))).unwrap();
    io.emit("short", "s").unwrap();
    for client in [&mut one, &mut two, &mut plain] {
        let text = client.text().await;
        assert!(text.starts_with(r#"451-["e","to be or"#), "{text}");
        assert_eq!(client.receive().await, Message::Binary(bytes.clone()));
        assert_eq!(client.text().await, r#"42["short","s"]"#);
    }
    assert!(one.received < 3_000 && two.received < 3_000, "{} {}", one.received, two.received);
    assert!(plain.received > 25_000, "{}", plain.received);
}

#[tokio::test]
async fn an_emit_may_refuse_to_be_compressed() {
    let io = echo();
    let server = start(&io).await;
    let (mut client, id) = connect(&server).await;
    io.to(&id).compress(false).emit("e", &long()).unwrap();
    client.text().await;
    assert!(client.received > 20_000, "{}", client.received);
    client.received = 0;
    io.to(&id).emit("e", &long()).unwrap();
    client.text().await;
    assert!(client.received < 2_000, "{}", client.received);
}

#[tokio::test]
async fn a_websocket_that_takes_over_compresses_too() {
    let io = echo();
    let server = start(&io).await;
    let open = request(&server, "GET", "EIO=4&transport=polling", "").await.1;
    let query = format!("EIO=4&transport=polling&sid={}", field(&open, "sid"));
    assert_eq!(request(&server, "POST", &query, "40").await.0, 200);
    let id = field(&request(&server, "GET", &query, "").await.1, "sid");
    // Waits for a poll, and then leaves by the WebSocket.
    io.to(&id).emit("first", &long()).unwrap();
    let query = format!("&sid={}", field(&open, "sid"));
    let mut client = Client::upgrade_deflating(&server, &query, Deflate::default()).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    io.to(&id).emit("second", &long()).unwrap();
    for name in ["first", "second"] {
        let mut text = client.text().await;
        while text == "6" {
            // The noop that freed no poll is no news.
            text = client.text().await;
        }
        assert!(text.starts_with(&format!(r#"42["{name}","#)), "{text}");
    }
    assert!(client.received < 4_000, "{}", client.received);
}

#[tokio::test]
async fn a_message_that_unpacks_beyond_the_limit_ends_the_connection() {
    let server = start(&echo()).await;
    let (mut bomb, _) = connect(&server).await;
    bomb.send(&format!(r#"42["echo","{}"]"#, "a".repeat(1_000_000))).await;
    assert_eq!(bomb.close_code().await, Some(1009));
}

#[tokio::test]
async fn nobody_compresses_who_has_not_agreed() {
    let offer = ["Sec-WebSocket-Extensions: permessage-deflate"];
    let off = start(&Server::builder().build()).await;
    let answer = ask_websocket(&off, "", &offer).await;
    assert_eq!((answer.status, answer.header("sec-websocket-extensions")), (101, None));
    let on = start(&echo()).await;
    assert_eq!(ask_websocket(&on, "", &[]).await.header("sec-websocket-extensions"), None);
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let answer = ask_websocket(&on, "", &offer).await;
    assert_eq!(answer.header("sec-websocket-extensions"), Some(agreed));
    // Its window would need frames of its own.
    let narrow = ["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10"];
    let answer = ask_websocket(&on, "", &narrow).await;
    assert_eq!((answer.status, answer.header("sec-websocket-extensions")), (101, None));
}

/// Their bytes are longer as text, and may only then be worth compressing.
#[tokio::test]
async fn those_who_read_no_bytes_get_frames_that_they_can_read() {
    let io = echo();
    let server = start(&io).await;
    let mut packed = Client::upgrade_deflating(&server, "&b64=1", Deflate::default()).await;
    packed.text().await;
    packed.join("40").await;
    let mut plain = Client::upgrade(&server, "&b64=1").await;
    plain.text().await;
    plain.join("40").await;
    io.emit("bytes", &Binary::from(vec![7; 1_000])).unwrap();
    for client in [&mut packed, &mut plain] {
        assert!(client.text().await.starts_with(r#"451-["bytes","#));
        let bytes = client.text().await;
        assert_eq!((bytes.len(), &bytes[..5]), (1 + 1_336, "bBwcH"));
    }
}
