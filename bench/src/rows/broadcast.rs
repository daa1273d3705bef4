//! Row `broadcast`: one publishes, everybody in the room receives.
//!
//! 1,000 clients in one room, 200 bytes of text. The publisher, itself a member, keeps 1 or 16 messages in flight; one
//! is done when all members have it. Every member has to receive every message once, unchanged and in order.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Case, Row, Sample, Scale, column, rate};
use crate::cpu::Meter;
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO, Server};
use crate::wire::{self, Delivery};

const MEMBERS: usize = 1_000;
const AT_ONCE: usize = 64;
const PUBLISHER: usize = 0;
const IN_FLIGHT_MAX: usize = 16;
const COLUMNS: [crate::rows::Column; 2] =
    [rate("deliveries/s"), column("server CPU per delivery, µs", 3)];

pub(super) fn row() -> Row {
    Row {
        name: "broadcast",
        door: Door::SocketIo,
        peers: SOCKET_IO.to_vec(),
        cases: vec![
            Case {
                title: "1,000 clients in one room, 200 B, one message at a time".into(),
                columns: COLUMNS.to_vec(),
            },
            Case {
                title: "1,000 clients in one room, 200 B, 16 messages in flight".into(),
                columns: COLUMNS.to_vec(),
            },
        ],
        run: Box::new(run),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(MEMBERS, AT_ONCE)?;
    let mut room = Room::new();
    let mut samples = Vec::new();
    for in_flight in [1, IN_FLIGHT_MAX] {
        room.publish(in_flight, &mut crowd)?;
        room.run_for(scale.warm_up, &mut crowd)?;
        room.deliveries = 0;
        let meter = Meter::start(server)?;
        room.run_for(scale.window, &mut crowd)?;
        let load = meter.stop(server)?;
        let deliveries = room.deliveries;
        samples.push(Sample::new(
            vec![load.rate(deliveries), load.server_micros_per(deliveries)],
            &load,
        ));
        room.end(&mut crowd)?;
    }
    Ok(samples)
}

struct Room {
    delivery: Delivery,
    /// Number of the next message.
    next: u32,
    /// The message that each member has to receive next.
    expected: Vec<u32>,
    /// How many members miss a message that is in flight, by its number modulo the most that can be.
    missing: [usize; IN_FLIGHT_MAX],
    deliveries: u64,
    /// Messages that everybody has got since the last publishing.
    done: usize,
}

impl Room {
    fn new() -> Self {
        Self {
            delivery: Delivery::new(),
            next: 0,
            expected: vec![0; MEMBERS],
            missing: [0; IN_FLIGHT_MAX],
            deliveries: 0,
            done: 0,
        }
    }

    /// Sends the next `count` messages in one write.
    fn publish(&mut self, count: usize, crowd: &mut Crowd) -> Result<()> {
        let mut frames = Vec::new();
        for _ in 0..count {
            wire::push_publish(self.next, &mut frames);
            *missing(&mut self.missing, self.next)? = MEMBERS;
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
        self.delivery.check(*expected, text).with_context(|| format!("member {member}"))?;
        let missing = missing(&mut self.missing, *expected)?;
        *expected += 1;
        *missing -= 1;
        self.deliveries += 1;
        self.done += usize::from(*missing == 0);
        Ok(())
    }
}

fn missing(counts: &mut [usize; IN_FLIGHT_MAX], number: u32) -> Result<&mut usize> {
    counts.get_mut(number as usize % IN_FLIGHT_MAX).context("no place for a message")
}
