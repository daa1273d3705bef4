//! Socket.IO clients that only use HTTP long-polling, on one epoll loop in one thread.
//!
//! Each has two connections of HTTP/1.1 that stay open: a GET is always pending on one, POSTs go over the other, one at a
//! time; what is to be sent meanwhile goes into the next one, as in the official client.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::plain::connected;

/// After so long without any message the answers that are missing are lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Source addresses that the clients share.
const SOURCES: usize = 8;
const SCRATCH_BYTES: usize = 64 * 1024;
/// Stands between two packets of a body.
const SEPARATOR: u8 = 0x1e;

/// How far the handshake is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The GET without an id is sent.
    Opening,
    /// `40` is sent.
    Joining,
    Ready,
}

struct Poller {
    poll: TcpStream,
    post: TcpStream,
    stage: Stage,
    /// The whole GET.
    get: Vec<u8>,
    /// A POST up to the length of its body.
    post_head: Vec<u8>,
    /// Responses that came in part.
    partial: [Vec<u8>; 2],
    is_posting: bool,
    /// What the next POST has to carry.
    waiting: Vec<u8>,
}

/// All clients of one run.
pub(crate) struct Pollers {
    epoll: Epoll,
    clients: Vec<Poller>,
    ready: usize,
    server: SocketAddr,
    scratch: Vec<u8>,
    heard_at: Instant,
}

impl Pollers {
    /// Nobody yet; everybody will connect to `server`.
    pub(crate) fn new(server: SocketAddr) -> Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            clients: Vec::new(),
            ready: 0,
            server,
            scratch: vec![0; SCRATCH_BYTES],
            heard_at: Instant::now(),
        })
    }

    /// Connects `count` more clients, `at_once` at a time, and returns when all have joined the namespace.
    pub(crate) fn grow(&mut self, count: usize, at_once: usize) -> Result<()> {
        let wanted = self.clients.len() + count;
        self.heard_at = Instant::now();
        while self.ready < wanted {
            while self.clients.len() < wanted && self.clients.len() - self.ready < at_once {
                self.add()?;
            }
            self.turn(&mut |_, text| {
                bail!("a message during the handshakes: {:?}", String::from_utf8_lossy(text))
            })?;
        }
        Ok(())
    }

    /// Sends a packet as one client, at once or with the next POST.
    pub(crate) fn send(&mut self, client: usize, packet: &[u8]) -> Result<()> {
        self.clients.get_mut(client).context("no such client")?.send(packet)
    }

    /// Waits for something to read and hands every message, with its client's number, to `received`.
    ///
    /// # Errors
    /// A connection broke, a server said something wrong, or nothing came for ten seconds.
    pub(crate) fn turn(
        &mut self,
        received: &mut impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(100_u8)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let client = self.clients.get_mut(number / 2).context("an event for nobody")?;
            let was_ready = client.stage == Stage::Ready;
            if number % 2 == 0 {
                client.receive(&mut self.scratch, &mut |text| received(number / 2, text))?;
            } else {
                client.posted(&mut self.scratch)?;
            }
            self.ready += usize::from(!was_ready && client.stage == Stage::Ready);
        }
        if count > 0 {
            self.heard_at = Instant::now();
        } else if self.heard_at.elapsed() > PATIENCE {
            bail!("the server has been silent for {PATIENCE:?}: messages are lost");
        }
        Ok(())
    }

    fn add(&mut self) -> Result<()> {
        let number = self.clients.len();
        let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(number % SOURCES)?);
        let client = Poller::connect(source, self.server)?;
        for (stream, number) in [(&client.poll, 2 * number), (&client.post, 2 * number + 1)] {
            self.epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        }
        self.clients.push(client);
        Ok(())
    }
}

impl Poller {
    fn connect(source: Ipv4Addr, server: SocketAddr) -> Result<Self> {
        let (mut poll, post) = (connected(source, server)?, connected(source, server)?);
        poll.set_nonblocking(true)?;
        post.set_nonblocking(true)?;
        poll.write_all(&request("GET", server, "", "\r\n"))?;
        Ok(Self {
            poll,
            post,
            stage: Stage::Opening,
            get: Vec::new(),
            post_head: Vec::new(),
            partial: [Vec::new(), Vec::new()],
            is_posting: false,
            waiting: Vec::new(),
        })
    }

    fn send(&mut self, packet: &[u8]) -> Result<()> {
        if !self.waiting.is_empty() {
            self.waiting.push(SEPARATOR);
        }
        self.waiting.extend_from_slice(packet);
        if self.is_posting { Ok(()) } else { self.post() }
    }

