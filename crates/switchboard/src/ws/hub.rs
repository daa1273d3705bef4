//! The connections of a server: their clock, their number, and the way to end them all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use switchboard_ws::CloseCode;
use tokio::sync::Notify;

use super::shared::Shared;
use crate::sync::lock;
use crate::wheel::Wheel;

/// The connections of a server.
pub(super) struct Hub {
    pub(super) wheel: Arc<Wheel<Shared>>,
    places: Mutex<Places>,
    is_closing: AtomicBool,
    emptied: Notify,
}

/// Connections, each at its place. Places are used again.
#[derive(Default)]
struct Places {
    taken: Vec<Weak<Shared>>,
    free: Vec<u32>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            wheel: Arc::new(Wheel::new()),
            places: Mutex::default(),
            is_closing: AtomicBool::new(false),
            emptied: Notify::new(),
        }
    }

    /// Gives a connection its place.
    pub(super) fn admit(&self, shared: &Arc<Shared>) -> u32 {
        self.wheel.start();
        let place = lock(&self.places).admit(Arc::downgrade(shared));
        if self.is_closing() {
            // It slipped in while the others were being told.
            shared.close(Some(CloseCode::GOING_AWAY), "");
        }
        place
    }

    pub(super) fn dismiss(&self, place: u32) {
        let mut places = lock(&self.places);
        places.dismiss(place);
        if places.len() == 0 {
            self.emptied.notify_waiters();
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.places).len()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Closes every connection and every later one. Does nothing the second time.
    pub(super) fn close(&self, code: CloseCode) {
        if self.is_closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let all: Vec<_> = lock(&self.places).taken.clone();
        for shared in all.into_iter().filter_map(|it| it.upgrade()) {
            shared.close(Some(code), "");
        }
    }

    /// Waits until no connection is left.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Places {
    fn admit(&mut self, shared: Weak<Shared>) -> u32 {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.taken.get_mut(place as usize)
        {
            *slot = shared;
            return place;
        }
        self.taken.push(shared);
        u32::try_from(self.taken.len() - 1).unwrap_or(u32::MAX)
    }

    fn dismiss(&mut self, place: u32) {
        if let Some(slot) = self.taken.get_mut(place as usize) {
            *slot = Weak::new();
            self.free.push(place);
        }
        if self.len() == 0 {
            // Nothing is retained after a crowd has left.
            *self = Self::default();
        }
    }

    fn len(&self) -> usize {
        self.taken.len() - self.free.len()
    }
}
