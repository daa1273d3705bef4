//! Who is in which room now, and who is typing there.
//!
//! A person with several tabs in a room is there once: they come with the first tab and go with
//! the last. Held in memory only, because it ends with the connections. This file takes the time
//! as an argument and announces nothing; the service does both.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::model::{Person, PresenceChange, TypingChange};
use super::values::{GuestId, GuestName, RoomSlug};
use crate::limits;

/// One socket of a person: its public id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TabId(Arc<str>);

impl TabId {
    /// The tab behind the socket of this id.
    pub fn new(socket_id: &str) -> Self {
        Self(socket_id.into())
    }

    /// The id of its socket.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// All rooms with people in them, and all tabs.
#[derive(Debug, Default)]
pub struct Presence {
    rooms: HashMap<RoomSlug, HashMap<GuestId, Here>>,
    tabs: HashMap<TabId, Tab>,
}

#[derive(Debug)]
struct Here {
    name: GuestName,
    tabs: HashSet<TabId>,
    typing_until: Option<Instant>,
}

#[derive(Debug)]
struct Tab {
    guest: GuestId,
    rooms: HashSet<RoomSlug>,
}

/// What a change of presence means for those in the room.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Who came and went, where.
    pub presence: Vec<PresenceChange>,
    /// Who stopped typing by it, where.
    pub typing: Vec<TypingChange>,
}

impl Presence {
    /// A tab of this person is open from now on.
    pub fn open(&mut self, tab: TabId, guest: GuestId) {
        self.tabs.insert(tab, Tab { guest, rooms: HashSet::new() });
    }

    /// The tab is gone, and with it perhaps its person.
    pub fn close(&mut self, tab: &TabId) -> Changes {
        let mut changes = Changes::default();
        if let Some(closed) = self.tabs.remove(tab) {
            for room in &closed.rooms {
                self.remove(room, &closed.guest, tab, &mut changes);
            }
        }
        changes
    }

    /// How many other rooms the tab is in than this one.
    pub fn rooms_besides(&self, tab: &TabId, room: &RoomSlug) -> usize {
        let rooms = self.tabs.get(tab).map(|it| &it.rooms);
        rooms.map_or(0, |it| it.len() - usize::from(it.contains(room)))
    }

    /// The tab enters a room. A tab that closed meanwhile does not: it would stay for ever.
    pub fn enter(&mut self, tab: &TabId, room: &RoomSlug, name: &GuestName) -> Changes {
        let mut changes = Changes::default();
        let Some(Tab { guest, rooms }) = self.tabs.get_mut(tab) else { return changes };
        rooms.insert(room.clone());
        let guest = guest.clone();
        let here = self.rooms.entry(room.clone()).or_default();
        let is_new = !here.contains_key(&guest);
        let person = here.entry(guest.clone()).or_insert_with(|| Here {
            name: name.clone(),
            tabs: HashSet::new(),
            typing_until: None,
        });
        person.tabs.insert(tab.clone());
        if is_new {
            let joined = Some(Person { id: guest, name: name.clone() });
            changes.presence.push(PresenceChange {
                room: room.clone(),
                members: self.members(room),
                joined,
                left: None,
            });
        }
        changes
    }

    /// The tab leaves a room.
    pub fn leave(&mut self, tab: &TabId, room: &RoomSlug) -> Changes {
        let mut changes = Changes::default();
        if let Some(Tab { guest, rooms }) = self.tabs.get_mut(tab)
            && rooms.remove(room)
        {
            let guest = guest.clone();
            self.remove(room, &guest, tab, &mut changes);
        }
        changes
    }

    /// The person is called otherwise, in every room where they are.
    pub fn rename(&mut self, guest: &GuestId, name: &GuestName) -> Changes {
        let mut renamed = Vec::new();
        for (room, here) in &mut self.rooms {
            if let Some(person) = here.get_mut(guest) {
                person.name = name.clone();
                renamed.push(room.clone());
            }
        }
        let change = |room: RoomSlug| {
            let members = self.members(&room);
            PresenceChange { room, members, joined: None, left: None }
        };
        Changes { presence: renamed.into_iter().map(change).collect(), typing: Vec::new() }
    }

    /// The person types until `until`, or (`None`) has stopped. `None` comes back when nobody
    /// needs to hear of it: they are not in the room, or it was known already.
    pub fn typing(
        &mut self,
        room: &RoomSlug,
        guest: &GuestId,
        until: Option<Instant>,
    ) -> Option<TypingChange> {
        let here = self.rooms.get_mut(room)?.get_mut(guest)?;
        let was_typing = here.typing_until.is_some();
        here.typing_until = until;
        let typing = until.is_some();
        let member = Person { id: guest.clone(), name: here.name.clone() };
        (was_typing != typing).then(|| TypingChange { room: room.clone(), member, typing })
    }

    /// Ends the typing that nobody renewed, and says when to look again (`None`: nobody types).
    pub fn end_typing(&mut self, now: Instant) -> (Vec<TypingChange>, Option<Instant>) {
        let mut ended = Vec::new();
        let mut next: Option<Instant> = None;
        for (room, here) in &mut self.rooms {
            for (guest, person) in here {
                let Some(until) = person.typing_until else { continue };
                if now < until {
                    next = Some(next.map_or(until, |it| it.min(until)));
                    continue;
                }
                person.typing_until = None;
                let member = Person { id: guest.clone(), name: person.name.clone() };
                ended.push(TypingChange { room: room.clone(), member, typing: false });
            }
        }
        (ended, next)
    }

    /// Who is in the room, by name; at most [`limits::MEMBERS_LISTED_MAX`].
    pub fn members(&self, room: &RoomSlug) -> Vec<Person> {
        let Some(here) = self.rooms.get(room) else { return Vec::new() };
        let person =
            |(id, here): (&GuestId, &Here)| Person { id: id.clone(), name: here.name.clone() };
        let mut members: Vec<Person> = here.iter().map(person).collect();
        members.sort_by(|a, b| {
            (a.name.as_str(), a.id.as_str()).cmp(&(b.name.as_str(), b.id.as_str()))
        });
        members.truncate(limits::MEMBERS_LISTED_MAX);
        members
    }

    /// How many people are in the room.
    pub fn count(&self, room: &RoomSlug) -> usize {
        self.rooms.get(room).map_or(0, HashMap::len)
    }

    fn remove(&mut self, room: &RoomSlug, guest: &GuestId, tab: &TabId, changes: &mut Changes) {
        let Some(here) = self.rooms.get_mut(room) else { return };
        let Some(person) = here.get_mut(guest) else { return };
        person.tabs.remove(tab);
        if !person.tabs.is_empty() {
            return;
        }
        let left = Person { id: guest.clone(), name: person.name.clone() };
        let was_typing = person.typing_until.is_some();
        here.remove(guest);
        if here.is_empty() {
            self.rooms.remove(room);
        }
        if was_typing {
            let member = left.clone();
            changes.typing.push(TypingChange { room: room.clone(), member, typing: false });
        }
        changes.presence.push(PresenceChange {
            room: room.clone(),
            members: self.members(room),
            joined: None,
            left: Some(left),
        });
    }
}
