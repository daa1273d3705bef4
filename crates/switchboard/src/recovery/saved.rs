//! What is kept of sockets whose connection was cut, by their secret.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde_json::value::RawValue;

use crate::Id;
use crate::recovery::admit::Fingerprint;
use crate::recovery::history::History;

/// The state of a socket whose connection was cut.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) id: Id,
    /// The place of the first packet that cannot have been sent to it.
    pub(crate) cut: u64,
    pub(crate) cut_at: Instant,
    /// The place of the last packet that was sent to it.
    pub(crate) sent: u64,
    pub(crate) history: History,
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) identity: Option<Box<str>>,
    pub(crate) auth: Fingerprint,
}

/// Saved states: found by pid, forgotten in the order of their cuts.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    by_pid: HashMap<Id, u64>,
    in_order: BTreeMap<u64, (Id, Saved)>,
    next: u64,
}

impl Shelf {
    pub(crate) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.in_order.len()
    }

    pub(crate) fn contains(&self, pid: Id) -> bool {
        self.by_pid.contains_key(&pid)
    }

    pub(crate) fn find(&self, pid: Id) -> Option<&Saved> {
        self.in_order.get(self.by_pid.get(&pid)?).map(|(_, saved)| saved)
    }

    pub(crate) fn put(&mut self, pid: Id, saved: Saved) {
        self.take(pid);
        self.by_pid.insert(pid, self.next);
        self.in_order.insert(self.next, (pid, saved));
        self.next += 1;
    }

    pub(crate) fn take(&mut self, pid: Id) -> Option<Saved> {
        let number = self.by_pid.remove(&pid)?;
        if self.by_pid.len() < self.by_pid.capacity() / 4 {
            self.by_pid.shrink_to_fit();
        }
        self.in_order.remove(&number).map(|(_, saved)| saved)
    }

    /// When the longest gone was cut.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.in_order.first_key_value().map(|(_, (_, saved))| saved.cut_at)
    }

    pub(crate) fn forget_oldest(&mut self) {
        if let Some((pid, _)) = self.in_order.first_key_value().map(|(_, it)| it) {
            self.take(*pid);
        }
    }
}
