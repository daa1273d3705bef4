//! Broadcasts that went to the same recipients one after another, so that each of them gets one
//! piece of bytes instead of many.
//!
//! A recipient that has frame 3 of a batch at the end of its queue and gets frame 4 only counts one
//! further. When its queue is written, the frames are put together, once for all who have got
//! the same ones. Nobody depends on it: whoever has got something else in between queues the frame
//! by itself.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::sync::lock;

/// Frames in the order of their broadcasts.
#[derive(Debug)]
pub(crate) struct Batch(Mutex<Frames>);

#[derive(Debug)]
struct Frames {
    all: Vec<Bytes>,
    bytes: usize,
    /// Those that somebody has wanted together, and from where to where.
    joined: Option<(u16, u16, Bytes)>,
}

impl Batch {
    fn new(first: Bytes) -> Self {
        let bytes = first.len();
        Self(Mutex::new(Frames { all: vec![first], bytes, joined: None }))
    }

    /// Adds a frame, if there is room for it.
    fn add(self: &Arc<Self>, frame: &Bytes) -> Option<Place> {
        let mut frames = lock(&self.0);
        let at = u16::try_from(frames.all.len()).ok()?;
        if FRAMES_MAX <= frames.all.len() || BYTES_MAX < frames.bytes + frame.len() {
            return None;
        }
        let before = frames.all.last()?.clone();
        frames.all.push(frame.clone());
        frames.bytes += frame.len();
        Some(Place { batch: Arc::clone(self), at, before })
    }

    fn join(&self, from: u16, to: u16) -> Bytes {
        let mut frames = lock(&self.0);
        if let Some((start, end, joined)) = &frames.joined
            && (*start, *end) == (from, to)
        {
            return joined.clone();
        }
        let wanted = frames.all.get(usize::from(from)..usize::from(to)).unwrap_or_default();
        let joined = Bytes::from(wanted.concat());
        frames.joined = Some((from, to, joined.clone()));
        joined
    }
}

/// Where a frame stands in its batch. Never the first.
#[derive(Debug)]
pub(crate) struct Place {
    batch: Arc<Batch>,
    at: u16,
    before: Bytes,
}

impl Place {
    /// The frame and the one before it, if that is `last`.
    pub(crate) fn after(&self, last: &Bytes) -> Option<Span> {
        let is_before = std::ptr::eq(&*self.before, &**last);
        is_before.then(|| Span {
            batch: Arc::clone(&self.batch),
            from: self.at - 1,
            to: self.at + 1,
        })
    }
}

/// Some frames of a batch that follow each other.
#[derive(Debug)]
pub(crate) struct Span {
    batch: Arc<Batch>,
    from: u16,
    to: u16,
}

impl Span {
    /// Takes one more frame, if it is the next. Else `false`.
    pub(crate) fn extend(&mut self, place: &Place) -> bool {
        let is_next = self.to == place.at && Arc::ptr_eq(&self.batch, &place.batch);
        self.to += u16::from(is_next);
        is_next
    }

    /// The bytes of all frames.
    pub(crate) fn join(&self) -> Bytes {
        self.batch.join(self.from, self.to)
    }
}

/// The latest broadcasts, by a number that tells their recipients apart.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    entries: Vec<(u64, Entry)>,
    /// Which entry goes next.
    oldest: usize,
}

#[derive(Debug)]
enum Entry {
    One(Bytes),
    Many(Arc<Batch>),
}

impl Recent {
    /// Whether so many bytes are written from where they are, and never noted.
    pub(crate) fn is_too_large(bytes: usize) -> bool {
        FRAME_BYTES_MAX < bytes
    }

    /// Notes a broadcast. Tells its place, if it follows another one to the same recipients.
    pub(crate) fn note(&mut self, recipients: u64, frame: &Bytes) -> Option<Place> {
        if FRAME_BYTES_MAX < frame.len() {
            return None;
        }
        let Some((_, entry)) = self.entries.iter_mut().find(|it| it.0 == recipients) else {
            let entry = (recipients, Entry::One(frame.clone()));
            if self.entries.len() < RECENT_MAX {
                self.entries.push(entry);
            } else if let Some(oldest) = self.entries.get_mut(self.oldest) {
                *oldest = entry;
                self.oldest = (self.oldest + 1) % RECENT_MAX;
            }
            return None;
        };
        let batch = match entry {
            Entry::One(first) => Arc::new(Batch::new(first.clone())),
            Entry::Many(batch) => Arc::clone(batch),
        };
        let place = batch.add(frame);
        *entry = match place {
            Some(_) => Entry::Many(batch),
            None => Entry::One(frame.clone()),
        };
        place
    }

    /// What comes next is not written together with what was noted.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
        self.oldest = 0;
    }
}

/// Frames of one batch.
const FRAMES_MAX: usize = 64;
/// Bytes of one batch: what a recipient that takes nothing keeps alive besides its own frames.
const BYTES_MAX: usize = 16 * 1024;
/// Larger frames are written from where they are.
const FRAME_BYTES_MAX: usize = 4 * 1024;
/// Broadcasts among which one to the same recipients is looked for.
const RECENT_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn frames_to_the_same_recipients_are_put_together_once() {
        let mut recent = Recent::default();
        let frames = ["a", "bc", "d"].map(frame);
        assert!(recent.note(1, &frames[0]).is_none(), "the first one follows none");
        assert!(recent.note(2, &frame("other")).is_none());
        let second = recent.note(1, &frames[1]).unwrap();
        let third = recent.note(1, &frames[2]).unwrap();
        let mut span = second.after(&frames[0]).unwrap();
        assert!(span.extend(&third));
        assert!(!span.extend(&third), "each comes once");
        assert_eq!(span.join(), "abcd");
        assert!(std::ptr::eq(&*span.join(), &*span.join()), "not copied again");
        assert_eq!(third.after(&frames[1]).unwrap().join(), "bcd");
        assert!(third.after(&frames[0]).is_none(), "a frame is missing in between");
        assert!(third.after(&frame("bc")).is_none(), "the same text, but not that broadcast");
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut recent = Recent::default();
        assert!(recent.note(1, &frame(&"x".repeat(FRAME_BYTES_MAX + 1))).is_none());
        let large = frame(&"x".repeat(FRAME_BYTES_MAX));
        let places = (0..8).map(|_| recent.note(1, &large).is_some());
        let expected = [false, true, true, true, false, true, true, true];
        assert_eq!(places.collect::<Vec<_>>(), expected);
        recent.forget();
        let small = frame("x");
        let begun = (0..=FRAMES_MAX).filter(|_| recent.note(1, &small).is_none()).count();
        assert_eq!(begun, 2, "the last one begins anew");
        for recipients in 0..100 {
            recent.note(recipients, &small);
        }
        assert_eq!(recent.entries.len(), RECENT_MAX);
    }
}
