//! Clients of Engine.IO 3, which are Socket.IO clients up to version 2, and JSONP.

use std::time::Duration;

use switchboard::{
    Auth, ConnectError, Context, Data, FromContext, Payload, RawArgs, Rejection, Server, Socket,
    Transport, engine,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::client::{Client, Message, Running, field, start, until, within};

/// An answer: the head in lower case, and the body.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        assert!(self.head.starts_with("http/1.1 200 "), "{}", self.head);
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn has(&self, header: &str) -> &Self {
        assert!(self.head.contains(&format!("\r\n{header}\r\n")), "{}", self.head);
        self
    }

    #[track_caller]
    fn is_error(&self, error: &str) {
        assert!(self.head.starts_with("http/1.1 400 "), "{}", self.head);
        assert!(String::from_utf8_lossy(&self.body).starts_with(error), "{:?}", self.body);
    }
}

async fn fetch(server: &Running, method: &str, query: &str, kind: &str, body: &[u8]) -> Answer {
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    let head = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    Answer { head: String::from_utf8(answer).unwrap().to_lowercase(), body }
}

/// A polling session, by what stands in front of its sid in every query.
struct Polling<'a> {
    server: &'a Running,
    query: String,
    sid: String,
}

impl<'a> Polling<'a> {
    async fn open(server: &'a Running, query: &str) -> Self {
        let query = format!("{query}&transport=polling");
        let answer = fetch(server, "GET", &query, TEXT, b"").await;
        let open = answer.text().replace('\\', "");
        let sid = field(open.trim_end_matches("\");"), "sid");
        Self { server, query: format!("{query}&sid={sid}"), sid }
    }

    /// A session of revision 3, which is in the default namespace.
    async fn connect(server: &'a Running, query: &str) -> Self {
        let polling = Self::open(server, &format!("EIO=3{query}")).await;
        assert_eq!(polling.poll().await.text(), "2:40");
        polling
    }

    async fn poll(&self) -> Answer {
        fetch(self.server, "GET", &self.query, TEXT, b"").await
    }

    async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        fetch(self.server, "POST", &self.query, TEXT, body.as_ref()).await
    }

    async fn post_bytes(&self, body: &[u8]) -> Answer {
        fetch(self.server, "POST", &self.query, "application/octet-stream", body).await
    }
}

/// Arguments as they came.
struct Raw(Payload<'static>);

impl FromContext for Raw {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        Ok(Self(context.payload().unwrap().clone().into_owned()))
    }
}

/// Answers `echo` with what it got, in every namespace that it has.
fn echo() -> Server {
    let io = Server::builder().allow_eio3(true).build();
    io.of("/chat");
    for namespace in [io.of("/"), io.of("/chat")] {
        namespace.on("echo", async |socket: Socket, Raw(payload): Raw| {
            socket.emit("echo", RawArgs::from(&payload)).unwrap();
        });
    }
    io
}

