//! Many sends in one system call, by io_uring: the feature `io-uring`.
//!
//! Each thread that flushes has a ring of its own, made when it first needs one. A send that would
//! wait for room fails at once instead ([`DONT_WAIT`]), so all of them are over when the one
//! system call returns.
//!
//! Needs Linux 6.1. Where there is no ring to be had (an older kernel, a container that forbids
//! it, too many of them), [`send_all`] says so, and everybody writes by itself as without it.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use io_uring::{IoUring, opcode, types};
use tracing::debug;

/// One send, and what became of it.
pub(super) struct Send<'a> {
    stream: BorrowedFd<'a>,
    bytes: &'a [u8],
    result: Outcome,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many bytes have left; fewer than wanted where there was no more room.
    Sent(usize),
    /// Nothing has left; whoever tries again is told why.
    NotSent,
    /// Nobody knows how much has left: nothing may follow.
    Unknown,
}

impl<'a> Send<'a> {
    pub(super) fn new(stream: BorrowedFd<'a>, bytes: &'a [u8]) -> Self {
        Self { stream, bytes, result: Outcome::NotSent }
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.result
    }
}

/// Sends everything, as far as there is room. `false` when there is no ring, and nothing was sent.
pub(super) fn send_all(sends: &mut [Send<'_>]) -> bool {
    RING.with_borrow_mut(|ring| {
        let ring = ring.get_or_insert_with(open);
        sends.chunks_mut(ENTRIES as usize).all(|some| match ring {
            Some(open) => {
                if !send_some(open, some) {
                    *ring = None;
                }
                true
            }
            None => false,
        })
    })
}

fn open() -> Option<IoUring> {
    let opened =
        IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(ENTRIES).inspect_err(
            |error| debug!(%error, "no io_uring: each connection is written by itself"),
        );
    opened.ok()
}

/// Sends no more than a ring takes. `false` when the ring is of no use any more.
fn send_some(ring: &mut IoUring, sends: &mut [Send<'_>]) -> bool {
    let mut queued = 0;
    for (number, send) in sends.iter().enumerate() {
        let len = u32::try_from(send.bytes.len()).unwrap_or(u32::MAX);
        let entry = opcode::Send::new(types::Fd(send.stream.as_raw_fd()), send.bytes.as_ptr(), len)
            .flags(DONT_WAIT | NO_SIGNAL)
            .build()
            .user_data(number as u64);
        #[expect(unsafe_code, reason = "the kernel reads what the entry points to")]
        // SAFETY: the stream and the bytes are borrowed by `sends`, which outlives this function.
        // It returns when each entry has completed; if waiting fails, when none is under way:
        // `DONT_WAIT` makes each send end within the call that submits it.
        let pushed = unsafe { ring.submission().push(&entry) };
        if pushed.is_err() {
            break;
        }
        queued += 1;
    }
    let mut completed = 0;
    sends.iter_mut().take(queued).for_each(|it| it.result = Outcome::Unknown);
    while completed < queued {
        match ring.submit_and_wait(queued - completed) {
            Ok(_) => (),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => {
                debug!(%error, "an io_uring has failed");
                return false;
            }
        }
        for entry in ring.completion() {
            completed += 1;
            let sent = usize::try_from(entry.user_data()).ok().and_then(|it| sends.get_mut(it));
            let Some(send) = sent else { continue };
            let sent = usize::try_from(entry.result());
            send.result = sent.map_or(Outcome::NotSent, Outcome::Sent);
        }
    }
    true
}

thread_local! {
    /// Nothing yet, or what came of the attempt to have one.
    static RING: RefCell<Option<Option<IoUring>>> = const { RefCell::new(None) };
}

/// Sends of one system call.
const ENTRIES: u32 = 256;
/// `MSG_DONTWAIT` of Linux.
const DONT_WAIT: i32 = 0x40;
/// `MSG_NOSIGNAL` of Linux.
const NO_SIGNAL: i32 = 0x4000;

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    #[test]
    fn each_stream_gets_its_bytes_and_a_full_or_closed_one_stops_nobody() {
        let (good, mut reader) = pair();
        let (full, _full_reader) = pair();
        let (gone, gone_reader) = pair();
        drop(gone_reader);
        gone.shutdown(std::net::Shutdown::Write).unwrap();
        let much = vec![0; 64 << 20];
        let mut sends = [
            Send::new(gone.as_fd(), b"nobody"),
            Send::new(full.as_fd(), &much),
            Send::new(good.as_fd(), b"hello"),
        ];
        if !send_all(&mut sends) {
            // This machine has none; then there is nothing to see.
            assert!(sends.iter().all(|it| it.outcome() == Outcome::NotSent));
            return;
        }
        let [gone, full, good] = sends.map(|it| it.outcome());
        assert_eq!(gone, Outcome::NotSent);
        assert!(matches!(full, Outcome::Sent(bytes) if 0 < bytes && bytes < much.len()));
        assert_eq!(good, Outcome::Sent(5));
        let mut heard = [0; 5];
        reader.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
    }
}
