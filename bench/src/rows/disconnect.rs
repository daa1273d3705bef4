//! Row `disconnect`: 10,000 clients come, and all of their sockets die at once.
//!
//! Somebody who has nothing to do with it sends an echo every millisecond, on a schedule: what it has to wait for from
//! the first socket that dies until the server's handler has counted all of them, is the stall that a user would notice.
//! The dying are in one room; the handler tells nobody. Once they end by a reset, once as a program that ends does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::echo::percentiles;
use super::schedule::{Intended, Schedule};
use super::{Case, Row, Sample, Scale, column, detail, rate};
use crate::cpu::Meter;
use crate::crowd::Crowd;
use crate::peers::{BARE, Door, SOCKET_IO, Server};
use crate::wire::{ECHO_FIRST, ECHO_LAST, Echo, push_frame};

const AT_ONCE: usize = 64;
const PINGER: usize = 0;
const PING_BYTES: usize = 20;
const PINGS_PER_SECOND: f64 = 1_000.0;
/// How long it is watched before the storm.
const CALM: Duration = Duration::from_millis(300);
/// Sockets that die between two looks at the clock.
const DEATHS_AT_ONCE: usize = 4;
/// How often the server is asked how many have left.
const ASKING: Duration = Duration::from_millis(10);
/// After so long somebody's leaving was never noticed.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the answer to the question how many left begins with; those to echoes have four digits there.
const GONE: &[u8] = b"431[";

