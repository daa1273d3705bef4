//! Rows `rooms` and `rooms-100k`: many rooms at a time.
//!
//! `rooms`: 1,000 rooms of 10 clients each. In every room one member publishes 128 B; when all of the room have it, the
//! next goes out, so that a message is in flight in every room. Members receive theirs once, unchanged and in order.
//!
//! `rooms-100k`: 1,000 clients, first with one room each, then with 99 more: what a delivery costs when 64 of them publish
//! to rooms at random, each the next when the last was delivered, and what the memberships added to the server's memory.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::rss::rested_bytes;
use super::{Case, Row, Sample, Scale, column, detail, rate};
use crate::cpu::{self, Meter};
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO, Server};
use crate::wire::{Publication, joined, push_join};

const ROOM_MEMBERS: usize = 10;
const PAYLOAD_BYTES: usize = 128;
const AT_ONCE: usize = 64;
/// Clients of the row `rooms-100k`.
const CLIENTS: u32 = 1_000;
/// Rooms that each of them joins after the first measurement.
const MORE_ROOMS: u32 = 99;
/// How many of them publish.
const PUBLISHERS: u32 = 64;
/// Both measurements of `rooms-100k` are so much shorter than others, not counting the warm-up.
const SHORTER: u32 = 2;

pub(super) fn row() -> Row {
    Row {
        name: "rooms",
        door: Door::SocketIo,
        peers: SOCKET_IO.to_vec(),
        cases: vec![Case {
            title: "1,000 rooms of 10 (`--quick`: 200), 128 B, one message in flight in each"
                .into(),
            columns: vec![rate("deliveries/s"), column("server CPU per delivery, µs", 3)],
        }],
        run: Box::new(run),
    }
}