#[tokio::test]
async fn old_clients_are_refused_unless_the_option_is_on() {
    let server = start(&Server::builder().build()).await;
    for query in ["EIO=3&transport=polling", "transport=polling", "EIO=5&transport=polling"] {
        let answer = fetch(&server, "GET", query, TEXT, b"").await;
        answer.is_error(r#"{"code":5,"message":"Unsupported protocol version"}"#);
    }
    // Everything else is looked at before.
    let answer = fetch(&server, "GET", "EIO=3&transport=x", TEXT, b"").await;
    answer.is_error(r#"{"code":0"#);
    let answer = fetch(&server, "POST", "EIO=3&transport=polling", TEXT, b"").await;
    answer.is_error(r#"{"code":2"#);
}

#[tokio::test]
async fn a_polling_client_is_in_the_default_namespace_at_once() {
    let server = start(&echo()).await;
    let answer = fetch(&server, "GET", "EIO=3&transport=polling", TEXT, b"").await;
    answer.has("content-type: text/plain; charset=utf-8").has("cache-control: no-store");
    let (len, open) = answer.text().split_once(':').unwrap();
    assert_eq!(len.parse(), Ok(open.len()));
    assert!(open.starts_with("0{\"sid\":"), "{open}");

    let client = Polling::connect(&server, "").await;
    let posted = client.post("1:27:2hello!16:42[\"echo\",\"€🚀\"]").await;
    assert_eq!(posted.has("content-type: text/html").text(), "ok");
    assert_eq!(client.poll().await.text(), "1:37:3hello!16:42[\"echo\",\"€🚀\"]");
}

#[tokio::test]
async fn a_websocket_client_is_in_the_default_namespace_at_once() {
    let server = start(&echo()).await;
    let mut client = Client::upgrade(&server, "&EIO=3").await;
    assert!(client.text().await.starts_with("0{"));
    assert_eq!(client.text().await, "40");
    client.send_all(["2", "2again", "42[\"echo\",1]"]).await;
    // `3` as an answer to a ping, which the test's client takes for nothing else.
    assert_eq!(client.text().await, "3");
    assert_eq!(client.text().await, "3again");
    assert_eq!(client.text().await, "42[\"echo\",1]");
    client.send("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]").await;
    client.send_binary(&[4, 1, 2, 3]).await;
    assert_eq!(client.text().await, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(client.receive().await, Message::Binary(vec![4, 1, 2, 3]));
    // E11, the other way round.
    client.send("3").await;
    assert_eq!(client.close_code().await, Some(1002));
}

#[tokio::test]
async fn clients_that_read_no_bytes_get_base64() {
    let server = start(&echo()).await;
    let packet = "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]";
    for (query, mark) in [("&EIO=3&b64=1", "b4"), ("&b64=1", "b")] {
        let mut client = Client::upgrade(&server, query).await;
        client.text().await;
        if mark == "b4" {
            assert_eq!(client.text().await, "40");
        } else {
            client.join("40").await;
        }
        client.send_all([packet, &format!("{mark}AQID")]).await;
        assert_eq!(client.text().await, packet);
        assert_eq!(client.text().await, format!("{mark}AQID"));
    }
    let client = Polling::connect(&server, "&b64=1").await;
    let body = format!("{}:{packet}6:b4AQID", packet.len());
    assert_eq!(client.post(&body).await.text(), "ok");
    assert_eq!(client.poll().await.has("content-type: text/plain; charset=utf-8").text(), body);
}

#[tokio::test]
async fn bodies_with_binary_data_are_bytes_in_both_directions() {
    let server = start(&echo()).await;
    let client = Polling::connect(&server, "").await;
    let packet = "451-[\"echo\",\"€\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(packet.len(), 48);
    let body = [&[0, 4, 8, 255], packet.as_bytes(), &[1, 4, 255, 4, 1, 2, 3]].concat();
    assert_eq!(client.post_bytes(&body).await.text(), "ok");
    let answer = client.poll().await;
    answer.has("content-type: application/octet-stream").has("cache-control: no-store");
    assert_eq!(answer.body, body);
    // Also when it came as text.
    let as_text = format!("46:{packet}6:b4AQID");
    assert_eq!(client.post(&as_text).await.text(), "ok");
    assert_eq!(client.poll().await.body, body);
}

/// E6: still refused for everybody else.
#[tokio::test]
async fn e6_bytes_in_revision_4_end_the_session() {
    let io = echo();
    let server = start(&io).await;
    let client = Polling::open(&server, "EIO=4").await;
    client.post_bytes(&[0, 1, 255, b'4']).await.is_error(r#"{"code":3"#);
    until(|| io.clients_count() == 0).await;
}

#[tokio::test]
async fn a_broadcast_reaches_every_kind_of_client() {
    let io = echo();
    let server = start(&io).await;
    let (mut new, _) = Client::connect(&server).await;
    let mut old = Client::upgrade(&server, "&EIO=3").await;
    let mut base64 = Client::upgrade(&server, "&EIO=3&b64=1").await;
    for client in [&mut old, &mut base64] {
        client.text().await;
        assert_eq!(client.text().await, "40");
    }
    let polling = Polling::connect(&server, "").await;
    for _ in 0..2 {
        io.emit("news", &switchboard::Binary(vec![1, 2].into())).unwrap();
        let text = "451-[\"news\",{\"_placeholder\":true,\"num\":0}]";
        assert_eq!(new.text().await, text);
        assert_eq!(new.receive().await, Message::Binary(vec![1, 2]));
        assert_eq!(old.text().await, text);
        assert_eq!(old.receive().await, Message::Binary(vec![4, 1, 2]));
        assert_eq!(base64.text().await, text);
        assert_eq!(base64.text().await, "b4AQI=");
        let bytes = [&[0, 4, 2, 255], text.as_bytes(), &[1, 3, 255, 4, 1, 2]].concat();
        assert_eq!(polling.poll().await.body, bytes);
    }
}

#[tokio::test]
async fn an_upgrade_keeps_the_session_and_its_binary_data() {
    let io = echo();
    let server = start(&io).await;
    let polling = Polling::connect(&server, "").await;
    let mut client = Client::upgrade(&server, &format!("&EIO=3&sid={}", polling.sid)).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(polling.poll().await.text(), "1:6");
    io.emit("news", &switchboard::Binary(vec![7].into())).unwrap();
    client.send("5").await;
    assert_eq!(client.text().await, "451-[\"news\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(client.receive().await, Message::Binary(vec![4, 7]));
    polling.poll().await.is_error(r#"{"code":3"#);
    assert_eq!(io.clients_count(), 1);
}

/// As of `socket.io-client` 2 in Node, whose polls alone read no bytes.
#[tokio::test]
async fn a_websocket_says_itself_whether_it_reads_bytes() {
    let io = echo();
    let server = start(&io).await;
    for (on_polling, on_websocket) in [("&b64=1", ""), ("", "&b64=1")] {
        let polling = Polling::connect(&server, on_polling).await;
        let query = format!("&EIO=3{on_websocket}&sid={}", polling.sid);
        let mut client = Client::upgrade(&server, &query).await;
        client.send_all(["2probe", "5"]).await;
        assert_eq!(client.text().await, "3probe");
        until(|| io.sockets().iter().all(|it| it.transport() == Transport::WebSocket)).await;
        io.emit("news", &switchboard::Binary(vec![7].into())).unwrap();
        client.text().await;
        let binary = match on_websocket {
            "" => Message::Binary(vec![4, 7]),
            _ => Message::Text("b4Bw==".to_owned()),
        };
        assert_eq!(client.receive().await, binary);
        client.send("1").await;
        until(|| io.clients_count() == 0).await;
    }
}

/// E5: engine.io before 6.6.11 crashed.
#[tokio::test]
async fn e5_a_session_keeps_its_revision() {
    let server = start(&echo()).await;
    for (revision, other) in [("3", "4"), ("4", "3")] {
        let mut client = Polling::open(&server, &format!("EIO={revision}")).await;
        let right = client.query.clone();
        for other in [format!("EIO={other}"), if other == "3" { "x=1" } else { "EIO=4" }.into()] {
            client.query = right.replace(&format!("EIO={revision}"), &other);
            client.poll().await.is_error(r#"{"code":3,"message":"Bad request"}"#);
            client.post("1").await.is_error(r#"{"code":3,"message":"Bad request"}"#);
            let query = client.query.replace("transport=polling", "transport=websocket");
            let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
            let head = format!(
                "GET /socket.io/?{query} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                server.address
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            within(stream.read_to_string(&mut answer)).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert!(answer.ends_with("\r\n\r\nBad request"), "{answer}");
        }
        // The session goes on.
        client.query = right;
        let message = if revision == "3" { "1:2" } else { "40" };
        assert_eq!(client.post(message).await.text(), "ok");
        client.poll().await.text();
    }
}

/// E4
#[tokio::test]
async fn e4_a_wrong_body_ends_the_session() {
    let io = echo();
    let server = start(&io).await;
    for body in ["99999999:4", "4:4", "", "2", "2:9a", "1:b"] {
        let client = Polling::connect(&server, "").await;
        assert_eq!(client.post(body).await.text(), "ok", "{body}");
        until(|| io.clients_count() == 0).await;
    }
    for body in [&[0, 9, 9, 9, 9, 9, 9, 9, 9, 255, b'4'][..], &[2, 1, 255, b'4'], &[1, 1, 255, 9]] {
        let client = Polling::connect(&server, "").await;
        assert_eq!(client.post_bytes(body).await.text(), "ok");
        until(|| io.clients_count() == 0).await;
    }
    let client = Polling::connect(&server, "").await;
    client.post("1:6".repeat(20_001)).await.is_error(r#"{"code":3"#);
    until(|| io.clients_count() == 0).await;
    let client = Polling::connect(&server, "").await;
    assert_eq!(client.post("1:6".repeat(20_000)).await.text(), "ok");
    assert_eq!(io.clients_count(), 1);
}

/// D5, for clients that ping by themselves.
#[tokio::test]
async fn d5_a_client_that_does_not_ping_is_closed() {
    let io = Server::builder()
        .allow_eio3(true)
        .ping_interval(Duration::from_millis(600))
        .ping_timeout(Duration::from_millis(600))
        .build();
    let (reasons, mut reason) = mpsc::channel(1);
    io.on("disconnect", async move |why: switchboard::DisconnectReason| {
        reasons.send(why.as_str()).await.unwrap();
    });
    let server = start(&io).await;
    let mut client = Client::upgrade(&server, "&EIO=3").await;
    client.text().await;
    assert_eq!(client.text().await, "40");
    assert_eq!(client.close_code().await, Some(1008));
    assert_eq!(within(reason.recv()).await, Some("ping timeout"));
}

#[tokio::test]
async fn the_query_behind_a_namespace_is_its_auth() {
    let io = echo();
    let (auths, mut auth) = mpsc::channel(4);
    for namespace in [io.of("/"), io.of("/chat")] {
        let auths = auths.clone();
        let note = async move |Auth(it): Auth<serde_json::Value>| {
            auths.send(it.to_string()).await.unwrap();
        };
        namespace.on("connection", note);
    }
    let server = start(&io).await;
    let mut client = Client::upgrade(&server, "&EIO=3").await;
    client.text().await;
    assert_eq!(client.text().await, "40");
    assert_eq!(within(auth.recv()).await.as_deref(), Some("{}"));
    // Longer than a name may be.
    let token = "t".repeat(1_000);
    client.send(&format!("40/chat?token={token}&b=%2c,")).await;
    assert_eq!(client.text().await, "40/chat,");
    let expected = format!("{{\"b\":\",\",\"token\":\"{token}\"}}");
    assert_eq!(within(auth.recv()).await, Some(expected));
    client.send_all(["42/chat,[\"echo\",1]", "42[\"echo\",2]"]).await;
    assert_eq!(client.text().await, "42/chat,[\"echo\",1]");
    assert_eq!(client.text().await, "42[\"echo\",2]");
    // As by the official server, not bare.
    client.send("40/none?a=b,").await;
    assert_eq!(client.text().await, "44/none,{\"message\":\"Invalid namespace\"}");
    client.send(&format!("40/{}?a=b", "x".repeat(255))).await;
    assert_eq!(client.close_code().await, Some(1008));
}

#[tokio::test]
async fn a_refusal_is_bare() {
    let io = echo();
    io.of("/chat").middleware(async |Auth(it): Auth<serde_json::Value>| {
        let refusal = ConnectError::new("no \"way\"");
        match it["data"].as_str().unwrap() {
            "none" => Err(refusal),
            "null" => Err(refusal.data(&())),
            data => Err(refusal.data(&serde_json::json!({ "code": data }))),
        }
    });
    let server = start(&io).await;
    let mut client = Client::upgrade(&server, "&EIO=3").await;
    client.text().await;
    assert_eq!(client.text().await, "40");
    for (query, error) in
        [("none", r#""no \"way\"""#), ("null", r#""no \"way\"""#), ("7", r#"{"code":"7"}"#)]
    {
        client.send(&format!("40/chat?data={query},")).await;
        assert_eq!(client.text().await, format!("44/chat,{error}"));
    }
}

#[tokio::test]
async fn the_id_of_a_socket_is_the_one_that_its_client_shows() {
    let io = echo();
    let (ids, mut id) = mpsc::channel(4);
    for namespace in [io.of("/"), io.of("/chat")] {
        let ids = ids.clone();
        namespace.on("connection", async move |socket: Socket| {
            let ids = ids.clone();
            ids.send(socket.displayed_id().into_owned()).await.unwrap();
        });
        // One client writes to another one by its id.
        namespace.on("tell", async |socket: Socket, Data(to): Data<String>| {
            socket.to(&to).emit("told", ()).unwrap();
        });
    }
    let server = start(&io).await;
    let mut client = Client::upgrade(&server, "&EIO=3").await;
    let sid = field(&client.text().await, "sid");
    assert_eq!(client.text().await, "40");
    assert_eq!(within(id.recv()).await, Some(sid.clone()));
    client.send("40/chat,").await;
    assert_eq!(client.text().await, "40/chat,");
    let in_chat = format!("/chat#{sid}");
    assert_eq!(within(id.recv()).await.as_ref(), Some(&in_chat));
    assert_eq!(io.of("/chat").socket(&in_chat).unwrap().displayed_id(), in_chat);
    assert_eq!(io.of("/chat").socket(&sid).unwrap().displayed_id(), in_chat);
    let remote = io.of("/chat").to(&in_chat).fetch_sockets().await.unwrap().remove(0);
    assert_eq!((&*remote.displayed_id(), remote.id().as_str()), (&*in_chat, &*sid));
    assert!(io.of("/").socket(&in_chat).is_none());

    let (mut other, other_id) = Client::connect(&server).await;
    assert_ne!(other_id, other.sid);
    other.join("40/chat,").await;
    // Everybody is in the room of the own id already, and gets nothing twice.
    io.of("/chat").socket(&sid).unwrap().join(&in_chat).unwrap();
    other.send(&format!("42/chat,[\"tell\",\"{in_chat}\"]")).await;
    assert_eq!(client.text().await, "42/chat,[\"told\"]");
    other.send(&format!("42[\"tell\",\"{sid}\"]")).await;
    assert_eq!(client.text().await, "42[\"told\"]");

    // Out of one of the two, and into it again.
    io.of("/chat").socket(&sid).unwrap().disconnect();
    assert_eq!(client.text().await, "41/chat,");
    client.send("40/chat,").await;
    assert_eq!(client.text().await, "40/chat,");
    client.send_all(["42/chat,[\"echo\",1]", "42[\"echo\",2]"]).await;
    assert_eq!(client.text().await, "42/chat,[\"echo\",1]");
    assert_eq!(client.text().await, "42[\"echo\",2]");
}

#[tokio::test]
async fn an_end_is_told_in_the_client_s_own_way() {
    let io = echo();
    let server = start(&io).await;
    // The client says goodbye.
    let client = Polling::connect(&server, "").await;
    let (poll, posted) = tokio::join!(client.poll(), client.post("1:1"));
    assert_eq!(posted.text(), "ok");
    // Unless the goodbye has overtaken it, which nobody can see.
    if poll.head.starts_with("http/1.1 200 ") {
        assert_eq!(poll.text(), "1:6");
    } else {
        poll.is_error(r#"{"code":1"#);
    }
    until(|| io.clients_count() == 0).await;
    // The server does.
    let client = Polling::connect(&server, "").await;
    io.sockets().iter().for_each(Socket::close);
    assert_eq!(client.poll().await.text(), "2:41");
    assert_eq!(client.poll().await.text(), "1:1");
}

#[tokio::test]
async fn an_engine_io_server_has_old_clients_without_any_namespace() {
    let builder = Server::builder().path("/socket.io/").allow_eio3(true).initial_packet("hi €");
    let echo = builder.build_engine(async |mut socket: engine::Socket| {
        assert_eq!(socket.protocol(), 3);
        while let Some(message) = socket.recv().await {
            socket.send(message);
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let served = tokio::spawn(engine::serve(listener, echo, shutdown));
    let server = Running::new(address, stop, served);

    let mut client = Client::upgrade(&server, "&EIO=3").await;
    assert!(client.text().await.starts_with("0{"));
    assert_eq!(client.text().await, "4hi €");
    client.send("4hello").await;
    assert_eq!(client.text().await, "4hello");
    client.send_binary(&[4, 7]).await;
    assert_eq!(client.receive().await, Message::Binary(vec![4, 7]));

    let answer = fetch(&server, "GET", "EIO=3&transport=polling", TEXT, b"").await;
    assert!(answer.text().ends_with("}5:4hi €"), "{}", answer.text());
    let sid = field(answer.text().trim_end_matches("5:4hi €"), "sid");
    let client =
        Polling { server: &server, query: format!("EIO=3&transport=polling&sid={sid}"), sid };
    assert_eq!(client.post_bytes(&[1, 2, 255, 4, 7]).await.text(), "ok");
    assert_eq!(client.poll().await.body, [1, 2, 255, 4, 7]);
}

#[tokio::test]
async fn jsonp_serves_both_revisions() {
    let server = start(&echo()).await;
    let client = Polling::open(&server, "EIO=3&j=0").await;
    let script = "content-type: text/javascript; charset=utf-8";
    let answer = client.poll().await;
    answer.has(script).has("x-content-type-options: nosniff").has("cache-control: no-store");
    assert_eq!(answer.text(), "___eio[0](\"2:40\");");
    // `42["echo","a\nb\u{2028}"]`, where `\n` is an escape of JSON.
    let form = "d=18%3A42%5B%22echo%22%2C%22a%5C%5Cnb%E2%80%A8%22%5D";
    let posted = client.post(form).await;
    assert_eq!(posted.has("content-type: text/html").text(), "ok");
    let expected = r#"___eio[0]("18:42[\"echo\",\"a\\nb\u2028\"]");"#;
    assert_eq!(client.poll().await.text(), expected);

    let client = Polling::open(&server, "EIO=4&j=12").await;
    assert_eq!(client.post("d=40").await.text(), "ok");
    assert!(client.poll().await.text().starts_with("___eio[12](\"40{\\\"sid\\\":"));
    let packet = "42%5B%22echo%22%2C1%5D";
    assert_eq!(client.post(format!("d={packet}%1e{packet}")).await.text(), "ok");
    let expected = r#"___eio[12]("42[\"echo\",1]\u001e42[\"echo\",1]");"#;
    assert_eq!(client.poll().await.text(), expected);
    // What is no form is no payload.
    assert_eq!(client.post("42[\"echo\",1]").await.text(), "ok");
    assert_eq!(client.post(format!("d={packet}")).await.text(), "ok");
    assert_eq!(client.poll().await.text(), r#"___eio[12]("42[\"echo\",1]");"#);
}

#[tokio::test]
async fn jsonp_carries_binary_data_as_base64_and_keeps_the_limit() {
    let io = echo();
    let server = start(&io).await;
    let client = Polling::open(&server, "EIO=3&j=0").await;
    client.poll().await;
    io.emit("news", &switchboard::Binary(vec![1, 2].into())).unwrap();
    let text = client.poll().await.text().to_owned();
    assert!(text.ends_with("6:b4AQI=\");"), "{text}");
    let answer = client.post(vec![b'd'; 1_000_001]).await;
    assert!(answer.head.starts_with("http/1.1 413 "), "{}", answer.head);
}

const TEXT: &str = "text/plain;charset=UTF-8";
