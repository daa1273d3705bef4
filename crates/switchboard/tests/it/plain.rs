//! Plain WebSockets: what handlers receive and send, spoken to in raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use switchboard::Handshake;
use switchboard::ws::{self, Event, Message, Options, Prepared, Sender, WebSocket};
use switchboard_ws::{Message as Frame, encode_masked, encode_ping};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::client::{until, within};

/// Serves in the background. The server is told to stop when the guard is dropped.
pub(crate) async fn serve(server: &ws::Server) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (guard, dropped) = oneshot::channel::<()>();
    let shutdown = async { drop(dropped.await) };
    tokio::spawn(ws::serve(listener, server.clone(), shutdown));
    (address, guard)
}

pub(crate) async fn echo(mut socket: WebSocket) -> Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}

/// A client that knows nothing but bytes.
pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) head: String,
    input: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, "", b"").await
    }

    /// Connects with more headers, and with bytes that follow the handshake in the same packet.
    pub(crate) async fn connect_with(address: SocketAddr, headers: &str, early: &[u8]) -> Self {
        let mut raw = Self::ask(address, headers, early).await;
        raw.read_head().await;
        assert!(raw.head.starts_with("HTTP/1.1 101 "), "{}", raw.head);
        raw
    }

    pub(crate) async fn ask(address: SocketAddr, headers: &str, early: &[u8]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        let stream = within(socket.connect(address)).await.unwrap();
        let mut raw = Self { stream, head: String::new(), input: Vec::new() };
        raw.write_head(&address.to_string(), headers, early).await;
        raw
    }
}

impl Raw<DuplexStream> {
    /// Connects over a pipe that holds `bytes_max` each way, and no kernel in between.
    pub(crate) async fn pipe(server: &ws::Server, bytes_max: usize) -> Self {
        let (stream, theirs) = tokio::io::duplex(bytes_max);
        let service = hyper_util::service::TowerToHyperService::new(server.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(hyper_util::rt::TokioIo::new(theirs), service)
            .with_upgrades();
        tokio::spawn(connection);
        let mut raw = Self { stream, head: String::new(), input: Vec::new() };
        raw.write_head("pipe", "", b"").await;
        raw.read_head().await;
        raw
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    async fn write_head(&mut self, host: &str, headers: &str, early: &[u8]) {
        let mut request = format!(
            "GET /any HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
        .into_bytes();
        request.extend_from_slice(early);
        self.write(&request).await;
    }

    pub(crate) async fn read_head(&mut self) {
        let end = loop {
            if let Some(at) = self.input.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            let read = within(self.stream.read_buf(&mut self.input)).await.unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&self.input));
        };
        self.head = String::from_utf8(self.input.drain(..end).collect()).unwrap();
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.unwrap();
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.write(&masked(Frame::Text(text))).await;
    }

    /// Reads exactly these bytes.
    #[track_caller]
    pub(crate) fn expect<'a>(&'a mut self, bytes: &'a [u8]) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            while self.input.len() < bytes.len() {
                let read = within(self.stream.read_buf(&mut self.input)).await.unwrap();
                assert_ne!(read, 0, "{caller}: the end, after {:?}", self.input);
            }
            let found: Vec<u8> = self.input.drain(..bytes.len()).collect();
            assert!(found == bytes, "{caller}: {:?}", &found[..found.len().min(200)]);
        }
    }

    /// Reads one short or medium frame.
    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        loop {
            let (header, len) = match *self.input {
                [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
                [_, 127, _, _, _, _, a, b, c, d, ..] => {
                    (10, u32::from_be_bytes([a, b, c, d]) as usize)
                }
                [_, len @ ..126, ..] => (2, usize::from(len)),
                _ => (2, usize::MAX - 2),
            };
            if header + len <= self.input.len() {
                return self.input.drain(..header + len).collect();
            }
            let read = within(self.stream.read_buf(&mut self.input)).await.unwrap();
            assert_ne!(read, 0, "the end, after {} bytes", self.input.len());
        }
    }

    /// Reads to the end of the stream; nothing more may come.
    pub(crate) async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        within(self.stream.read_to_end(&mut rest)).await.unwrap();
        assert!(self.input.is_empty() && rest.is_empty(), "{:?} {rest:?}", self.input);
    }
}

