//! Rows `broadcast*`: one publishes, everybody in the room receives.
//!
//! 1,000 or 10,000 clients in one room, 128 B or 1 KiB of text. The publisher, itself a member, keeps 1 or 16 messages in flight; one
//! is done when all members have it. Every member has to receive every message once, unchanged and in order.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Case, Filter, Row, Sample, Scale, column, detail, rate};
use crate::cpu::{self, Meter};
use crate::crowd::Crowd;
use crate::peers::{Door, PYTHON_SOCKETIO, Peer, SOCKET_IO_ALL, SWITCHBOARD_IO_URING, Server};
use crate::wire::Publication;

/// Members of the rows that do without a large crowd.
const MEMBERS: usize = 1_000;
const AT_ONCE: usize = 64;
const PUBLISHER: usize = 0;
const IN_FLIGHT_MAX: usize = 16;
const IN_FLIGHT: [usize; 2] = [1, IN_FLIGHT_MAX];
/// With a large crowd every measurement is so much shorter: there are twice as many, and the crowd has to come first.
const SHORTER: u32 = 2;

/// What is broadcast.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) bytes: usize,
    pub(super) is_deflated: bool,
    /// To the large crowd, or to 1,000?
    pub(super) is_large: bool,
}

pub(super) fn row(filter: &Filter) -> Vec<Row> {
    row_of("broadcast", Load { bytes: 128, is_deflated: false, is_large: false }, filter)
}

pub(super) fn row_1k(filter: &Filter) -> Vec<Row> {
    row_of("broadcast-1k", Load { bytes: 1024, is_deflated: false, is_large: false }, filter)
}

pub(super) fn row_10k(filter: &Filter) -> Vec<Row> {
    row_of("broadcast-10k", Load { bytes: 128, is_deflated: false, is_large: true }, filter)
}

pub(super) fn row_10k_1k(filter: &Filter) -> Vec<Row> {
    row_of("broadcast-10k-1k", Load { bytes: 1024, is_deflated: false, is_large: true }, filter)
}

pub(super) fn row_deflate(filter: &Filter) -> Vec<Row> {
    row_of("broadcast-deflate", Load { bytes: 1024, is_deflated: true, is_large: false }, filter)
}

fn row_of(name: &'static str, load: Load, filter: &Filter) -> Vec<Row> {
    let wanted = IN_FLIGHT.into_iter().filter(|count| filter.wants_in_flight(*count));
    let in_flight: Vec<usize> = wanted.filter(|_| filter.wants_payload(load.bytes)).collect();
    if in_flight.is_empty() || filter.deflate.is_some_and(|deflate| deflate != load.is_deflated) {
        return Vec::new();
    }
    let case = |in_flight: &usize| {
        let mut columns = vec![rate("deliveries/s"), column("server CPU per delivery, µs", 3)];
        if load.is_large {
            columns.push(detail("÷ that with 1,000 members", 2));
        }
        if load.is_deflated {
            columns.push(detail("bytes of a message", 0));
        }
        let members = if load.is_large { "10,000 (`--quick`: 2,000)" } else { "1,000" };
        let manner = if load.is_deflated { ", permessage-deflate" } else { "" };
        let bytes = if load.bytes == 1024 { "1 KiB" } else { "128 B" };
        Case {
            title: format!("{members} clients in one room, {bytes}{manner}, {in_flight} in flight")
                .into(),
            columns,
        }
    };
    let takes_part = |peer: &&Peer| {
        let is_slow = *peer == &PYTHON_SOCKETIO;
        (!load.is_deflated || peer.can_deflate_events) && !(load.is_large && is_slow)
    };
    let mut peers: Vec<_> = SOCKET_IO_ALL.into_iter().filter(takes_part).collect();
    if !load.is_deflated && !load.is_large {
        peers.insert(1, &SWITCHBOARD_IO_URING);
    }
    vec![Row {
        name,
        door: if load.is_deflated { Door::SocketIoDeflated } else { Door::SocketIo },
        peers,
        cases: in_flight.iter().map(case).collect(),
        run: Box::new(move |server, scale| run(load, &in_flight, server, scale)),
    }]
}

fn run(load: Load, in_flight: &[usize], server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    let mut room = Room::new(load);
    let mut with_few = Vec::new();
    room.grow(MEMBERS, &mut crowd)?;
    let shorter = if load.is_large { SHORTER } else { 1 };
    let times = [scale.warm_up / shorter, scale.window / shorter];
    if load.is_large {
        for count in in_flight {
            let (used, deliveries, _) = room.measure(*count, times, server, &mut crowd)?;
            with_few.push(used.server_micros_per(deliveries));
        }
        room.grow(scale.crowd - MEMBERS, &mut crowd)?;
    }
    let mut samples = Vec::new();
    for (number, count) in in_flight.iter().enumerate() {
        let (used, deliveries, bytes) = room.measure(*count, times, server, &mut crowd)?;
        let micros = used.server_micros_per(deliveries);
        let mut values = vec![used.rate(deliveries), micros];
        values.extend(with_few.get(number).map(|few| micros / few));
        if load.is_deflated {
            values.push(bytes as f64 / deliveries as f64);
        }
        samples.push(Sample::new(values, &used));
    }
    Ok(samples)
}