pub(super) fn row() -> Row {
    let case = |manner: &str| Case {
        title: format!("10,000 clients (`--quick`: 2,000) end by {manner}").into(),
        columns: vec![
            rate("connects/s"),
            detail("p99 before, ms", 2),
            column("p99 in the storm, ms", 2),
            column("longest stall, ms", 2),
            detail("sockets closed within, ms", 0),
            column("all counted within, ms", 0),
            column("server CPU per client, µs", 1),
            detail("pings late by p99, ms", 2),
        ],
    };
    Row {
        name: "disconnect",
        door: Door::SocketIoLeaving,
        peers: SOCKET_IO.into_iter().filter(|peer| *peer != &BARE).collect(),
        cases: vec![case("a reset"), case("FIN")],
        run: Box::new(run),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(1, 1)?;
    let mut samples = Vec::new();
    for (round, with_reset) in [true, false].into_iter().enumerate() {
        let meter = Meter::start(server)?;
        crowd.grow(scale.crowd, AT_ONCE)?;
        let connects = meter.stop(server)?.rate(scale.crowd as u64);
        let first = 1 + round * scale.crowd;
        let mut storm = Storm::new((round * scale.crowd) as u64)?;
        storm.watch(CALM, &mut crowd)?;
        let [_, before, ..] = percentiles(&storm.schedule.latency);
        storm.schedule.record();
        let meter = Meter::start(server)?;
        let begun = Instant::now();
        let closed = storm.rage(first..first + scale.crowd, with_reset, &mut crowd)?;
        let counted = begun.elapsed();
        let load = meter.stop(server)?;
        storm.end(&mut crowd)?;
        let [_, p99, _, longest] = percentiles(&storm.schedule.latency);
        let [_, late, ..] = percentiles(&storm.schedule.lateness);
        let values = vec![
            connects,
            before / 1e3,
            p99 / 1e3,
            longest / 1e3,
            closed.as_secs_f64() * 1e3,
            counted.as_secs_f64() * 1e3,
            load.server_micros_per(scale.crowd as u64),
            late / 1e3,
        ];
        samples.push(Sample { values, busy: None });
    }
    Ok(samples)
}

/// What the one who stays sends and sees.
struct Storm {
    echo: Echo,
    schedule: Schedule,
    waiting: Vec<(u16, Intended)>,
    next: u16,
    /// Who has left before, and who has left by the last answer.
    gone_before: u64,
    gone: u64,
    is_asking: bool,
}

impl Storm {
    fn new(gone_before: u64) -> Result<Self> {
        Ok(Self {
            echo: Echo::new("echo", PING_BYTES),
            schedule: Schedule::new(PINGS_PER_SECOND)?,
            waiting: Vec::new(),
            next: ECHO_FIRST,
            gone_before,
            gone: gone_before,
            is_asking: false,
        })
    }

    /// Watches what happens anyway.
    fn watch(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.turn(crowd)?;
        }
        Ok(())
    }

    /// Ends these clients as fast as can be, and returns how long that took once the server has counted all.
    fn rage(
        &mut self,
        mut clients: std::ops::Range<usize>,
        with_reset: bool,
        crowd: &mut Crowd,
    ) -> Result<Duration> {
        let begun = Instant::now();
        let wanted = self.gone_before + clients.len() as u64;
        let (mut closed, mut asked) = (None, begun);
        while self.gone < wanted {
            for client in clients.by_ref().take(DEATHS_AT_ONCE) {
                crowd.kill(client, with_reset)?;
            }
            if clients.is_empty() && closed.is_none() {
                closed = Some(begun.elapsed());
            }
            if asked.elapsed() > ASKING && !self.is_asking {
                asked = Instant::now();
                self.ask(crowd)?;
            }
            self.turn(crowd)?;
            let gone = self.gone - self.gone_before;
            ensure!(begun.elapsed() < PATIENCE, "only {gone} were noticed to have left");
        }
        Ok(closed.unwrap_or_default())
    }

    /// Waits for the last answers, and sees that nobody was counted twice.
    fn end(&mut self, crowd: &mut Crowd) -> Result<()> {
        let counted = self.gone;
        self.ask(crowd)?;
        while self.is_asking || !self.waiting.is_empty() {
            crowd.turn(&mut |client, text, _| self.answer(client, text))?;
        }
        ensure!(self.gone == counted, "{} left, but {counted} were there", self.gone);
        Ok(())
    }

    fn turn(&mut self, crowd: &mut Crowd) -> Result<()> {
        if let Some(intended) = self.schedule.due()? {
            let number = self.next;
            self.next = if number == ECHO_LAST { ECHO_FIRST } else { number + 1 };
            let mut frame = Vec::new();
            self.echo.push_request(number, &mut frame);
            self.waiting.push((number, intended));
            crowd.send(PINGER, &frame)?;
        }
        crowd.turn_for(0, &mut |client, text, _| self.answer(client, text))
    }

    fn ask(&mut self, crowd: &mut Crowd) -> Result<()> {
        let mut frame = Vec::new();
        push_frame(b"421[\"gone\"]", &mut frame);
        self.is_asking = true;
        crowd.send(PINGER, &frame)
    }

    fn answer(&mut self, client: usize, text: &[u8]) -> Result<()> {
        ensure!(client == PINGER, "somebody else received {:?}", String::from_utf8_lossy(text));
        if let Some(rest) = text.strip_prefix(GONE) {
            ensure!(self.is_asking, "an answer that nobody waits for");
            let digits = rest.strip_suffix(b"]").context("not a number")?;
            self.gone = std::str::from_utf8(digits)?.parse()?;
            self.is_asking = false;
            return Ok(());
        }
        let number = self.echo.check_answer(text)?;
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == number);
        let place = place.with_context(|| format!("a second answer to {number}"))?;
        let (_, intended) = self.waiting.remove(place);
        self.schedule.answered(intended)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_answer_and_one_to_somebody_else_are_noticed() {
        let mut storm = Storm::new(0).unwrap();
        let intended = storm.schedule.due().unwrap().unwrap();
        storm.waiting.push((1000, intended));
        let text = b"431000[\"switchboard-echo1000\"]";
        assert!(storm.answer(1, text).is_err());
        storm.answer(PINGER, text).unwrap();
        assert!(storm.answer(PINGER, text).is_err());
        assert!(storm.answer(PINGER, b"431[7]").is_err());
        storm.is_asking = true;
        storm.answer(PINGER, b"431[7]").unwrap();
        assert_eq!(storm.gone, 7);
    }
}
