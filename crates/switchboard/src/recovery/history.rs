//! What one socket was meant to get: since when it is there, and in which rooms it was when.
//!
//! Places are those of the log; whoever changes a history holds the log's lock.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Id;
use crate::broadcast::target::Target;
use crate::recovery::log::Audience;

/// Since when a socket is reachable, and the rooms in which it is and was.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The place at which the socket became reachable.
    since: u64,
    /// Rooms in which it is, and the place at which it joined.
    rooms: Vec<(Arc<str>, u64)>,
    /// Rooms in which it was. A packet for one of them may have been lost with the connection.
    past: Vec<Past>,
    /// What was before this place is forgotten.
    floor: u64,
}

#[derive(Debug)]
struct Past {
    room: Arc<str>,
    from: u64,
    /// The first place at which it was no longer there.
    to: u64,
}

impl History {
    /// Becomes reachable at `place`, also by the rooms that were joined before.
    pub(crate) fn begin(&mut self, place: u64) {
        self.since = place;
        self.floor = place;
        self.rooms.iter_mut().for_each(|(_, from)| *from = place);
    }

    /// Goes on where `before` was cut; the rooms joined since begin at `place`.
    pub(crate) fn resume(&mut self, before: Self, place: u64) {
        let joined = std::mem::replace(self, before).rooms;
        for (room, _) in joined {
            self.join(&room, place);
        }
    }

    pub(crate) fn join(&mut self, room: &Arc<str>, place: u64) {
        if !self.rooms.iter().any(|(it, _)| it == room) {
            self.rooms.push((Arc::clone(room), place));
        }
    }

    /// Leaves a room at `place`; the log begins at `log_start`.
    pub(crate) fn leave(&mut self, room: &str, place: u64, log_start: u64) {
        let Some(at) = self.rooms.iter().position(|(it, _)| **it == *room) else { return };
        let (room, from) = self.rooms.swap_remove(at);
        // Nobody can ask for what the log has forgotten, nor was there anything in between.
        self.past.retain(|it| log_start < it.to);
        if from == place {
            return;
        }
        if PAST_MAX <= self.past.len() {
            let oldest = self.past.remove(0);
            self.floor = self.floor.max(oldest.to);
        }
        self.past.push(Past { room, from, to: place });
    }

    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// The rooms in which the socket is.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rooms.iter().map(|(room, _)| room)
    }

    /// Prepares many questions.
    pub(crate) fn recipient(&self, id: Id) -> Recipient<'_> {
        let mut rooms: HashMap<&str, Vec<(u64, u64)>> = HashMap::new();
        for (room, from) in &self.rooms {
            rooms.entry(room).or_default().push((*from, u64::MAX));
        }
        for Past { room, from, to } in &self.past {
            rooms.entry(room).or_default().push((*from, *to));
        }
        Recipient { id, since: self.since, rooms }
    }
}

/// Answers whether packets were meant for a socket.
pub(crate) struct Recipient<'a> {
    id: Id,
    since: u64,
    rooms: HashMap<&'a str, Vec<(u64, u64)>>,
}

impl Recipient<'_> {
    /// Whether the packet at `place`, which was for `audience`, was for this socket.
    pub(crate) fn is_meant(&self, place: u64, audience: &Audience) -> bool {
        let was_in = |room: &str| {
            room == self.id.as_str()
                || self.rooms.get(room).is_some_and(|times| {
                    times.iter().any(|(from, to)| (*from..*to).contains(&place))
                })
        };
        if place < self.since {
            return false;
        }
        match audience {
            Audience::One(id) => *id == self.id,
            Audience::Many(Target { rooms, except, sender }) => {
                *sender != Some(self.id)
                    && (rooms.is_empty() || rooms.iter().any(|it| was_in(it)))
                    && !except.iter().any(|it| was_in(it))
            }
        }
    }
}

/// Rooms that a socket left while packets for them are kept. Beyond this the oldest is forgotten,
/// and a client that needs to know it is not recovered.
const PAST_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn to(room: &str) -> Audience {
        Audience::Many(Target { rooms: vec![room.into()], ..Target::default() })
    }

    #[test]
    fn a_packet_is_meant_for_those_who_were_in_the_room_at_its_place() {
        let id = Id::random();
        let mut history = History::default();
        let room: Arc<str> = "a".into();
        history.join(&room, 1);
        history.begin(10);
        history.leave("a", 20, 1);
        history.join(&room, 30);
        let recipient = history.recipient(id);
        let meant = |place| recipient.is_meant(place, &to("a"));
        assert_eq!(
            [9, 10, 19, 20, 29, 30, 99].map(meant),
            [false, true, true, false, false, true, true]
        );
        let except = Audience::Many(Target { except: vec!["a".into()], ..Target::default() });
        assert_eq!([19, 20, 30].map(|it| recipient.is_meant(it, &except)), [false, true, false]);
        let own = to(id.as_str());
        assert!(recipient.is_meant(25, &own) && recipient.is_meant(25, &Audience::One(id)));
        let others = Audience::Many(Target { sender: Some(id), ..Target::default() });
        assert!(!recipient.is_meant(25, &others));
    }

    #[test]
    fn a_history_that_forgets_raises_its_floor() {
        let mut history = History::default();
        history.begin(1);
        let name = |n: u64| Arc::<str>::from(n.to_string());
        for n in 0..PAST_MAX as u64 {
            history.join(&name(n), 2 + n);
            history.leave(&n.to_string(), 3 + n, 1);
        }
        assert_eq!(history.floor(), 1);
        history.join(&name(999), 999);
        history.leave("999", 1_000, 1);
        assert_eq!(history.floor(), 3);
        // What the log has forgotten needs no place.
        history.join(&name(999), 1_001);
        history.leave("999", 1_002, 1_001);
        assert_eq!((history.past.len(), history.floor()), (1, 3));
    }
}
