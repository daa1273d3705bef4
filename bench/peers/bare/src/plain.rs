//! The floor of the rows `ws-*`: every frame goes back as it came, but for its mask key.
//!
//! An answer has the bytes that a server would send, except that nobody unmasked, checked or inflated the payload: it is
//! as it arrived, and the generator expects it so. All frames of one read leave in one write, large ones without being
//! copied. While a client does not take its answers, nothing is read from it.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const OPENING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const AGREEMENT: &[u8] = b"Sec-WebSocket-Extensions: permessage-deflate; \
    server_no_context_takeover; client_no_context_takeover\r\n";
const KEY_BYTES: usize = 4;
const SCRATCH_BYTES: usize = 256 * 1024;
/// Answers are copied together up to this size on average, and written from where they are above it.
const COPY_MAX: usize = 4096;
const LISTENER: u64 = u64::MAX;

struct Connection {
    stream: TcpStream,
    is_open: bool,
    is_closing: bool,
    /// Holds a frame or head that came in part; its first `filled` bytes count.
    input: Vec<u8>,
    filled: usize,
    /// What the socket did not take; these bytes of `output`.
    output: Vec<u8>,
    unsent: Range<usize>,
}

/// Serves until the process is ended.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = [EpollEvent::empty(); 1024];
    loop {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            other => other?,
        };
        for event in events.iter().take(count) {
            if event.data() == LISTENER {
                accept(&listener, &epoll, &mut connections)?;
                continue;
            }
            let slot = usize::try_from(event.data())?;
            let Some(place) = connections.get_mut(slot) else { continue };
            let Some(connection) = place else { continue };
            let was_blocked = !connection.unsent.is_empty();
            let outcome = connection.turn(&mut scratch);
            let is_blocked = !connection.unsent.is_empty();
            if outcome.is_err() || (connection.is_closing && !is_blocked) {
                *place = None;
            } else if was_blocked != is_blocked {
                let interest = if is_blocked { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
                epoll
                    .modify(&connection.stream, &mut EpollEvent::new(interest, event.data()))
                    .context("epoll")?;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    epoll: &Epoll,
    connections: &mut Vec<Option<Connection>>,
) -> Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let slot = usize::try_from(stream.as_raw_fd())?;
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, slot as u64))?;
        if connections.len() <= slot {
            connections.resize_with(slot + 1, || None);
        }
        if let Some(place) = connections.get_mut(slot) {
            *place = Some(Connection::new(stream));
        }
    }
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        let (input, output) = (Vec::new(), Vec::new());
        Self { stream, is_open: false, is_closing: false, input, filled: 0, output, unsent: 0..0 }
    }

    /// Writes what waits, or else reads once and answers.
    fn turn(&mut self, scratch: &mut [u8]) -> Result<()> {
        if !self.unsent.is_empty() {
            let waiting = self.output.get(self.unsent.clone()).context("no such bytes")?;
            let count = written(self.stream.write(waiting))?;
            self.unsent.start += count;
            return Ok(());
        }
        if self.filled > 0 {
            return self.go_on();
        }
        let count = self.stream.read(scratch)?;
        if count == 0 {
            bail!("closed");
        }
        let arrived = scratch.get_mut(..count).context("more than there is room for")?;
        if !self.is_open {
            return self.keep(arrived);
        }
        let mut answers = Vec::new();
        let mut start = 0;
        while let Some(frame) = whole_frame(arrived, start)? {
            start = frame.end;
            self.is_closing |= arrived.get(frame.start).is_some_and(|first| first & 0x0f == 8);
            answers.push(without_key(arrived, frame)?);
        }
        self.answer(arrived, &answers)?;
        self.keep(arrived.get(start..).unwrap_or_default())
    }

    /// Reads more of what is there in part, and not beyond its end.
    fn go_on(&mut self) -> Result<()> {
        let wanted = match length(self.input.get(..self.filled).unwrap_or_default()) {
            _ if !self.is_open => 4096,
            Some(length) => length,
            None => self.filled + 1,
        };
        if self.input.len() < wanted {
            self.input.resize(wanted, 0);
        }
        let room = self.input.get_mut(self.filled..wanted).context("a head that is too long")?;
        let count = self.stream.read(room)?;
        if count == 0 {
            bail!("closed");
        }
        self.filled += count;
        if !self.is_open {
            return self.open();
        }
        if let Some(frame) = whole_frame(self.input.get(..self.filled).unwrap_or_default(), 0)? {
            self.filled = 0;
            let answer = without_key(&mut self.input, frame)?;
            let bytes = self.input.get(answer.clone()).context("no such bytes")?;
            let count = written(self.stream.write(bytes))?;
            self.unsent = answer.start + count..answer.end;
            std::mem::swap(&mut self.input, &mut self.output);
        }
        Ok(())
    }

    fn keep(&mut self, rest: &[u8]) -> Result<()> {
        if self.input.len() < rest.len() {
            self.input.resize(rest.len(), 0);
        }
        self.input.get_mut(..rest.len()).context("no room")?.copy_from_slice(rest);
        self.filled = rest.len();
        if self.is_open { Ok(()) } else { self.open() }
    }

    /// Answers the request once its end is there.
    fn open(&mut self) -> Result<()> {
        let head = self.input.get(..self.filled).unwrap_or_default();
        if !head.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let offers = head.windows(18).any(|bytes| bytes == b"permessage-deflate");
        let agreement = if offers { AGREEMENT } else { b"" };
        self.stream.write_all(&[OPENING, agreement, b"\r\n"].concat())?;
        (self.is_open, self.filled, self.input) = (true, 0, Vec::new());
        Ok(())
    }

    /// Sends parts of `bytes` in one write and keeps what the socket does not take.
    fn answer(&mut self, bytes: &[u8], parts: &[Range<usize>]) -> Result<()> {
        let all = || parts.iter().filter_map(|part| bytes.get(part.clone()));
        let total: usize = parts.iter().map(Range::len).sum();
        if total == 0 {
            return Ok(());
        }
        let count = if parts.len() > 1 && total / parts.len() < COPY_MAX {
            let mut copied = Vec::with_capacity(total);
            all().for_each(|part| copied.extend_from_slice(part));
            written(self.stream.write(&copied))?
        } else {
            let slices: Vec<IoSlice<'_>> = all().map(IoSlice::new).collect();
            written(self.stream.write_vectored(&slices))?
        };
        if count < total {
            self.output.clear();
            all().for_each(|part| self.output.extend_from_slice(part));
            self.unsent = count..total;
        }
        Ok(())
    }
}

