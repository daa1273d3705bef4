//! Parsers: the same server in msgpack, and in a format of the application's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use switchboard::parser::{
    Body, EncodeFailed, Input, Messages, Packet, PacketDecoder, PacketParser, Parser, Payload,
    PeerError,
};
use switchboard::{
    Ack, Args, Auth, Binary, ConnectError, Data, EncodeError, Raw, RawArgs, Server, Socket,
};
use switchboard_sio::{EncodeError as Failed, Limits, Role, msgpack};
use tokio::sync::mpsc;

use crate::client::{Client, Message, Running, field, request, start, until, within};

/// The one packet of the next message, for clients that speak msgpack.
async fn packet(client: &mut Client) -> Packet<'static> {
    match client.receive().await {
        Message::Binary(bytes) => read(&bytes),
        other => panic!("expected msgpack, got {other:?}"),
    }
}

fn read(bytes: &[u8]) -> Packet<'static> {
    msgpack::decode(bytes, Role::Client, &Limits::default()).unwrap()
}

fn write(write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failed>) -> Vec<u8> {
    let mut message = Vec::new();
    write(&mut message).unwrap();
    message
}

fn event(id: Option<u64>, name: &str, args: impl switchboard::EmitArgs) -> Vec<u8> {
    write(|it| msgpack::event("/", id, name, args, it))
}

/// Joins the default namespace and gives the socket's id.
async fn join(server: &Running) -> (Client, String) {
    let mut client = Client::open(server).await;
    client.send_binary(&write(|it| msgpack::connect_request("/", None, it))).await;
    let Body::Connect { payload: Some(payload) } = packet(&mut client).await.body else {
        panic!("not connected")
    };
    (client, field(&payload, "sid"))
}

fn lobby(parser: impl Into<Parser>) -> Server {
    let io = Server::builder().parser(parser).build();
    io.on("connection", async |socket: Socket| socket.join("lobby").unwrap());
    io.of("/").on("relay", async |socket: Socket, raw: Raw| {
        socket.to("lobby").emit("relayed", raw).unwrap();
    });
    io.of("/").on("size", async |Data(bytes): Data<Binary>, ack: Ack| {
        ack.send((bytes.0.len(), &bytes)).unwrap();
    });
    io.of("/").on("ask", async |socket: Socket| {
        let answer: String = socket.emit_with_ack("question", &41).await.unwrap();
        socket.emit("answer", &answer).unwrap();
    });
    io.of("/").on("leave", async |socket: Socket| socket.disconnect());
    io.of("/closed").middleware(async || {
        let data = serde_json::json!({"code": 7});
        Err::<(), _>(ConnectError::new("no").data(&data))
    });
    io
}

fn event_of(packet: Packet<'static>) -> (String, Payload<'static>) {
    let Body::Event { payload, .. } = packet.body else { panic!("no event: {packet:?}") };
    (payload.event_name().into_owned(), payload)
}