pub(crate) fn masked(message: Frame<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked(message, [7, 8, 9, 10], &mut frame);
    frame
}

pub(crate) fn plain(message: Frame<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    switchboard_ws::encode(message, &mut frame);
    frame
}

#[tokio::test]
async fn messages_of_every_size_come_back_whole_and_in_order() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut client = Raw::connect(address).await;
    for len in [0, 1, 125, 126, 127, 4096, 8191, 8192, 65_535, 65_536, 70_000, 1_000_000] {
        let bytes: Vec<u8> = (0..len).map(|it| it as u8).collect();
        let (there, back) = (masked(Frame::Binary(&bytes)), plain(Frame::Binary(&bytes)));
        let (mut read, mut write) = client.stream.split();
        let mut found = vec![0; back.len()];
        let (written, found) = tokio::join!(
            within(write.write_all(&there)),
            within(async { read.read_exact(&mut found).await.map(|_| found) })
        );
        written.unwrap();
        assert!(found.unwrap() == back, "{len}");
    }
}

#[tokio::test]
async fn what_follows_the_handshake_in_one_packet_is_delivered() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut client = Raw::connect_with(address, "", &masked(Frame::Text("early"))).await;
    client.expect(b"\x81\x05early").await;
    client.text("late").await;
    client.expect(b"\x81\x04late").await;
}

#[tokio::test]
async fn a_batch_of_messages_is_answered_in_order() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut client = Raw::connect(address).await;
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for number in 0..20_000 {
        let text = number.to_string();
        there.extend(masked(Frame::Text(&text)));
        back.extend(plain(Frame::Text(&text)));
    }
    client.write(&there).await;
    client.expect(&back).await;
}

#[tokio::test]
async fn a_message_that_comes_byte_by_byte_arrives() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut client = Raw::connect(address).await;
    for byte in masked(Frame::Text("grüße")) {
        client.write(&[byte]).await;
    }
    client.expect(&plain(Frame::Text("grüße"))).await;
}

#[tokio::test]
async fn pings_are_answered_between_messages_and_fragments() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut client = Raw::connect(address).await;
    let mut bytes = b"\x01\x81\x00\x00\x00\x00a".to_vec();
    encode_ping(b"there?", Some([1, 1, 1, 1]), &mut bytes);
    bytes.extend(b"\x80\x81\x00\x00\x00\x00b");
    client.write(&bytes).await;
    client.expect(b"\x8a\x06there?\x81\x02ab").await;
}

#[tokio::test]
async fn what_a_handler_sends_leaves_while_it_waits_for_something_else() {
    let server = ws::Server::new(async |socket: WebSocket| {
        socket.send_text("at once").unwrap();
        std::future::pending::<()>().await;
    });
    let (address, _guard) = serve(&server).await;
    Raw::connect(address).await.expect(b"\x81\x07at once").await;
}

