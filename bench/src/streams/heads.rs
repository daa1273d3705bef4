//! Request heads in HPACK: what a browser sends, each field once on a connection and then by its place in the table.
//!
//! What differs from client to client, the path and the cookie, is always sent in full and never enters the table.
//!
//! Spec: RFC 7541, sections 5 and 6.

use std::net::SocketAddr;

/// First place of the dynamic table.
const DYNAMIC: usize = 62;
/// `:path` in the static table, as a literal that no table remembers.
const PATH: u8 = 0x04;
/// `:status: 200` in the static table.
pub(super) const STATUS_200: u8 = 0x88;

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/142.0.0.0 Safari/537.36";

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    WebSocket,
    Get,
    Post,
}

/// One field that all requests of a connection share.
struct Field {
    name: &'static str,
    value: String,
    /// Which requests have it.
    requests: &'static [Request],
    /// When it entered the table, counted from 0.
    entered: Option<usize>,
}

/// The heads of one connection, and what its table holds.
pub(super) struct Heads {
    pseudo: Vec<Field>,
    fields: Vec<Field>,
    entered: usize,
}

impl Heads {
    pub(super) fn new(server: SocketAddr) -> Self {
        use Request::{Get, Post, WebSocket};
        let field = |name, value: &str, requests| {
            let value = value.to_owned();
            Field { name, value, requests, entered: None }
        };
        let (polls, all): (&[Request], &[Request]) = (&[Get, Post], &[WebSocket, Get, Post]);
        let page = format!("http://{server}");
        let brands =
            "\"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"";
        let pseudo = vec![
            field(":method", "CONNECT", &[WebSocket]),
            field(":method", "GET", &[Get]),
            field(":method", "POST", &[Post]),
            field(":authority", &server.to_string(), all),
            field(":scheme", "http", all),
            field(":protocol", "websocket", &[WebSocket]),
        ];
        let fields = vec![
            field("pragma", "no-cache", &[WebSocket]),
            field("cache-control", "no-cache", &[WebSocket]),
            field("content-type", "text/plain;charset=UTF-8", &[Post]),
            field("sec-ch-ua-platform", "\"Linux\"", polls),
            field("user-agent", USER_AGENT, all),
            field("sec-ch-ua", brands, polls),
            field("sec-ch-ua-mobile", "?0", polls),
            field("accept", "*/*", polls),
            field("origin", &page, &[WebSocket, Post]),
            field("sec-websocket-version", "13", &[WebSocket]),
            field("sec-fetch-site", "same-origin", polls),
            field("sec-fetch-mode", "cors", polls),
            field("sec-fetch-dest", "empty", polls),
            field("referer", &format!("{page}/"), polls),
            field("accept-encoding", "gzip, deflate, br, zstd", all),
            field("accept-language", "en-GB,en;q=0.9,de;q=0.8", all),
            field(
                "sec-websocket-extensions",
                "permessage-deflate; client_max_window_bits",
                &[WebSocket],
            ),
        ];
        Self { pseudo, fields, entered: 0 }
    }

    /// Appends the header block of a request.
    pub(super) fn push(
        &mut self,
        request: Request,
        path: &str,
        cookie: &str,
        output: &mut Vec<u8>,
    ) {
        for field in self.pseudo.iter_mut().filter(|field| field.requests.contains(&request)) {
            field.push(&mut self.entered, output);
        }
        output.push(PATH);
        push_text(path, output);
        for field in self.fields.iter_mut().filter(|field| field.requests.contains(&request)) {
            field.push(&mut self.entered, output);
        }
        output.push(0);
        push_text("cookie", output);
        push_text(cookie, output);
    }
}

impl Field {
    fn push(&mut self, entered: &mut usize, output: &mut Vec<u8>) {
        if let Some(when) = self.entered {
            // The newest has the first place. All of them fit into seven bits.
            let place = DYNAMIC + *entered - 1 - when;
            output.push(0x80 | u8::try_from(place).unwrap_or(0));
            return;
        }
        self.entered = Some(*entered);
        *entered += 1;
        output.push(0x40);
        push_text(self.name, output);
        push_text(&self.value, output);
    }
}

/// A string without Huffman coding.
fn push_text(text: &str, output: &mut Vec<u8>) {
    match text.len() {
        length @ 0..127 => output.push(u8::try_from(length).unwrap_or(0)),
        length => {
            output.push(127);
            let mut rest = length - 127;
            while rest > 127 {
                output.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or(0));
                rest >>= 7;
            }
            output.push(u8::try_from(rest).unwrap_or(0));
        }
    }
    output.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_head_names_the_fields_by_their_places() {
        let mut heads = Heads::new(SocketAddr::from(([127, 0, 0, 1], 80)));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        heads.push(Request::WebSocket, "/a", "b", &mut first);
        heads.push(Request::WebSocket, "/a", "b", &mut second);
        assert!(first.starts_with(b"\x40\x07:method\x07CONNECT"));
        // Four pseudo-fields and eight others: the first has been pushed back by eleven.
        let expected =
            b"\xc9\xc8\xc7\xc6\x04\x02/a\xc5\xc4\xc3\xc2\xc1\xc0\xbf\xbe\0\x06cookie\x01b";
        assert_eq!(second, expected);
    }

    #[test]
    fn long_string_has_its_length_in_several_bytes() {
        let mut output = Vec::new();
        push_text(&"x".repeat(127 + 300), &mut output);
        assert_eq!(output[..3], [127, 0xac, 0x02]);
    }
}
