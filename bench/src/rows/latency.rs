//! Rows `latency` and `latency-broadcast`: how long an answer takes while the server has time left.
//!
//! Open loop: requests leave at a constant rate, at half of what the server took at most a moment before in closed loop
//! with one in flight, and then at a rate that is the same for all. The generator spins, so that it sends in time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::broadcast::{self, Room};
use super::echo::{self, Echoes, percentiles};
use super::schedule::{Intended, Schedule};
use super::{Case, Column, Row, Sample, Scale, column, detail};
use crate::cpu::{Load, Meter};
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO, Server};
use crate::wire::{ECHO_FIRST, ECHO_LAST, Echo, Publication};

const ECHO: echo::Load = echo::Load { event: "echo", bytes: 20, clients: 64 };
const BROADCAST: broadcast::Load =
    broadcast::Load { bytes: 128, is_deflated: false, is_large: false };
const MEMBERS: usize = 1_000;
/// Requests and broadcasts per second that are the same for all: somewhat less than half of what Node takes here.
const ECHOES_PER_SECOND: f64 = 30_000.0;
const BROADCASTS_PER_SECOND: f64 = 80.0;
/// The closed loop that finds out how much the server takes is so much shorter than others, as is the warm-up.
const SHORTER: u32 = 2;
/// Most that may wait for an answer on one connection. More: the server does not keep up.
const WAITING_MAX: usize = 1024;

pub(super) fn row() -> Row {
    row_of("latency", "64 clients, echo of 20 B", "30,000 per second", run)
}

pub(super) fn row_broadcast() -> Row {
    row_of("latency-broadcast", "1,000 clients in one room, 128 B", "80 per second", run_broadcast)
}

fn row_of(
    name: &'static str,
    load: &str,
    rate: &str,
    run: fn(&Server, &Scale) -> Result<Vec<Sample>>,
) -> Row {
    let title = |rate: &str| format!("{load}, at {rate}").into();
    Row {
        name,
        door: Door::SocketIo,
        peers: SOCKET_IO.to_vec(),
        cases: vec![
            Case { title: title("half of its own most"), columns: columns() },
            Case { title: title(rate), columns: columns() },
        ],
        run: Box::new(run),
    }
}

fn columns() -> Vec<Column> {
    vec![
        detail("sent/s", 0),
        column("p50, µs", 0),
        column("p99, µs", 0),
        column("p99.9, µs", 0),
        detail("max, µs", 0),
        detail("server busy, %", 0),
        detail("sent late by p99, µs", 1),
        detail("disturbed, %", 1),
    ]
}

/// No shares of cores: the generator spins.
fn sample(schedule: &Schedule, load: &Load) -> Sample {
    let mut values = vec![load.rate(schedule.recorded())];
    values.extend(percentiles(&schedule.latency));
    let [_, late, ..] = percentiles(&schedule.lateness);
    values.extend([load.server_busy() * 100.0, late, load.disturbed() * 100.0]);
    Sample { values, busy: None }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(ECHO.clients, ECHO.clients)?;
    let mut closed = Echoes::new(ECHO, 1)?;
    closed.begin(&mut crowd)?;
    closed.run_for(scale.warm_up, &mut crowd)?;
    closed.forget();
    let meter = Meter::start(server)?;
    closed.run_for(scale.window / SHORTER, &mut crowd)?;
    let most = meter.stop(server)?.rate(closed.answered);
    closed.end(&mut crowd)?;
    let rates = [most / 2.0, ECHOES_PER_SECOND];
    rates
        .map(|rate| OpenEchoes::new(rate)?.measure(server, scale, &mut crowd))
        .into_iter()
        .collect()
}

fn run_broadcast(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    let mut closed = Room::new(BROADCAST);
    closed.grow(MEMBERS, &mut crowd)?;
    let times = [scale.warm_up, scale.window / SHORTER];
    let (load, deliveries, _) = closed.measure(1, times, server, &mut crowd)?;
    let most = load.rate(deliveries) / MEMBERS as f64;
    let rates = [most / 2.0, BROADCASTS_PER_SECOND];
    rates.map(|rate| OpenRoom::new(rate)?.measure(server, scale, &mut crowd)).into_iter().collect()
}

/// Echoes on a schedule, which every client serves in turn.
struct OpenEchoes {
    echo: Echo,
    schedule: Schedule,
    /// What waits for its answer: client by client, by number modulo the most that can.
    waiting: Vec<Option<(u16, Intended)>>,
    /// Each client's next number.
    next: Vec<u16>,
    turn: usize,
    missing: u64,
}

impl OpenEchoes {
    fn new(rate: f64) -> Result<Self> {
        Ok(Self {
            echo: Echo::new(ECHO.event, ECHO.bytes),
            schedule: Schedule::new(rate)?,
            waiting: vec![None; ECHO.clients * WAITING_MAX],
            next: vec![ECHO_FIRST; ECHO.clients],
            turn: 0,
            missing: 0,
        })
    }

