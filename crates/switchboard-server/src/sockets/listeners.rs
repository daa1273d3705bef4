//! Which plain WebSocket hears what: the counterpart of the Socket.IO library's rooms.
//!
//! A listener is in as many channels as rooms it entered, which are bounded, and one of its person.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard::ws::Sender;

use crate::rooms::TabId;

/// All plain WebSockets whose person is known. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    tabs: HashMap<TabId, Tab>,
    /// None is empty.
    channels: HashMap<String, HashSet<TabId>>,
}

#[derive(Debug)]
struct Tab {
    sender: Sender,
    channels: HashSet<String>,
}

impl Listeners {
    /// Adds a WebSocket, which hears what is for everyone from now on.
    pub(super) fn add(&self, tab: TabId, sender: Sender) -> Listener {
        self.lock().tabs.insert(tab.clone(), Tab { sender, channels: HashSet::new() });
        Listener { listeners: self.clone(), tab }
    }

    /// Those in the channel `to` (`None`: all) who are not in the channel `except`. A tab's id is
    /// a channel with nobody else in it.
    pub(super) fn senders(&self, to: Option<&str>, except: Option<&str>) -> Vec<Sender> {
        let known = self.lock();
        let excepted = except.and_then(|it| known.channels.get(it));
        let is_meant = |tab: &TabId| {
            except != Some(tab.as_str()) && excepted.is_none_or(|it| !it.contains(tab))
        };
        let sender = |tab: &TabId| known.tabs.get(tab).map(|it| it.sender.clone());
        match to {
            None => known.tabs.keys().filter(|it| is_meant(it)).filter_map(sender).collect(),
            Some(to) => {
                let members = known.channels.get(to).into_iter().flatten();
                members.filter(|it| is_meant(it)).filter_map(sender).collect()
            }
        }
    }

    /// Whether there is nobody, and nothing is left of anybody.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let known = self.lock();
        known.tabs.is_empty() && known.channels.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One plain WebSocket among the listeners.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    listeners: Listeners,
    tab: TabId,
}

impl Listener {
    pub(super) fn is_in(&self, channel: &str) -> bool {
        let known = self.listeners.lock();
        known.channels.get(channel).is_some_and(|it| it.contains(&self.tab))
    }

    /// Does nothing once it was removed: it would stay for ever.
    pub(super) fn join(&self, channel: &str) {
        let mut known = self.listeners.lock();
        let Some(tab) = known.tabs.get_mut(&self.tab) else { return };
        if tab.channels.insert(channel.to_owned()) {
            known.channels.entry(channel.to_owned()).or_default().insert(self.tab.clone());
        }
    }

    pub(super) fn leave(&self, channel: &str) {
        let mut known = self.listeners.lock();
        if let Some(tab) = known.tabs.get_mut(&self.tab) {
            tab.channels.remove(channel);
        }
        known.forget(channel, &self.tab);
    }

    /// Takes it out of everything.
    pub(super) fn remove(&self) {
        let mut known = self.listeners.lock();
        let Some(removed) = known.tabs.remove(&self.tab) else { return };
        for channel in &removed.channels {
            known.forget(channel, &self.tab);
        }
    }
}

impl Known {
    fn forget(&mut self, channel: &str, tab: &TabId) {
        if let Some(members) = self.channels.get_mut(channel) {
            members.remove(tab);
            if members.is_empty() {
                self.channels.remove(channel);
            }
        }
    }
}
