//! HTTP/2 without TLS, by prior knowledge: one connection with one WebSocket stream each.
//!
//! Just enough of the protocol for an extended CONNECT and what follows it: the windows of the other side are kept, ours
//! are so large that they never have to be renewed.
//!
//! Specs: RFC 9113; RFC 8441; the literals of RFC 7541.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Result, ensure};

use super::transport::{Transport, connected};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const STREAM: u32 = 1;
const FRAME_BYTES_MAX: usize = 16_384;
const WINDOW_START: i64 = 65_535;
const WINDOW_MAX: u32 = (1 << 31) - 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;
/// `:status: 200` in HPACK's static table.
const STATUS_200: u8 = 0x88;

pub(crate) struct Http2 {
    stream: TcpStream,
    /// What came and is not taken apart yet.
    input: Vec<u8>,
    /// Payloads of DATA frames that nobody has read yet.
    payload: Vec<u8>,
    output: Vec<u8>,
    /// How much the other side takes, on the connection and on the stream.
    windows: [i64; 2],
    /// The other side's first window of a stream.
    window_start: i64,
    knows_connect: bool,
    is_open: bool,
}

impl Transport for Http2 {
    const HOLDS_BYTES: bool = true;
    const UPGRADES: bool = false;

    fn connect(source: Ipv4Addr, server: SocketAddr) -> Result<Self> {
        let mut new = Self {
            stream: connected(source, server)?,
            input: Vec::new(),
            payload: Vec::new(),
            output: PREFACE.to_vec(),
            windows: [WINDOW_START; 2],
            window_start: WINDOW_START,
            knows_connect: false,
            is_open: false,
        };
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend_from_slice(&WINDOW_MAX.to_be_bytes());
        new.push(SETTINGS, 0, 0, &settings);
        let more = WINDOW_MAX - 65_535;
        new.push(WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        new.flush()?;
        while !new.knows_connect {
            new.fill()?;
        }
        let block = header_block(&server.to_string());
        new.push(HEADERS, END_HEADERS, STREAM, &block);
        new.flush()?;
        while !new.is_open {
            new.fill()?;
        }
        ensure!(new.payload.is_empty(), "a frame that nobody asked for");
        new.stream.set_nonblocking(true)?;
        Ok(new)
    }
}

impl Http2 {
    fn push(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        self.output.extend_from_slice(length.get(1..).unwrap_or_default());
        self.output.extend_from_slice(&[kind, flags]);
        self.output.extend_from_slice(&stream.to_be_bytes());
        self.output.extend_from_slice(payload);
    }

    /// Reads once and takes apart what is whole.
    fn fill(&mut self) -> io::Result<()> {
        let mut arrived = [0; 32 * 1024];
        let count = self.stream.read(&mut arrived)?;
        if count == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the server closed a connection"));
        }
        self.input.extend_from_slice(arrived.get(..count).unwrap_or_default());
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        while let [a, b, c, kind, flags, s, t, u, v, tail @ ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let stream = u32::from_be_bytes([*s, *t, *u, *v]);
            let Some((payload, next)) = tail.split_at_checked(length) else { break };
            self.take((*kind, *flags, stream), payload)?;
            rest = next;
        }
        self.input = rest.to_vec();
        if self.output.is_empty() { Ok(()) } else { self.flush() }
    }

    fn take(&mut self, (kind, flags, stream): (u8, u8, u32), payload: &[u8]) -> io::Result<()> {
        match (kind, flags, payload) {
            (DATA, 0, _) if self.is_open => self.payload.extend_from_slice(payload),
            (HEADERS, END_HEADERS, [STATUS_200, ..]) if !self.is_open => self.is_open = true,
            (SETTINGS, 0, _) => {
                for setting in payload.chunks_exact(6) {
                    let [high, low, a, b, c, d] = *setting else { continue };
                    self.set(u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d]));
                }
                self.push(SETTINGS, ACK, 0, &[]);
            }
            (PING, 0, _) => self.push(PING, ACK, 0, payload),
            (WINDOW_UPDATE, _, [a, b, c, d]) => {
                let more = i64::from(u32::from_be_bytes([*a, *b, *c, *d]));
                let [connection, of_stream] = &mut self.windows;
                *(if stream == 0 { connection } else { of_stream }) += more;
            }
            (SETTINGS | PING, ACK, _) => {}
            _ => {
                let what = format!("unexpected HTTP/2 frame {kind}, flags {flags}: {payload:02x?}");
                return Err(Error::new(ErrorKind::InvalidData, what));
            }
        }
        Ok(())
    }

    fn set(&mut self, setting: u16, value: u32) {
        if setting == INITIAL_WINDOW_SIZE {
            let [_, of_stream] = &mut self.windows;
            *of_stream += i64::from(value) - self.window_start;
            self.window_start = i64::from(value);
        } else if setting == ENABLE_CONNECT_PROTOCOL {
            self.knows_connect = value == 1;
        }
    }
}

impl Read for Http2 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.payload.is_empty() {
            self.fill()?;
        }
        let count = self.payload.len().min(buffer.len());
        buffer.iter_mut().zip(self.payload.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }
}

impl Write for Http2 {
    /// Makes one DATA frame of what the windows let through.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let [connection, of_stream] = self.windows;
        let window = usize::try_from(connection.min(of_stream)).unwrap_or(0);
        let count = bytes.len().min(window).min(FRAME_BYTES_MAX);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.push(DATA, 0, STREAM, bytes.get(..count).unwrap_or_default());
        self.windows = self.windows.map(|window| window - count as i64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let count = self.stream.write(&self.output)?;
            self.output.drain(..count);
        }
        Ok(())
    }
}

impl AsFd for Http2 {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// An extended CONNECT, as literals that no table remembers.
fn header_block(authority: &str) -> Vec<u8> {
    let mut block = Vec::new();
    let mut push = |start: &[u8], texts: &[&str]| {
        block.extend_from_slice(start);
        for text in texts {
            block.push(u8::try_from(text.len()).unwrap_or(0));
            block.extend_from_slice(text.as_bytes());
        }
    };
    push(&[0x02], &["CONNECT"]);
    push(&[0x00], &[":protocol", "websocket"]);
    push(&[0x86, 0x84, 0x01], &[authority]);
    push(&[0x00], &["sec-websocket-version", "13"]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_connect_names_its_protocol() {
        let block = header_block("127.0.0.1:80");
        let expected = b"\x02\x07CONNECT\x00\x09:protocol\x09websocket\x86\x84\x01\x0c127.0.0.1:80\
                         \x00\x15sec-websocket-version\x0213";
        assert_eq!(block, expected);
    }
}