    fn measure(mut self, server: &Server, scale: &Scale, crowd: &mut Crowd) -> Result<Sample> {
        self.run_for(scale.warm_up / SHORTER, crowd)?;
        self.schedule.record();
        let meter = Meter::start(server)?;
        self.run_for(scale.window, crowd)?;
        let load = meter.stop(server)?;
        while self.missing > 0 {
            crowd.turn(&mut |client, text, _| self.answer(client, text))?;
        }
        crowd.turn(&mut |client, text, _| self.answer(client, text))?;
        Ok(sample(&self.schedule, &load))
    }

    fn run_for(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        let mut frame = Vec::new();
        while Instant::now() < end {
            // Not all that is due at once: answers are to be seen in between.
            if let Some(intended) = self.schedule.due()? {
                let client = self.turn;
                self.turn = (client + 1) % ECHO.clients;
                frame.clear();
                self.request(client, intended, &mut frame)?;
                crowd.send(client, &frame)?;
            }
            crowd.turn_for(0, &mut |client, text, _| self.answer(client, text))?;
        }
        Ok(())
    }

    fn request(&mut self, client: usize, intended: Intended, frame: &mut Vec<u8>) -> Result<()> {
        let next = self.next.get_mut(client).context("no such client")?;
        let number = *next;
        *next = if number == ECHO_LAST { ECHO_FIRST } else { number + 1 };
        let place = self.waiting.get_mut(place(client, number)).context("no such place")?;
        ensure!(place.is_none(), "the server does not keep up with its rate");
        *place = Some((number, intended));
        self.missing += 1;
        self.echo.push_request(number, frame);
        Ok(())
    }

    fn answer(&mut self, client: usize, text: &[u8]) -> Result<()> {
        let number = self.echo.check_answer(text)?;
        let place = self.waiting.get_mut(place(client, number)).context("an answer for nobody")?;
        let waiting = place.take().with_context(|| format!("a second answer to {number}"))?;
        ensure!(waiting.0 == number, "answer {number} instead of {}", waiting.0);
        self.missing -= 1;
        self.schedule.answered(waiting.1)?;
        Ok(())
    }
}

fn place(client: usize, number: u16) -> usize {
    client * WAITING_MAX + usize::from(number) % WAITING_MAX
}

/// Broadcasts on a schedule; the first member publishes.
struct OpenRoom {
    publication: Publication,
    schedule: Schedule,
    /// When each message was meant to be sent.
    intended: Vec<Intended>,
    /// The message that each member has to receive next.
    expected: Vec<u32>,
    missing: usize,
}

impl OpenRoom {
    fn new(rate: f64) -> Result<Self> {
        Ok(Self {
            publication: Publication::to_everybody(BROADCAST.bytes, BROADCAST.is_deflated),
            schedule: Schedule::new(rate)?,
            intended: Vec::new(),
            expected: vec![0; MEMBERS],
            missing: 0,
        })
    }

    fn measure(mut self, server: &Server, scale: &Scale, crowd: &mut Crowd) -> Result<Sample> {
        self.run_for(scale.warm_up / SHORTER, crowd)?;
        self.schedule.record();
        let meter = Meter::start(server)?;
        self.run_for(scale.window, crowd)?;
        let load = meter.stop(server)?;
        while self.missing > 0 {
            crowd.turn(&mut |member, text, _| self.deliver(member, text))?;
        }
        crowd.turn(&mut |member, text, _| self.deliver(member, text))?;
        Ok(sample(&self.schedule, &load))
    }

    fn run_for(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        let mut frame = Vec::new();
        while Instant::now() < end {
            if let Some(intended) = self.schedule.due()? {
                frame.clear();
                self.publication.push(u32::try_from(self.intended.len())?, &mut frame);
                self.intended.push(intended);
                self.missing += MEMBERS;
                crowd.send(0, &frame)?;
            }
            crowd.turn_for(0, &mut |member, text, _| self.deliver(member, text))?;
        }
        Ok(())
    }

    fn deliver(&mut self, member: usize, text: &[u8]) -> Result<()> {
        let expected = self.expected.get_mut(member).context("a delivery to nobody")?;
        let intended = self.intended.get(*expected as usize);
        let intended = intended.with_context(|| format!("nobody published what {member} got"))?;
        self.publication.check(*expected, text).with_context(|| format!("member {member}"))?;
        *expected += 1;
        self.missing -= 1;
        self.schedule.answered(*intended)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_answer_and_one_to_nobody_are_noticed() {
        let mut open = OpenEchoes::new(1e6).unwrap();
        let intended = open.schedule.due().unwrap().unwrap();
        open.request(3, intended, &mut Vec::new()).unwrap();
        let text = b"431000[\"switchboard-echo1000\"]";
        assert!(open.answer(2, text).is_err());
        open.answer(3, text).unwrap();
        assert!(open.answer(3, text).is_err());
        assert_eq!((open.missing, open.schedule.latency.len()), (0, 1));
    }
}
