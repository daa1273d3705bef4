//! HTTP requests in raw bytes, and their answers in full.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Running, within};

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The one header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(it, _)| it == name);
        let first = found.next().map(|(_, value)| &**value);
        assert!(found.next().is_none(), "{name} is there twice: {self:?}");
        first
    }

    /// All values of that name, put together as lists are.
    pub(crate) fn list(&self, name: &str) -> String {
        let found = self.headers.iter().filter(|(it, _)| it == name);
        found.map(|(_, value)| &**value).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A request on a connection of its own. `headers` are whole lines.
pub(crate) async fn ask(server: &Running, line: &str, headers: &[&str]) -> Answer {
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    let mut request = format!("{line} HTTP/1.1\r\nHost: {}\r\n", server.address);
    if !headers.iter().any(|it| it.starts_with("Upgrade:")) {
        request.push_str("Connection: close\r\n");
    }
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at;
        }
        assert_ne!(within(stream.read_buf(&mut bytes)).await.unwrap(), 0, "no answer");
    };
    let answer = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = answer.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|it| it.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers = headers.collect();
    let mut body = bytes.split_off(head + 4);
    if status != 101 {
        within(stream.read_to_end(&mut body)).await.unwrap();
    }
    Answer { status, headers, body }
}

/// The handshake of a WebSocket. An accepted one ends at once.
pub(crate) async fn ask_websocket(server: &Running, query: &str, headers: &[&str]) -> Answer {
    let handshake = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let headers: Vec<&str> = handshake.iter().chain(headers).copied().collect();
    ask(server, &format!("GET /socket.io/?EIO=4&transport=websocket{query}"), &headers).await
}

/// Where a session of long-polling begins.
pub(crate) const OPEN: &str = "GET /socket.io/?EIO=4&transport=polling";