#[tokio::test]
async fn msgpack_carries_events_acks_and_bytes_both_ways() {
    let server = start(&lobby(Parser::msgpack())).await;
    let (mut one, _) = join(&server).await;
    let (mut two, _) = join(&server).await;
    let (mut three, _) = join(&server).await;

    one.send_binary(&event(Some(3), "size", &Binary::from(vec![7, 8]))).await;
    let Body::Ack { id: 3, payload } = packet(&mut one).await.body else { panic!("no ack") };
    assert_eq!(payload.args::<(usize, Binary)>().unwrap(), (2, Binary::from(vec![7, 8])));

    let args =
        RawArgs { json: r#"1,{"a":18446744073709551615,"a":[null]},"é""#, attachments: &[] };
    one.send_binary(&event(None, "relay", args)).await;
    for client in [&mut two, &mut three] {
        let (name, payload) = event_of(packet(client).await);
        assert_eq!((&*name, payload.args_json()), ("relayed", args.json));
    }

    two.send_binary(&event(None, "ask", ())).await;
    let Body::Event { id: Some(id), payload } = packet(&mut two).await.body else {
        panic!("no question")
    };
    assert_eq!(payload.args_json(), "41");
    two.send_binary(&write(|it| msgpack::ack("/", id, "42", it))).await;
    assert_eq!(event_of(packet(&mut two).await).1.args_json(), "\"42\"");

    two.send_binary(&event(None, "leave", ())).await;
    assert_eq!(packet(&mut two).await.body, Body::Disconnect);
}

#[tokio::test]
async fn msgpack_refuses_as_json_does() {
    let server = start(&lobby(Parser::msgpack())).await;
    let (mut client, _) = join(&server).await;
    for (namespace, payload) in [
        ("/unknown", r#"{"message":"Invalid namespace"}"#),
        ("/closed", r#"{"message":"no","data":{"code":7}}"#),
    ] {
        client.send_binary(&write(|it| msgpack::connect_request(namespace, None, it))).await;
        let refused = packet(&mut client).await;
        assert_eq!(refused.namespace, namespace);
        assert_eq!(refused.body, Body::ConnectError { payload: payload.into() });
    }
}

#[tokio::test]
async fn msgpack_passes_long_polling() {
    let server = start(&lobby(Parser::msgpack())).await;
    let (_, open) = request(&server, "GET", "EIO=4&transport=polling", "").await;
    let query = format!("EIO=4&transport=polling&sid={}", field(&open, "sid"));
    // {type: 0, nsp: "/"}, then {type: 2, data: ["size", <07>], nsp: "/", id: 0}.
    let connect = "bgqR0eXBlAKNuc3ChLw==";
    let asked = "bhKR0eXBlAqRkYXRhkqRzaXplxAEHo25zcKEvomlkAA==";
    let body = format!("{connect}\x1e{asked}");
    assert_eq!(request(&server, "POST", &query, &body).await.0, 200);
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let (status, body) = request(&server, "GET", &query, "").await;
        assert_eq!(status, 200);
        answers.extend(body.split('\x1e').map(str::to_owned));
    }
    // {type: 0, data: {sid: ..
    assert!(answers[0].starts_with("bg6R0eXBlAKRkYXRhgaNzaWS0"), "{}", answers[0]);
    // {type: 3, data: [1, <07>], nsp: "/", id: 0}
    assert_eq!(answers[1], "bhKR0eXBlA6RkYXRhkgHEAQejbnNwoS+iaWQA");
}

#[tokio::test]
async fn what_is_no_msgpack_closes_its_own_connection_only() {
    let io = lobby(Parser::msgpack());
    let server = start(&io).await;
    let (mut healthy, _) = join(&server).await;
    let deep = format!("92a161{}01", "91".repeat(5_000));
    let deep: Vec<u8> = (0..deep.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&deep[at..at + 2], 16).unwrap())
        .collect();
    let deep = [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data", &deep[..]].concat();
    for (message, code) in [
        (&b"\xc1"[..], 1007),
        (b"\xdf\xff\xff\xff\xff", 1007),
        (b"\x00", 1002),
        (b"\x81\xa4type\x00", 1002),
        (&deep, 1008),
    ] {
        let (mut client, _) = join(&server).await;
        client.send_binary(message).await;
        assert_eq!(client.close_code().await, Some(code), "for {message:x?}");
    }
    let (mut client, _) = join(&server).await;
    client.send(r#"42["relay"]"#).await;
    assert_eq!(client.close_code().await, Some(1002));
    healthy.send_binary(&event(Some(0), "size", &Binary::default())).await;
    assert!(matches!(packet(&mut healthy).await.body, Body::Ack { id: 0, .. }));
}

#[tokio::test]
async fn json_is_relayed_as_it_was_written() {
    let server = start(&lobby(Parser::json())).await;
    let (mut one, _) = Client::connect(&server).await;
    let (mut two, _) = Client::connect(&server).await;
    // Any tree would lose one of the keys, digits of the numbers, the surrogate or the spaces, and
    // serde_json would refuse the depth.
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    for args in [
        r#"{"a":1,"a":2}"#,
        "12345678901234567890123456789,1e999,1.10,-0",
        r#""\ud800","\u0041""#,
        r#"{ "b" : [ 1 , 2 ] }"#,
        &deep,
    ] {
        one.send(&format!(r#"42["relay",{args}]"#)).await;
        assert_eq!(two.text().await, format!(r#"42["relayed",{args}]"#));
    }
    one.send(r#"452-["relay",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]"#)
        .await;
    one.send_binary(&[1]).await;
    one.send_binary(&[2]).await;
    let relayed =
        r#"452-["relayed",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]"#;
    assert_eq!(two.text().await, relayed);
    assert_eq!(two.receive().await, Message::Binary(vec![1]));
    assert_eq!(two.receive().await, Message::Binary(vec![2]));
}

/// `<namespace> <type> <id> <payload>`, and the bytes behind it.
#[derive(Clone, Default)]
struct Words {
    encoded: Arc<AtomicUsize>,
    waiting: Option<String>,
}

impl PacketParser for Words {
    fn encode(&self, packet: &Packet<'_>) -> Result<Messages, EncodeFailed> {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        let (kind, id, payload) = match &packet.body {
            Body::Connect { payload } => ("connect", None, payload.as_deref().unwrap_or("{}")),
            Body::ConnectError { payload } => ("error", None, &**payload),
            Body::Disconnect => ("disconnect", None, "{}"),
            Body::Event { id, payload } => ("event", *id, payload.json()),
            Body::Ack { id, payload } => ("ack", Some(*id), payload.json()),
        };
        assert!(!payload.contains("panic"), "asked to");
        if payload.contains("unsayable") {
            return Err("there is no word for it".into());
        }
        let id = id.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let mut messages = Messages::text(format!("{} {kind} {id} {payload}", packet.namespace));
        if let Body::Event { payload, .. } | Body::Ack { payload, .. } = &packet.body {
            messages.binary = payload.attachments().to_vec();
        }
        Ok(messages)
    }

    fn decoder(&self) -> Box<dyn PacketDecoder> {
        Box::new(Self::default())
    }
}

impl PacketDecoder for Words {
    fn decode<'a>(&mut self, message: Input<'a>) -> Result<Option<Packet<'a>>, PeerError> {
        let (text, attachments) = match (message, self.waiting.take()) {
            (Input::Text(text), None) if text.contains("placeholder") => {
                self.waiting = Some(text.to_owned());
                return Ok(None);
            }
            (Input::Text(text), None) => (text.to_owned(), Vec::new()),
            (Input::Binary(bytes), Some(text)) => (text, vec![bytes.to_vec().into()]),
            _ => return Err(PeerError::UnexpectedBinary),
        };
        assert!(!text.contains("crash"), "asked to");
        let mut words = text.splitn(4, ' ');
        let mut word = || words.next().ok_or(PeerError::BadPayload);
        let (namespace, kind, id, payload) = (word()?, word()?, word()?, word()?);
        let id = id.parse().ok();
        let body = match kind {
            "connect" => Body::Connect { payload: Some(payload.to_owned().into()) },
            "disconnect" => Body::Disconnect,
            "event" => {
                let payload = Payload::from_event_json(payload, attachments)?.into_owned();
                Body::Event { id, payload }
            }
            "ack" => {
                let payload = Payload::from_ack_json(payload, attachments)?.into_owned();
                Body::Ack { id: id.ok_or(PeerError::BadId)?, payload }
            }
            _ => return Err(PeerError::UnknownPacket),
        };
        Ok(Some(Packet { namespace: namespace.to_owned().into(), body }))
    }

    fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }
}

async fn join_words(server: &Running) -> Client {
    let mut client = Client::open(server).await;
    client.send("4/ connect - {\"token\":\"t\"}").await;
    let connected = client.text().await;
    assert!(connected.starts_with("4/ connect - {\"sid\":\""), "{connected}");
    client
}

#[tokio::test]
async fn a_parser_of_the_application_carries_everything() {
    let words = Words::default();
    let io = lobby(words.clone());
    let (saw, mut seen) = mpsc::unbounded_channel();
    io.of("/").middleware(async move |Auth(auth): Auth<serde_json::Value>| {
        saw.send(auth).unwrap();
        Ok(())
    });
    let server = start(&io).await;
    let mut one = join_words(&server).await;
    let mut two = join_words(&server).await;
    let mut three = join_words(&server).await;
    assert_eq!(within(seen.recv()).await.unwrap()["token"], "t");

    one.send(r#"4/ event 5 ["size",{"_placeholder":true,"num":0}]"#).await;
    one.send_binary(&[9, 9]).await;
    assert_eq!(one.text().await, r#"4/ ack 5 [2,{"_placeholder":true,"num":0}]"#);
    assert_eq!(one.receive().await, Message::Binary(vec![9, 9]));

    let before = words.encoded.load(Ordering::Relaxed);
    one.send(r#"4/ event - ["relay",{"a":1,"a":2}]"#).await;
    for client in [&mut two, &mut three] {
        assert_eq!(client.text().await, r#"4/ event - ["relayed",{"a":1,"a":2}]"#);
    }
    assert_eq!(words.encoded.load(Ordering::Relaxed), before + 1, "a broadcast is written once");

    two.send(r#"4/ event - ["ask"]"#).await;
    let question = two.text().await;
    let id = question.split(' ').nth(2).unwrap();
    assert_eq!(question, format!(r#"4/ event {id} ["question",41]"#));
    two.send(&format!(r#"4/ ack {id} ["42"]"#)).await;
    assert_eq!(two.text().await, r#"4/ event - ["answer","42"]"#);

    two.send("4/unknown connect - {}").await;
    assert_eq!(two.text().await, r#"4/unknown error - {"message":"Invalid namespace"}"#);
    two.send(r#"4/ event - ["leave"]"#).await;
    assert_eq!(two.text().await, "4/ disconnect - {}");
}

#[tokio::test]
async fn mistakes_of_a_client_close_its_connection_whatever_the_parser() {
    let server = start(&lobby(Words::default())).await;
    let mut healthy = join_words(&server).await;
    let long = format!("/{} connect - {{}}", "x".repeat(255));
    for (message, code) in [
        ("/ event - [\"a\"", 1007),
        ("/ event - [\"connect\"]", 1002),
        ("/ event 9007199254740992 [\"a\"]", 1002),
        ("x connect - {}", 1002),
        ("/x connect - null", 1002),
        (&long, 1008),
        // Not even a parser that panics harms anybody else.
        ("/ event - [\"crash\"]", 1011),
    ] {
        let mut client = join_words(&server).await;
        client.send(&format!("4{message}")).await;
        assert_eq!(client.close_code().await, Some(code), "for {message}");
    }
    healthy.send(r#"4/ event 1 ["size",{"_placeholder":true,"num":0}]"#).await;
    healthy.send_binary(&[]).await;
    assert!(healthy.text().await.starts_with("4/ ack 1 [0,"));
}

#[tokio::test]
async fn what_a_parser_cannot_say_is_an_error_of_the_emit() {
    let io = lobby(Words::default());
    let (saw, mut seen) = mpsc::unbounded_channel();
    io.of("/").on("say", async move |socket: Socket, Args((word,)): Args<(String,)>| {
        saw.send(socket.emit("said", &word)).unwrap();
    });
    io.of("/").on("count", async |Data(_): Data<u64>| ());
    let server = start(&io).await;
    let mut client = join_words(&server).await;
    client.send(r#"4/ event - ["say","unsayable"]"#).await;
    let error = within(seen.recv()).await.unwrap().unwrap_err();
    assert!(matches!(&error, EncodeError::Parser(it) if it.to_string().contains("no word")));
    let raw = RawArgs { json: "1],[2", attachments: &[] };
    assert!(matches!(io.emit("raw", raw), Err(EncodeError::Json(_))));
    assert!(matches!(io.emit("connect", ()), Err(EncodeError::ReservedEventName)));
    // In a handler a panic ends its connection; elsewhere it is the caller's.
    client.send(r#"4/ event - ["say","panic"]"#).await;
    assert_eq!(client.close_code().await, Some(1011));
    // So does one in the answer to an argument that does not decode, which quotes it.
    let mut client = join_words(&server).await;
    client.send(r#"4/ event 7 ["count","panic"]"#).await;
    assert_eq!(client.close_code().await, Some(1011));
    until(|| io.clients_count() == 0).await;
}
