//! Bytes that wait to be written: a queue of pieces, some shared with other connections.
//!
//! Nearly always one piece waits, so the first one stands in the queue itself and costs no
//! allocation. Pieces of one connection alone use buffers that their thread lends, so that a busy
//! connection allocates nothing and an idle one owns nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

use crate::batch::{Place, Span};

/// A piece of a byte stream.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Bytes that other connections send too, or that their sender keeps.
    Shared(Bytes),
    /// Bytes of this connection alone, small ones copied together.
    Own(Lent),
    /// Frames that others send too, put together before they are written ([`Chunks::settle`]).
    Span(Span),
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => &bytes.0,
            Self::Span(_) => {
                debug_assert!(false, "only what is settled is written");
                &[]
            }
        }
    }
}

/// A queue of pieces.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    first: Option<Chunk>,
    /// Rarely needed, so it stands apart. Empty when there is no `first`.
    #[expect(clippy::box_collection, reason = "an idle connection should be small")]
    more: Option<Box<VecDeque<Chunk>>>,
}

impl Chunks {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn push(&mut self, chunk: Chunk) {
        if self.first.is_none() {
            self.first = Some(chunk);
        } else {
            self.more.get_or_insert_default().push_back(chunk);
        }
    }

    /// Queues a frame that has that place among others, if the last piece ends with the frame
    /// before it. Else `false`.
    pub(crate) fn extend(&mut self, place: &Place) -> bool {
        match self.last() {
            Some(Chunk::Span(span)) => span.extend(place),
            Some(last) => {
                let Chunk::Shared(bytes) = last else { return false };
                let Some(span) = place.after(bytes) else { return false };
                *last = Chunk::Span(span);
                true
            }
            None => false,
        }
    }

    /// Makes everything ready to be written.
    pub(crate) fn settle(&mut self) {
        let more = self.more.iter_mut().flat_map(|it| it.iter_mut());
        for chunk in self.first.iter_mut().chain(more) {
            if let Chunk::Span(span) = chunk {
                *chunk = Chunk::Shared(span.join());
            }
        }
    }

    fn last(&mut self) -> Option<&mut Chunk> {
        self.more.as_mut().and_then(|it| it.back_mut()).or(self.first.as_mut())
    }

    /// Appends what `write` writes, and says how many bytes that is. It goes into the last piece
    /// while that is small and our own.
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        if let Some(Chunk::Own(Lent(bytes))) = self.last()
            && bytes.len() < COPY_TOGETHER_BYTES
        {
            let len = bytes.len();
            write(bytes);
            return bytes.len() - len;
        }
        let mut lent = Lent::borrow();
        write(&mut lent.0);
        let len = lent.0.len();
        if len != 0 {
            self.push(Chunk::Own(lent));
        }
        len
    }

    /// Moves everything of `other` behind what is here.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let Some(first) = other.first.take() else { return };
        self.push(first);
        for chunk in other.more.take().into_iter().flat_map(|it| *it) {
            self.push(chunk);
        }
    }

    /// Forgets the start of the first piece.
    pub(crate) fn trim(&mut self, gone: usize) {
        match &mut self.first {
            Some(Chunk::Shared(bytes)) => bytes.advance(gone.min(bytes.len())),
            Some(Chunk::Own(Lent(bytes))) => drop(bytes.drain(..gone.min(bytes.len()))),
            Some(Chunk::Span(_)) | None => (),
        }
    }

    /// The first piece alone.
    pub(crate) fn split_first(&mut self) -> Self {
        Self { first: self.first.take(), more: None }
    }

    /// Forgets the first `bytes` bytes, of which the first piece has lost `gone` before. Says how
    /// much of the piece that is now the first is gone.
    pub(crate) fn advance(&mut self, gone: usize, bytes: usize) -> usize {
        let mut gone = gone + bytes;
        while let Some(first) = &self.first {
            let len = first.as_ref().len();
            if gone < len {
                return gone;
            }
            gone -= len;
            self.first = self.more.as_mut().and_then(|it| it.pop_front());
        }
        // An idle connection owns no buffer.
        self.more = None;
        0
    }

    /// The first piece, if it is the only one.
    pub(crate) fn only(&self) -> Option<&[u8]> {
        self.first
            .as_ref()
            .map(Chunk::as_ref)
            .filter(|_| self.more.as_ref().is_none_or(|it| it.is_empty()))
    }

    /// Fills `slices` with the first pieces, of which the very first has lost `gone` bytes; says
    /// how many there are.
    pub(crate) fn slices<'a>(&'a self, gone: usize, slices: &mut [IoSlice<'a>]) -> usize {
        let first = self.first.as_ref().map(|it| it.as_ref().get(gone..).unwrap_or_default());
        let all =
            first.into_iter().chain(self.more.iter().flat_map(|it| it.iter()).map(Chunk::as_ref));
        slices.iter_mut().zip(all).map(|(slice, bytes)| *slice = IoSlice::new(bytes)).count()
    }
}

/// A buffer lent by the thread, and given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lent(pub(crate) Vec<u8>);

impl Lent {
    /// An empty buffer.
    pub(crate) fn borrow() -> Self {
        let lent = IDLE.try_with(|idle| idle.borrow_mut().pop()).ok().flatten();
        Self(lent.unwrap_or_default())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        if bytes.capacity() == 0 || LENT_BYTES_MAX < bytes.capacity() {
            return;
        }
        bytes.clear();
        // Refused only while the thread ends.
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < IDLE_MAX {
                idle.push(bytes);
            }
        });
    }
}

thread_local! {
    static IDLE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes are appended to the last piece of one's own while it is smaller than this.
pub(crate) const COPY_TOGETHER_BYTES: usize = 8 * 1024;
/// Buffers that have grown beyond this are not kept.
const LENT_BYTES_MAX: usize = 64 * 1024;
/// Buffers that a thread keeps.
const IDLE_MAX: usize = 32;