/// One room whose first member publishes, in closed loop: a message that everybody has makes the next one.
pub(super) struct Room {
    publication: Publication,
    /// Number of the next message.
    next: u32,
    /// The message that each member has to receive next.
    expected: Vec<u32>,
    /// How many members miss a message that is in flight, by its number modulo the most that can be.
    missing: [usize; IN_FLIGHT_MAX],
    pub(super) deliveries: u64,
    /// Payload bytes of all deliveries.
    bytes: u64,
    /// Messages that everybody has got since the last publishing.
    done: usize,
}

impl Room {
    pub(super) fn new(load: Load) -> Self {
        Self {
            publication: Publication::to_everybody(load.bytes, load.is_deflated),
            next: 0,
            expected: Vec::new(),
            missing: [0; IN_FLIGHT_MAX],
            deliveries: 0,
            bytes: 0,
            done: 0,
        }
    }

    /// Lets `count` more clients come; nothing may be in flight.
    pub(super) fn grow(&mut self, count: usize, crowd: &mut Crowd) -> Result<()> {
        crowd.grow(count, AT_ONCE)?;
        self.expected.resize(self.expected.len() + count, self.next);
        Ok(())
    }

    /// Warms up and measures, for these times, with so many messages in flight; returns what was used, and how many
    /// deliveries and payload bytes there were.
    pub(super) fn measure(
        &mut self,
        in_flight: usize,
        [warm_up, window]: [Duration; 2],
        server: &Server,
        crowd: &mut Crowd,
    ) -> Result<(cpu::Load, u64, u64)> {
        self.publish(in_flight, crowd)?;
        self.run_for(warm_up, crowd)?;
        (self.deliveries, self.bytes) = (0, 0);
        let meter = Meter::start(server)?;
        self.run_for(window, crowd)?;
        let used = meter.stop(server)?;
        let (deliveries, bytes) = (self.deliveries, self.bytes);
        self.end(crowd)?;
        Ok((used, deliveries, bytes))
    }

    /// Sends the next `count` messages in one write.
    fn publish(&mut self, count: usize, crowd: &mut Crowd) -> Result<()> {
        let mut frames = Vec::new();
        for _ in 0..count {
            self.publication.push(self.next, &mut frames);
            *missing(&mut self.missing, self.next)? = self.expected.len();
            self.next += 1;
        }
        if count > 0 { crowd.send(PUBLISHER, &frames) } else { Ok(()) }
    }

    fn run_for(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            crowd.turn(&mut |member, text, _| self.deliver(member, text))?;
            let done = std::mem::take(&mut self.done);
            self.publish(done, crowd)?;
        }
        Ok(())
    }

    /// Publishes nothing new, waits until everybody has everything, and then a little for what should not come.
    fn end(&mut self, crowd: &mut Crowd) -> Result<()> {
        while self.missing.iter().any(|members| *members > 0) {
            crowd.turn(&mut |member, text, _| self.deliver(member, text))?;
        }
        self.done = 0;
        crowd.turn(&mut |member, text, _| self.deliver(member, text))
    }

    fn deliver(&mut self, member: usize, text: &[u8]) -> Result<()> {
        let expected = self.expected.get_mut(member).context("a delivery to nobody")?;
        ensure!(*expected < self.next, "member {member} received something that nobody published");
        self.publication.check(*expected, text).with_context(|| format!("member {member}"))?;
        let missing = missing(&mut self.missing, *expected)?;
        *expected += 1;
        *missing -= 1;
        self.deliveries += 1;
        self.bytes += text.len() as u64;
        self.done += usize::from(*missing == 0);
        Ok(())
    }
}

fn missing(counts: &mut [usize; IN_FLIGHT_MAX], number: u32) -> Result<&mut usize> {
    counts.get_mut(number as usize % IN_FLIGHT_MAX).context("no place for a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text_of;

    #[test]
    fn doubled_skipped_and_unpublished_messages_are_noticed() {
        let load = Load { bytes: 128, is_deflated: false, is_large: false };
        let delivered = |number| {
            let mut frame = Vec::new();
            Publication::to_everybody(128, false).push(number, &mut frame);
            [&b"42[\"message\",\""[..], &text_of(&frame)[14..]].concat()
        };
        let fresh = || {
            let mut room = Room::new(load);
            (room.expected, room.next) = (vec![0, 0], 2);
            room.missing[..2].copy_from_slice(&[2, 2]);
            room
        };
        let mut room = fresh();
        for (member, number) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            room.deliver(member, &delivered(number)).unwrap();
        }
        assert_eq!((room.done, room.deliveries), (2, 4));
        assert!(room.deliver(0, &delivered(2)).is_err());
        assert!(fresh().deliver(0, &delivered(1)).is_err());
        let mut room = fresh();
        room.deliver(0, &delivered(0)).unwrap();
        assert!(room.deliver(0, &delivered(0)).is_err());
    }
}