    fn post(&mut self) -> Result<()> {
        let length = self.waiting.len().to_string();
        let request = [&self.post_head, length.as_bytes(), b"\r\n\r\n", &self.waiting].concat();
        self.waiting.clear();
        self.is_posting = true;
        self.post.write_all(&request).context("the server does not read")
    }

    /// Reads the answer to a POST.
    fn posted(&mut self, scratch: &mut [u8]) -> Result<()> {
        let [_, partial] = &mut self.partial;
        let Some(body) = read(&mut self.post, partial, scratch)? else { return Ok(()) };
        ensure!(body == b"ok", "POST was answered by {:?}", String::from_utf8_lossy(&body));
        ensure!(self.is_posting, "an answer without a POST");
        self.is_posting = false;
        if self.waiting.is_empty() { Ok(()) } else { self.post() }
    }

    /// Reads the answer to the GET, sends the next one, then whatever the packets lead to.
    fn receive(
        &mut self,
        scratch: &mut [u8],
        received: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let [partial, _] = &mut self.partial;
        let Some(body) = read(&mut self.poll, partial, scratch)? else { return Ok(()) };
        if self.stage == Stage::Opening {
            self.open(&body)?;
        }
        self.poll.write_all(&self.get).context("the server does not read")?;
        for packet in body.split(|byte| *byte == SEPARATOR) {
            match (self.stage, packet) {
                (Stage::Opening, _) => {
                    self.send(b"40")?;
                    self.stage = Stage::Joining;
                }
                (_, b"2") => self.send(b"3")?,
                (Stage::Joining, _) if packet.starts_with(b"40{\"sid\":\"") => {
                    self.stage = Stage::Ready;
                }
                (Stage::Ready, _) => received(packet)?,
                _ => bail!("unexpected in the handshake: {:?}", String::from_utf8_lossy(packet)),
            }
        }
        Ok(())
    }

    /// Makes the requests of a session out of its open packet.
    fn open(&mut self, packet: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(packet)?;
        let sid = text.strip_prefix("0{\"sid\":\"").and_then(|rest| rest.split('"').next());
        let sid = format!("&sid={}", sid.with_context(|| format!("unexpected {text:?}"))?);
        let server = self.poll.peer_addr()?;
        self.get = request("GET", server, &sid, "\r\n");
        let length = "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ";
        self.post_head = request("POST", server, &sid, length);
        Ok(())
    }
}

/// What a browser sends to poll or post, up to `end`.
fn request(method: &str, server: SocketAddr, sid: &str, end: &str) -> Vec<u8> {
    format!(
        "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\n\
         Host: {server}\r\n\
         Connection: keep-alive\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36\r\n\
         Accept: */*\r\n\
         Referer: http://{server}/\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
         Cookie: session=3f1c9a2be8d94d6c9f00b1a7c55e20d4; theme=dark\r\n\
         {end}"
    )
    .into_bytes()
}

/// Reads once; the body of a response, once it is whole.
fn read(
    stream: &mut TcpStream,
    partial: &mut Vec<u8>,
    scratch: &mut [u8],
) -> Result<Option<Vec<u8>>> {
    let count = match stream.read(scratch) {
        Ok(0) => bail!("the server closed a connection"),
        Ok(count) => count,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error).context("a connection broke"),
    };
    let arrived = scratch.get(..count).context("more than there is room for")?;
    if partial.is_empty()
        && let Some(body) = body(arrived)?
    {
        return Ok(Some(body));
    }
    partial.extend_from_slice(arrived);
    let whole = body(partial)?;
    if whole.is_some() {
        partial.clear();
    }
    Ok(whole)
}

/// The body of the one response that `input` holds.
///
/// # Errors
/// It is no 200, has no length, or something follows it although nobody asked.
fn body(input: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(input.get(..end).unwrap_or_default())?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "the server refused: {head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let length: usize = length.with_context(|| format!("a response without length: {head}"))?;
    let body = input.get(end + 4..).unwrap_or_default();
    ensure!(body.len() <= length, "something behind a response");
    Ok((body.len() == length).then(|| body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_found_once_it_is_whole_and_nothing_may_follow() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\nX: y\r\n\r\n2\x1e2";
        for cut in 0..response.len() {
            assert_eq!(body(&response[..cut]).unwrap(), None);
        }
        assert_eq!(body(response).unwrap().unwrap(), b"2\x1e2");
        assert!(body(&[&response[..], b"x"].concat()).is_err());
        assert!(body(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(body(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