/// The length of the frame that begins here, once its header is there.
fn length(input: &[u8]) -> Option<usize> {
    let (header, payload) = match *input {
        [_, 0xff, _, _, _, _, a, b, c, d, ..] => (10, u32::from_be_bytes([a, b, c, d]) as usize),
        [_, 0xfe, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [_, length, ..] if length < 0xfe => (2, usize::from(length & 0x7f)),
        _ => return None,
    };
    Some(header + KEY_BYTES + payload)
}

fn whole_frame(input: &[u8], start: usize) -> Result<Option<Range<usize>>> {
    let rest = input.get(start..).context("beyond the end")?;
    let length = length(rest).filter(|length| *length <= rest.len());
    Ok(length.map(|length| start..start + length))
}

/// Moves the header of a client's frame over its key and clears the mask bit; returns where the result is.
fn without_key(input: &mut [u8], frame: Range<usize>) -> Result<Range<usize>> {
    let bytes = input.get_mut(frame.clone()).context("no such frame")?;
    let header = match bytes.get(1) {
        Some(0xff) => 10,
        Some(0xfe) => 4,
        _ => 2,
    };
    bytes.copy_within(..header, KEY_BYTES);
    if let Some(length) = bytes.get_mut(KEY_BYTES + 1) {
        *length &= 0x7f;
    }
    Ok(frame.start + KEY_BYTES..frame.end)
}

/// How many bytes a socket took; none when it is full.
fn written(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