pub(super) fn row_100k() -> Row {
    let columns = vec![rate("deliveries/s"), column("server CPU per message, µs", 3)];
    let more = [detail("÷ that with 1,000 rooms", 2), column("RSS per membership, B", 0)];
    Row {
        name: "rooms-100k",
        door: Door::SocketIo,
        peers: SOCKET_IO.to_vec(),
        cases: vec![
            Case {
                title: "1,000 rooms of one client, 64 publish".into(),
                columns: columns.clone(),
            },
            Case {
                title: "100,000 rooms: 100 of each of 1,000 clients, 64 publish".into(),
                columns: columns.into_iter().chain(more).collect(),
            },
        ],
        run: Box::new(run_100k),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(scale.crowd, AT_ONCE)?;
    let mut rooms = Rooms::new(scale.crowd / ROOM_MEMBERS, scale.crowd);
    let count = rooms.current.len();
    join(scale.crowd, &mut crowd, |client| Some(((client % count) as u32, 1)))?;
    rooms.begin(&mut crowd)?;
    rooms.run_for(scale.warm_up, &mut crowd)?;
    rooms.deliveries = 0;
    let meter = Meter::start(server)?;
    rooms.run_for(scale.window, &mut crowd)?;
    let load = meter.stop(server)?;
    let deliveries = rooms.deliveries;
    rooms.end(&mut crowd)?;
    let values = vec![load.rate(deliveries), load.server_micros_per(deliveries)];
    Ok(vec![Sample::new(values, &load)])
}

fn run_100k(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    let clients = CLIENTS as usize;
    crowd.grow(clients, AT_ONCE)?;
    let mut chances = Chances::new();
    let times = [scale.warm_up, scale.window / SHORTER];
    join(clients, &mut crowd, |client| Some((client as u32, 1)))?;
    let (few, count) = chances.measure(CLIENTS, times, server, &mut crowd)?;
    let few_micros = few.server_micros_per(count);
    let first = Sample::new(vec![few.rate(count), few_micros], &few);
    let before = rested_bytes(server, |length| crowd.idle_for(length))?;
    join(clients, &mut crowd, |client| Some((CLIENTS + client as u32 * MORE_ROOMS, MORE_ROOMS)))?;
    let after = rested_bytes(server, |length| crowd.idle_for(length))?;
    let each = (after as f64 - before as f64) / f64::from(CLIENTS * MORE_ROOMS);
    let rooms = CLIENTS * (1 + MORE_ROOMS);
    let (many, count) = chances.measure(rooms, times, server, &mut crowd)?;
    let micros = many.server_micros_per(count);
    let values = vec![many.rate(count), micros, micros / few_micros, each];
    Ok(vec![first, Sample::new(values, &many)])
}

/// Lets every client join its rooms, the first and how many, and waits until the server has said that it did.
fn join(
    clients: usize,
    crowd: &mut Crowd,
    rooms_of: impl Fn(usize) -> Option<(u32, u32)>,
) -> Result<()> {
    let mut waiting = 0;
    for client in 0..clients {
        if let Some((first, count)) = rooms_of(client) {
            let mut frame = Vec::new();
            push_join(first, count, &mut frame);
            crowd.send(client, &frame)?;
            waiting += 1;
        }
    }
    while waiting > 0 {
        crowd.turn(&mut |client, text, _| {
            let (first, _) = rooms_of(client).context("an answer to nobody")?;
            ensure!(text == joined(first), "unexpected {:?}", String::from_utf8_lossy(text));
            waiting -= 1;
            Ok(())
        })?;
    }
    Ok(())
}

/// Rooms with one message in flight each. Client `c` is in room `c` modulo their number, the first in each publishes.
struct Rooms {
    publication: Publication,
    /// The number of the message in flight, by room: it goes up in steps of as many as there are rooms.
    current: Vec<u32>,
    /// How many members miss it.
    missing: Vec<usize>,
    /// The message that each client has to receive next.
    expected: Vec<u32>,
    deliveries: u64,
    /// Rooms where everybody has the message.
    done: Vec<usize>,
}

impl Rooms {
    fn new(rooms: usize, clients: usize) -> Self {
        let first = |place: usize| (place % rooms) as u32;
        Self {
            publication: Publication::to_rooms(PAYLOAD_BYTES),
            current: (0..rooms).map(first).collect(),
            missing: vec![0; rooms],
            expected: (0..clients).map(first).collect(),
            deliveries: 0,
            done: Vec::new(),
        }
    }

    fn begin(&mut self, crowd: &mut Crowd) -> Result<()> {
        (0..self.current.len()).try_for_each(|room| self.publish(room, crowd))
    }

    fn publish(&mut self, room: usize, crowd: &mut Crowd) -> Result<()> {
        let number = self.current.get(room).copied().context("no such room")?;
        *self.missing.get_mut(room).context("no such room")? =
            self.expected.len() / self.current.len();
        let mut frame = Vec::new();
        self.publication.push_to(u32::try_from(room)?, number, &mut frame);
        crowd.send(room, &frame)
    }

    fn run_for(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            crowd.turn(&mut |client, text, _| self.deliver(client, text))?;
            for room in std::mem::take(&mut self.done) {
                self.publish(room, crowd)?;
            }
        }
        Ok(())
    }

    /// Publishes nothing new, waits until everybody has everything, and then a little for what should not come.
    fn end(&mut self, crowd: &mut Crowd) -> Result<()> {
        while self.missing.iter().any(|members| *members > 0) {
            crowd.turn(&mut |client, text, _| self.deliver(client, text))?;
        }
        crowd.turn(&mut |client, text, _| self.deliver(client, text))
    }

    fn deliver(&mut self, client: usize, text: &[u8]) -> Result<()> {
        let room = client % self.current.len();
        let step = u32::try_from(self.current.len())?;
        let expected = self.expected.get_mut(client).context("a delivery to nobody")?;
        self.publication.check(*expected, text).with_context(|| format!("client {client}"))?;
        let current = self.current.get_mut(room).context("no such room")?;
        let missing = self.missing.get_mut(room).context("no such room")?;
        ensure!(expected == current && *missing > 0, "client {client} received what nobody sent");
        *expected += step;
        *missing -= 1;
        self.deliveries += 1;
        if *missing == 0 {
            *current += step;
            self.done.push(room);
        }
        Ok(())
    }
}

/// Clients that publish to rooms at random, of which each has one member.
struct Chances {
    publication: Publication,
    /// What each publisher has in flight: the number, which goes up in steps of as many as there are publishers, and the
    /// room.
    in_flight: Vec<Option<(u32, u32)>>,
    random: u32,
    deliveries: u64,
    done: Vec<u32>,
}

impl Chances {
    fn new() -> Self {
        Self {
            publication: Publication::to_rooms(PAYLOAD_BYTES),
            in_flight: vec![None; PUBLISHERS as usize],
            random: 0x2545_f491,
            deliveries: 0,
            done: Vec::new(),
        }
    }