#[tokio::test]
async fn a_sender_in_another_task_wakes_the_connection() {
    let (tell, mut told) = mpsc::unbounded_channel::<Sender>();
    let server = ws::Server::new(async move |socket: WebSocket| {
        let (sender, receiver) = socket.split();
        tell.send(sender).unwrap();
        receiver.discard().await
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    let sender = within(told.recv()).await.unwrap();
    tokio::spawn(async move { sender.send("from elsewhere").unwrap() });
    client.expect(&plain(Frame::Text("from elsewhere"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_sends_comes_before_what_it_has_others_send() {
    // Another task sends, and closes, as soon as the handler has sent, which goes on without a pause.
    let server = ws::Server::new(async |socket: WebSocket| {
        let sender = socket.sender();
        socket.send_text("first").unwrap();
        let other = std::thread::spawn(move || {
            sender.send_text("second").unwrap();
            sender.close(ws::CloseCode::NORMAL, "");
        });
        other.join().unwrap();
    });
    let (address, _guard) = serve(&server).await;
    for _ in 0..50 {
        let mut client = Raw::connect(address).await;
        client.expect(b"\x81\x05first\x81\x06second\x88\x02\x03\xe8").await;
    }
}

#[tokio::test]
async fn a_peer_that_reads_slowly_but_steadily_is_no_slow_consumer() {
    let server = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
        socket.send(vec![7; 8_000_000])?;
        while socket.recv().await?.is_some() {}
        Ok(())
    });
    let mut client = Raw::pipe(&server, 64 * 1024).await;
    let begun = std::time::Instant::now();
    let mut read = 0;
    while read < 8_000_000 {
        // A little more often than it would have to, for longer than it may take nothing.
        let mut some = vec![0; 450_000];
        read += within(client.stream.read_exact(&mut some)).await.unwrap_or_default();
        let pause = Duration::from_millis(400);
        tokio::time::timeout(pause, std::future::pending::<()>()).await.ok();
        if 8_000_000 - read < 450_000 {
            break;
        }
    }
    assert!(Duration::from_secs(6) < begun.elapsed());
    assert_eq!(server.connections(), 1, "it was given up");
}

#[tokio::test]
async fn halves_in_tasks_of_their_own_work_and_end_the_connection() {
    let server = ws::Server::new(async |socket: WebSocket| {
        let (sender, mut receiver) = socket.split();
        tokio::spawn(async move {
            while let Ok(Some(message)) = receiver.recv().await {
                sender.send(message).unwrap();
            }
        });
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    for text in ["one", "two"] {
        client.text(text).await;
        client.expect(&plain(Frame::Text(text))).await;
    }
    client.write(b"\x88\x80\x00\x00\x00\x00").await;
    client.expect(b"\x88\x00").await;
    drop(client);
    until(|| server.connections() == 0).await;
}

#[tokio::test]
async fn a_prepared_message_reaches_everybody() {
    let (tell, mut told) = mpsc::unbounded_channel::<Sender>();
    let server = ws::Server::new(async move |socket: WebSocket| {
        let (sender, receiver) = socket.split();
        tell.send(sender).unwrap();
        receiver.discard().await
    });
    let (address, _guard) = serve(&server).await;
    let (mut clients, mut senders) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        clients.push(Raw::connect(address).await);
        senders.push(within(told.recv()).await.unwrap());
    }
    let long = "x".repeat(5000);
    for text in ["short", &long] {
        let prepared = Prepared::new(text);
        for sender in &senders {
            sender.send_prepared(&prepared).unwrap();
        }
    }
    for client in &mut clients {
        client.expect(&plain(Frame::Text("short"))).await;
        client.expect(&plain(Frame::Text(&long))).await;
    }
}

#[tokio::test]
async fn compressed_messages_are_echoed_compressed() {
    let deflate = ws::Deflate { threshold: 16, ..ws::Deflate::default() };
    for takes_over in [false, true] {
        let deflate = ws::Deflate { server_no_context_takeover: !takes_over, ..deflate };
        let options = Options::new().deflate(deflate);
        let (address, _guard) = serve(&ws::Server::with_options(options, echo)).await;
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let mut client = Raw::connect_with(address, offer, b"").await;
        assert!(client.head.contains("permessage-deflate"), "{}", client.head);
        // "Hello", compressed and masked with zeros; below the threshold on the way back.
        client.write(b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00").await;
        client.expect(b"\x81\x05Hello").await;
        let long = "ditto, ".repeat(1000);
        let mut sizes = Vec::new();
        for _ in 0..2 {
            client.text(&long).await;
            let frame = client.frame().await;
            assert_eq!(frame[0], 0xc1);
            sizes.push(frame.len());
        }
        assert!(sizes[0] < 200);
        assert_eq!(sizes[1] < sizes[0], takes_over, "{sizes:?}");
    }
}

#[tokio::test]
async fn a_prepared_message_is_compressed_once_for_those_who_agreed() {
    let (tell, mut told) = mpsc::unbounded_channel::<Sender>();
    let options = Options::new().deflate(ws::Deflate::default());
    let server = ws::Server::with_options(options, async move |socket: WebSocket| {
        let (sender, receiver) = socket.split();
        tell.send(sender).unwrap();
        receiver.discard().await
    });
    let (address, _guard) = serve(&server).await;
    let offers = ["", "permessage-deflate", "permessage-deflate; server_max_window_bits=9"];
    let (mut clients, mut senders) = (Vec::new(), Vec::new());
    for offer in offers {
        let header = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let header = if offer.is_empty() { "" } else { &header };
        clients.push(Raw::connect_with(address, header, b"").await);
        senders.push(within(told.recv()).await.unwrap());
    }
    let text = "all the same ".repeat(500);
    let prepared = Prepared::new(text.as_str());
    for sender in &senders {
        sender.send_prepared(&prepared).unwrap();
    }
    clients[0].expect(&plain(Frame::Text(&text))).await;
    for client in &mut clients[1..] {
        let frame = client.frame().await;
        assert!(frame[0] == 0xc1 && frame.len() < 500, "{}", frame.len());
    }
}

#[tokio::test]
async fn only_the_latest_pong_waits_for_a_peer_that_does_not_read() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = ws::Server::new(async move |mut socket: WebSocket| -> Result<(), ws::Error> {
        socket.send(vec![0; 50_000])?;
        while socket.recv().await?.is_some() {
            tell.send("heard").unwrap();
        }
        Ok(())
    });
    let mut client = Raw::pipe(&server, 4096).await;
    // Its arrival shows that the large message fills the pipe.
    client.write(&masked(Frame::Text("first"))).await;
    assert_eq!(within(told.recv()).await, Some("heard"));
    let mut pings = Vec::new();
    for number in 0..50u8 {
        encode_ping(&[number], Some([0; 4]), &mut pings);
    }
    pings.extend(masked(Frame::Text("all of them")));
    client.write(&pings).await;
    assert_eq!(within(told.recv()).await, Some("heard"));
    let mut frame = client.frame().await;
    while frame[0] != 0x8a {
        frame = client.frame().await;
    }
    assert_eq!(frame, [0x8a, 1, 49], "an earlier pong");
}

#[tokio::test]
async fn a_cancelled_recv_loses_nothing() {
    let (tell, told) = oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let server = ws::Server::new(async move |mut socket: WebSocket| {
        let mut received = Vec::new();
        while received.len() < 3 {
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => (),
                message = socket.recv() => received.push(message.unwrap().unwrap()),
            }
            // Dropped right after its first poll, again and again.
            let once = std::pin::pin!(socket.recv());
            if let Some(message) = poll_once(once).await {
                received.push(message.unwrap().unwrap());
            }
        }
        let tell = tell.lock().unwrap().take();
        tell.unwrap().send(received).unwrap();
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    let mut bytes = Vec::new();
    for text in ["one", "two", "three"] {
        bytes.extend(masked(Frame::Text(text)));
    }
    for byte in bytes {
        client.write(&[byte]).await;
    }
    let received = within(told).await.unwrap();
    assert_eq!(received, ["one", "two", "three"].map(Message::from));
}

/// Polls a future a single time.
async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    use std::pin::Pin;
    use std::task::Poll;
    std::future::poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_handler_may_look_at_the_handshake() {
    let server = ws::Server::new(async |socket: WebSocket, handshake: Handshake| {
        let agent = handshake.header("user-agent").unwrap_or_default();
        socket.send(format!("{} {agent}", handshake.uri())).unwrap();
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect_with(address, "User-Agent: raw\r\n", b"").await;
    client.expect(&plain(Frame::Text("/any raw"))).await;
}

#[tokio::test]
async fn the_first_protocol_of_ours_that_is_offered_is_chosen() {
    let options = Options::new().protocols(["v2", "v1"]);
    let server = ws::Server::with_options(options, async |socket: WebSocket| {
        socket.send(socket.protocol().unwrap_or("none")).unwrap();
    });
    let (address, _guard) = serve(&server).await;
    for (offer, chosen) in [("v1, v2", Some("v2")), ("v1", Some("v1")), ("v3", None)] {
        let header = format!("Sec-WebSocket-Protocol: {offer}\r\n");
        let mut client = Raw::connect_with(address, &header, b"").await;
        let told = chosen.map(|it| format!("sec-websocket-protocol: {it}\r\n"));
        assert_eq!(client.head.contains("sec-websocket-protocol"), chosen.is_some());
        assert!(client.head.contains(&told.unwrap_or_default()), "{}", client.head);
        client.expect(&plain(Frame::Text(chosen.unwrap_or("none")))).await;
    }
}

#[tokio::test]
async fn pongs_and_the_close_are_events() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = ws::Server::new(async move |mut socket: WebSocket| {
        socket.ping(b"hi").unwrap();
        while let Ok(event) = socket.next_event().await {
            tell.send(event).unwrap();
        }
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    client.expect(b"\x89\x02hi").await;
    client.write(b"\x8a\x82\x00\x00\x00\x00hi\x88\x84\x00\x00\x00\x00\x03\xe8ok").await;
    assert_eq!(within(told.recv()).await, Some(Event::Pong("hi".into())));
    let Some(Event::Closed(ws::Closed::Frame { code, reason })) = within(told.recv()).await else {
        panic!("the close frame is an event");
    };
    assert_eq!((code, reason.as_str()), (Some(ws::CloseCode::NORMAL), "ok"));
}

#[tokio::test]
async fn a_producer_that_waits_for_ready_is_slowed_down_and_loses_nothing() {
    const MESSAGES: usize = 200;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let server = ws::Server::new(async move |socket: WebSocket| -> Result<(), ws::Error> {
        for _ in 0..MESSAGES {
            socket.ready().await?;
            socket.send(vec![7; 100_000])?;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let (address, _guard) = serve(&server).await;
    let mut client = Raw::connect(address).await;
    until(|| 10 < sent.load(Ordering::Relaxed)).await;
    tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await.ok();
    assert!(sent.load(Ordering::Relaxed) < MESSAGES, "nobody reads, and the producer went on");
    let frame = plain(Frame::Binary(&[7; 100_000]));
    for _ in 0..MESSAGES {
        client.expect(&frame).await;
    }
}

#[tokio::test]
async fn a_client_that_sends_without_reading_is_slowed_down_and_gets_every_echo() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let client = Raw::connect(address).await;
    let (there, back) = (masked(Frame::Binary(&[5; 50_000])), plain(Frame::Binary(&[5; 50_000])));
    const MESSAGES: usize = 400;
    let (mut read, mut write) = client.stream.into_split();
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let writing = tokio::spawn(async move {
        for _ in 0..MESSAGES {
            write.write_all(&there).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
        }
        write
    });
    // The kernel's buffers and 1 MiB of ours fill up, and then it stands still.
    let mut before = usize::MAX;
    while before != written.load(Ordering::Relaxed) {
        before = written.load(Ordering::Relaxed);
        tokio::time::timeout(Duration::from_millis(200), std::future::pending::<()>()).await.ok();
    }
    assert!(before < MESSAGES, "everything was taken although nothing was read");
    for _ in 0..MESSAGES {
        let mut found = vec![0; back.len()];
        within(read.read_exact(&mut found)).await.unwrap();
        assert!(found == back);
    }
    drop(within(writing).await.unwrap());
}
