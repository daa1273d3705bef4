//! Row `polling`: clients that never leave HTTP long-polling.
//!
//! An echo costs a POST and its answer, and a GET that is answered with the echo. A broadcast answers the GET of every
//! member, who sends the next one. Messages are checked as over WebSocket.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Case, Filter, Row, Sample, Scale, column, rate};
use crate::cpu::Meter;
use crate::peers::{BARE, Door, SOCKET_IO, Server};
use crate::pollers::Pollers;
use crate::wire::{ECHO_FIRST, ECHO_LAST, Echo, Publication, text_of};

const ECHOING: usize = 64;
const ECHO_BYTES: usize = 20;
const MEMBERS: usize = 1_000;
const BROADCAST_BYTES: usize = 128;
const AT_ONCE: usize = 64;
const PUBLISHER: usize = 0;

pub(super) fn rows(_filter: &Filter) -> Vec<Row> {
    vec![Row {
        name: "polling",
        door: Door::SocketIo,
        peers: SOCKET_IO.into_iter().filter(|peer| *peer != &BARE).collect(),
        cases: vec![
            Case {
                title: "64 clients, echo of 20 B, 1 in flight each".into(),
                columns: vec![rate("round trips/s"), column("server CPU per message, µs", 1)],
            },
            Case {
                title: "1,000 clients in one room, 128 B, one message at a time".into(),
                columns: vec![rate("deliveries/s"), column("server CPU per delivery, µs", 1)],
            },
        ],
        run: Box::new(run),
    }]
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut pollers = Pollers::new(server.address())?;
    pollers.grow(ECHOING, ECHOING)?;
    let mut echoes = Echoes::new();
    echoes.begin(&mut pollers)?;
    echoes.run_for(scale.warm_up, &mut pollers)?;
    echoes.answered = 0;
    let meter = Meter::start(server)?;
    echoes.run_for(scale.window, &mut pollers)?;
    let load = meter.stop(server)?;
    let answered = echoes.answered;
    echoes.end(&mut pollers)?;
    let echo = Sample::new(vec![load.rate(answered), load.server_micros_per(answered)], &load);

    pollers.grow(MEMBERS - ECHOING, AT_ONCE)?;
    let mut room = Room::new();
    room.publish(&mut pollers)?;
    room.run_for(scale.warm_up, &mut pollers)?;
    room.deliveries = 0;
    let meter = Meter::start(server)?;
    room.run_for(scale.window, &mut pollers)?;
    let load = meter.stop(server)?;
    let deliveries = room.deliveries;
    room.end(&mut pollers)?;
    let values = vec![load.rate(deliveries), load.server_micros_per(deliveries)];
    Ok(vec![echo, Sample::new(values, &load)])
}

/// Echoes in closed loop.
struct Echoes {
    echo: Echo,
    /// The request of each client that waits for its answer.
    waiting: Vec<Option<u16>>,
    /// Whose answer came, and to what.
    done: Vec<(usize, u16)>,
    answered: u64,
}

impl Echoes {
    fn new() -> Self {
        let echo = Echo::new("echo", ECHO_BYTES);
        Self { echo, waiting: vec![None; ECHOING], done: Vec::new(), answered: 0 }
    }

    fn begin(&mut self, pollers: &mut Pollers) -> Result<()> {
        (0..ECHOING).try_for_each(|client| self.request(client, ECHO_FIRST, pollers))
    }

    fn request(&mut self, client: usize, number: u16, pollers: &mut Pollers) -> Result<()> {
        let mut frame = Vec::new();
        self.echo.push_request(number, &mut frame);
        *self.waiting.get_mut(client).context("no such client")? = Some(number);
        pollers.send(client, text_of(&frame))
    }

    fn run_for(&mut self, length: Duration, pollers: &mut Pollers) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            pollers.turn(&mut |client, text| self.answer(client, text))?;
            for (client, number) in std::mem::take(&mut self.done) {
                let next = if number == ECHO_LAST { ECHO_FIRST } else { number + 1 };
                self.request(client, next, pollers)?;
            }
        }
        Ok(())
    }

    /// Sends nothing new, waits for the last answers, and then a little for what should not come.
    fn end(&mut self, pollers: &mut Pollers) -> Result<()> {
        while self.waiting.iter().any(Option::is_some) {
            pollers.turn(&mut |client, text| self.answer(client, text))?;
        }
        pollers.turn(&mut |client, text| self.answer(client, text))
    }

    fn answer(&mut self, client: usize, text: &[u8]) -> Result<()> {
        let number = self.echo.check_answer(text)?;
        let waiting = self.waiting.get_mut(client).context("an answer for nobody")?.take();
        ensure!(waiting == Some(number), "answer {number} instead of {waiting:?}");
        self.answered += 1;
        self.done.push((client, number));
        Ok(())
    }
}

/// One room, one message at a time.
struct Room {
    publication: Publication,
    /// The message in flight.
    current: u32,
    /// The message that each member has to receive next.
    expected: Vec<u32>,
    missing: usize,
    deliveries: u64,
}

impl Room {
    fn new() -> Self {
        let publication = Publication::to_everybody(BROADCAST_BYTES, false);
        Self { publication, current: 0, expected: vec![1; MEMBERS], missing: 0, deliveries: 0 }
    }

    fn publish(&mut self, pollers: &mut Pollers) -> Result<()> {
        let mut frame = Vec::new();
        self.current += 1;
        self.missing = MEMBERS;
        self.publication.push(self.current, &mut frame);
        pollers.send(PUBLISHER, text_of(&frame))
    }

    fn run_for(&mut self, length: Duration, pollers: &mut Pollers) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            pollers.turn(&mut |member, text| self.deliver(member, text))?;
            if self.missing == 0 {
                self.publish(pollers)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, pollers: &mut Pollers) -> Result<()> {
        while self.missing > 0 {
            pollers.turn(&mut |member, text| self.deliver(member, text))?;
        }
        pollers.turn(&mut |member, text| self.deliver(member, text))
    }

    fn deliver(&mut self, member: usize, text: &[u8]) -> Result<()> {
        let expected = self.expected.get_mut(member).context("a delivery to nobody")?;
        ensure!(*expected == self.current, "{member} received something that nobody published");
        self.publication.check(*expected, text).with_context(|| format!("member {member}"))?;
        *expected += 1;
        self.missing -= 1;
        self.deliveries += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_answer_and_one_to_another_request_are_noticed() {
        let mut echoes = Echoes::new();
        echoes.waiting[3] = Some(1000);
        let text = b"431000[\"switchboard-echo1000\"]";
        assert!(echoes.answer(2, text).is_err());
        echoes.answer(3, text).unwrap();
        assert!(echoes.answer(3, text).is_err());
        echoes.waiting[3] = Some(1001);
        assert!(echoes.answer(3, text).is_err());
    }

    #[test]
    fn second_delivery_and_one_of_another_message_are_noticed() {
        let delivered = |number| {
            let mut frame = Vec::new();
            Publication::to_everybody(BROADCAST_BYTES, false).push(number, &mut frame);
            [&b"42[\"message\",\""[..], &text_of(&frame)[14..]].concat()
        };
        let mut room = Room::new();
        (room.current, room.missing) = (1, MEMBERS);
        assert!(room.deliver(0, &delivered(2)).is_err());
        let mut room = Room::new();
        (room.current, room.missing) = (1, MEMBERS);
        room.deliver(0, &delivered(1)).unwrap();
        assert!(room.deliver(0, &delivered(1)).is_err());
        assert_eq!(room.missing, MEMBERS - 1);
    }
}