    /// Warms up and measures, for these times, with so many rooms.
    fn measure(
        &mut self,
        rooms: u32,
        [warm_up, window]: [Duration; 2],
        server: &Server,
        crowd: &mut Crowd,
    ) -> Result<(cpu::Load, u64)> {
        for publisher in 0..PUBLISHERS {
            self.publish(publisher, publisher, rooms, crowd)?;
        }
        self.run_for(warm_up, rooms, crowd)?;
        self.deliveries = 0;
        let meter = Meter::start(server)?;
        self.run_for(window, rooms, crowd)?;
        let load = meter.stop(server)?;
        let deliveries = self.deliveries;
        while self.in_flight.iter().any(Option::is_some) {
            crowd.turn(&mut |client, text, _| self.deliver(client, text))?;
        }
        self.done.clear();
        crowd.turn(&mut |client, text, _| self.deliver(client, text))?;
        Ok((load, deliveries))
    }

    fn run_for(&mut self, length: Duration, rooms: u32, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            crowd.turn(&mut |client, text, _| self.deliver(client, text))?;
            for number in std::mem::take(&mut self.done) {
                self.publish(number % PUBLISHERS, number + PUBLISHERS, rooms, crowd)?;
            }
        }
        Ok(())
    }

    fn publish(
        &mut self,
        publisher: u32,
        number: u32,
        rooms: u32,
        crowd: &mut Crowd,
    ) -> Result<()> {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let room = (self.random >> 8) % rooms;
        *self.in_flight.get_mut(publisher as usize).context("no such publisher")? =
            Some((number, room));
        let mut frame = Vec::new();
        self.publication.push_to(room, number, &mut frame);
        crowd.send(publisher as usize, &frame)
    }

    fn deliver(&mut self, client: usize, text: &[u8]) -> Result<()> {
        let number = Publication::number(text)?;
        self.publication.check(number, text)?;
        let place = self.in_flight.get_mut((number % PUBLISHERS) as usize);
        let (sent, room) = place
            .and_then(Option::take)
            .with_context(|| format!("client {client} received {number}, which was delivered"))?;
        ensure!(sent == number, "client {client} received {number} instead of {sent}");
        let member = member_of(room) as usize;
        ensure!(client == member, "client {client} received what was for {member}");
        self.deliveries += 1;
        self.done.push(number);
        Ok(())
    }
}

/// Who is in this room.
fn member_of(room: u32) -> u32 {
    if room < CLIENTS { room } else { (room - CLIENTS) / MORE_ROOMS }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(room: u32, number: u32) -> Vec<u8> {
        let mut frame = Vec::new();
        Publication::to_rooms(PAYLOAD_BYTES).push_to(room, number, &mut frame);
        let text = frame.iter().position(|byte| *byte == b',').unwrap() + 8;
        [&b"42[\"message\","[..], &frame[text..]].concat()
    }

    #[test]
    fn doubled_lost_and_misplaced_messages_of_rooms_are_noticed() {
        let fresh = || {
            let mut rooms = Rooms::new(2, 6);
            rooms.missing = vec![3, 3];
            rooms
        };
        let mut rooms = fresh();
        for client in [0, 2, 4] {
            rooms.deliver(client, &delivered(0, 0)).unwrap();
        }
        assert_eq!((rooms.done.as_slice(), rooms.current[0]), (&[0][..], 2));
        // Twice; of another room; the next without this one.
        let wrong = [[(0, 0), (0, 0)], [(1, 1), (1, 0)], [(0, 0), (2, 2)]];
        for [(client, number), (second, wrong)] in wrong {
            let mut rooms = fresh();
            rooms.deliver(client, &delivered(0, number)).unwrap();
            assert!(rooms.deliver(second, &delivered(0, wrong)).is_err(), "{second} {wrong}");
        }
    }

    #[test]
    fn chance_message_has_to_reach_the_member_of_its_room_once() {
        let mut chances = Chances::new();
        chances.in_flight[3] = Some((67, 1_099));
        assert_eq!(member_of(1_099), 1);
        let text = delivered(1_099, 67);
        chances.deliver(1, &text).unwrap();
        assert!(chances.deliver(1, &text).is_err());
        chances.in_flight[3] = Some((131, 1_099));
        assert!(chances.deliver(2, &delivered(1_099, 131)).is_err());
        chances.in_flight[3] = Some((195, 1_099));
        assert!(chances.deliver(1, &delivered(1_099, 131)).is_err());
    }
}
