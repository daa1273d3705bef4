//! The request heads that a browser sends for the official client, one for each client.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::crowd::{Request, request};

/// What all clients of a herd have in common.
pub(crate) struct Scene {
    server: SocketAddr,
    /// Is it Socket.IO over the WebSocket, or a plain one?
    pub(super) is_socket_io: bool,
    upgrade: Vec<u8>,
}

impl Scene {
    pub(crate) fn new(server: SocketAddr, kind: Request) -> Self {
        let is_socket_io = kind == Request::EngineIo;
        Self { server, is_socket_io, upgrade: request(server, kind) }
    }

    /// The upgrade request of client `number`.
    pub(super) fn upgrade(&self, number: usize) -> Vec<u8> {
        const NAME: &[u8] = b"\r\nCookie: session=";
        let mut head = self.upgrade.clone();
        if let Some(place) = head.windows(NAME.len()).position(|bytes| bytes == NAME) {
            let start = place + NAME.len();
            if let Some(value) = head.get_mut(start..start + 32) {
                value.copy_from_slice(cookie(number).as_bytes());
            }
        }
        head
    }

    /// A GET of long-polling, or a POST of `body`, as XMLHttpRequest sends it.
    pub(super) fn poll(&self, number: usize, sid: &str, body: Option<&str>, output: &mut Vec<u8>) {
        let server = self.server;
        let (method, extra) = match body {
            None => ("GET", String::new()),
            Some(body) => {
                let length = body.len();
                let kind = "text/plain;charset=UTF-8";
                let head = format!(
                    "Content-Length: {length}\r\nContent-type: {kind}\r\nOrigin: http://{server}\r\n"
                );
                ("POST", head)
            }
        };
        let mut head = String::new();
        // Writing to a string does not fail.
        let _ = write!(
            head,
            "{method} /socket.io/?EIO=4&transport=polling&t={:08x}{}{sid} HTTP/1.1\r\n\
             Host: {server}\r\n\
             Connection: keep-alive\r\n\
             {extra}\
             sec-ch-ua-platform: \"Linux\"\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/142.0.0.0 Safari/537.36\r\n\
             sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
             sec-ch-ua-mobile: ?0\r\n\
             Accept: */*\r\n\
             Sec-Fetch-Site: same-origin\r\n\
             Sec-Fetch-Mode: cors\r\n\
             Sec-Fetch-Dest: empty\r\n\
             Referer: http://{server}/\r\n\
             Accept-Encoding: gzip, deflate, br, zstd\r\n\
             Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
             Cookie: session={}; theme=dark\r\n\r\n",
            number & 0xffff_ffff,
            if sid.is_empty() { "" } else { "&sid=" },
            cookie(number),
        );
        output.extend_from_slice(head.as_bytes());
        output.extend_from_slice(body.unwrap_or_default().as_bytes());
    }
}

/// 32 digits that no two clients share.
pub(crate) fn cookie(number: usize) -> String {
    // An odd factor makes it one to one.
    let mixed = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("{mixed:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clients_differ_in_their_cookies_only() {
        let scene = Scene::new(SocketAddr::from(([127, 0, 0, 1], 80)), Request::EngineIo);
        let (one, two) = (scene.upgrade(1), scene.upgrade(2));
        assert_eq!(one.len(), two.len());
        let differing: Vec<usize> = (0..one.len()).filter(|&at| one[at] != two[at]).collect();
        assert!(differing.last().unwrap() - differing[0] < 32);
    }

    #[test]
    fn poll_names_its_session_and_a_post_carries_its_body() {
        let scene = Scene::new(SocketAddr::from(([127, 0, 0, 1], 80)), Request::EngineIo);
        let (mut get, mut post) = (Vec::new(), Vec::new());
        scene.poll(7, "", None, &mut get);
        scene.poll(7, "abc", Some("40"), &mut post);
        let (get, post) = (String::from_utf8(get).unwrap(), String::from_utf8(post).unwrap());
        assert!(get.starts_with("GET /socket.io/?EIO=4&transport=polling&t=00000007 HTTP/1.1\r\n"));
        assert!(post.contains("&sid=abc HTTP/1.1\r\n") && post.contains("Content-Length: 2\r\n"));
        assert!(post.ends_with("\r\n\r\n40"));
    }
}
