//! Attachment placeholders: `{"_placeholder":true,"num":0}` inside the JSON of a binary packet.
//!
//! Each attachment must be named exactly once. The official parser lets one attachment be named any
//! number of times, which turns a small packet into a large one for whoever it is relayed to, and
//! forgives one that is never named. Here both are errors, as is a placeholder with further keys,
//! so that nobody can read the same packet in two ways. Packets without attachments are not looked
//! at: there a placeholder is plain data.
//!
//! Spec: Socket.IO protocol 5, "Encoding"; threats S4 and S4b.

use std::io::Write;

use crate::json::{Fault, Scanner, Sink, unescape};

/// Listens to a scan and ticks off the attachments that are named.
#[derive(Debug)]
pub(crate) struct Placeholders {
    used: Vec<bool>,
    /// One entry for each open object or array, so that what stands inside an array never counts as
    /// the value of the key in front of it.
    open: Vec<Level>,
    is_wrong: bool,
}

impl Placeholders {
    /// A check of `count` attachments; the caller has limited the count.
    pub(crate) fn new(count: usize) -> Self {
        Self { used: vec![false; count], open: Vec::new(), is_wrong: false }
    }

    /// Whether every attachment was named exactly once, and none that is not there.
    pub(crate) fn are_complete(&self) -> bool {
        !self.is_wrong && self.used.iter().all(|it| *it)
    }

    /// Checks arguments that are about to be sent, given as they stand inside the brackets.
    pub(crate) fn match_args(args: &str, count: usize) -> bool {
        let mut placeholders = Self::new(count);
        let mut scanner = Scanner::new(args, usize::MAX);
        while scanner.peek().is_some() {
            match scanner.value(&mut placeholders) {
                Ok(_) => scanner.take(b','),
                // Too deep for any receiver, or raw text that is no JSON.
                Err(Fault::Invalid | Fault::TooDeep) => return false,
            };
        }
        placeholders.are_complete()
    }

    /// Closes the innermost object or array. Says which attachment it stands for, if any.
    pub(crate) fn close_level(&mut self, is_object: bool) -> Option<usize> {
        let level = self.open.pop().filter(|it| is_object && it.is_placeholder)?;
        let num = level.num.filter(|_| level.keys == 2);
        match num.and_then(|it| self.used.get_mut(it)) {
            Some(used) if !*used => *used = true,
            _ => self.is_wrong = true,
        }
        num
    }
}

/// Appends the placeholder of an attachment.
pub(crate) fn write(num: usize, output: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = write!(output, "{{\"_placeholder\":true,\"num\":{num}}}");
}

impl Sink for Placeholders {
    fn open(&mut self, _is_object: bool) {
        self.open.push(Level::default());
    }

    fn close(&mut self, is_object: bool) {
        self.close_level(is_object);
    }

    fn key(&mut self, raw: &str) {
        let Some(level) = self.open.last_mut() else { return };
        level.keys += 1;
        level.key = match &*unescape(raw) {
            "_placeholder" => Key::Placeholder,
            "num" => Key::Num,
            _ => Key::Other,
        };
    }

    fn scalar(&mut self, raw: &str) {
        let Some(level) = self.open.last_mut() else { return };
        match level.key {
            Key::Placeholder => level.is_placeholder |= raw == "true",
            Key::Num => level.num = raw.parse().ok(),
            Key::Other => (),
        }
    }
}

/// What is known of an open object; for an array it stays empty.
#[derive(Debug, Default)]
struct Level {
    key: Key,
    keys: usize,
    is_placeholder: bool,
    num: Option<usize>,
}

/// The key whose value comes next.
#[derive(Debug, Default)]
enum Key {
    Placeholder,
    Num,
    #[default]
    Other,
}
