//! Row `echo`: an event with an ack, there and back.
//!
//! 64 clients, 20 bytes of text. Each client keeps 1 or 16 requests in flight: an answer makes the next request, and
//! what one read brings is answered by one write. Every answer is compared byte by byte and belongs to one request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::{Case, Row, Sample, Scale, column, detail, rate};
use crate::cpu::Meter;
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO, Server};
use crate::wire::{ECHO_FIRST, ECHO_LAST, Echo};

const CLIENTS: usize = 64;

pub(super) fn row() -> Row {
    Row {
        name: "echo",
        door: Door::SocketIo,
        peers: SOCKET_IO.to_vec(),
        cases: vec![
            Case {
                title: "64 clients, 20 B, 1 in flight each".into(),
                columns: vec![
                    rate("round trips/s"),
                    column("server CPU per message, µs", 2),
                    detail("latency p50, µs", 0),
                    detail("p99", 0),
                    detail("p99.9", 0),
                    detail("max", 0),
                ],
            },
            Case {
                title: "64 clients, 20 B, 16 in flight each".into(),
                columns: vec![rate("round trips/s"), column("server CPU per message, µs", 2)],
            },
        ],
        run: Box::new(run),
    }
}

fn run(server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(CLIENTS, CLIENTS)?;
    let mut samples = Vec::new();
    for in_flight in [1, 16] {
        let mut echoes = Echoes::new(in_flight)?;
        echoes.begin(&mut crowd)?;
        echoes.run_for(scale.warm_up, &mut crowd)?;
        echoes.answered = 0;
        echoes.latency.reset();
        let meter = Meter::start(server)?;
        echoes.run_for(scale.window, &mut crowd)?;
        let load = meter.stop(server)?;
        let answered = echoes.answered;
        let mut values = vec![load.rate(answered), load.server_micros_per(answered)];
        if in_flight == 1 {
            values.extend(
                [0.5, 0.99, 0.999, 1.0].map(|q| echoes.latency.value_at_quantile(q) as f64 / 1e3),
            );
        }
        samples.push(Sample::new(values, &load));
        echoes.end(&mut crowd)?;
    }
    Ok(samples)
}

/// A request that waits for its answer.
#[derive(Clone, Copy)]
struct Waiting {
    number: u16,
    since: Instant,
}

struct Echoes {
    echo: Echo,
    in_flight: u16,
    /// Lane by lane, client by client: a client has as many lanes as requests in flight.
    waiting: Vec<Option<Waiting>>,
    answered: u64,
    is_ending: bool,
    /// Nanoseconds from the write of a request to the read of its answer.
    latency: Histogram<u64>,
}

impl Echoes {
    fn new(in_flight: u16) -> Result<Self> {
        Ok(Self {
            echo: Echo::new(),
            in_flight,
            waiting: vec![None; CLIENTS * usize::from(in_flight)],
            answered: 0,
            is_ending: false,
            latency: Histogram::new(3)?,
        })
    }

    /// Every client sends its first requests.
    fn begin(&mut self, crowd: &mut Crowd) -> Result<()> {
        for (client, lanes) in self.waiting.chunks_mut(usize::from(self.in_flight)).enumerate() {
            let mut frames = Vec::new();
            for (lane, number) in lanes.iter_mut().zip(ECHO_FIRST..) {
                self.echo.push_request(number, &mut frames);
                *lane = Some(Waiting { number, since: Instant::now() });
            }
            crowd.send(client, &frames)?;
        }
        Ok(())
    }

    fn run_for(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            crowd.turn(&mut |client, text, frames| self.answer(client, text, frames))?;
        }
        Ok(())
    }

    /// Sends nothing new, waits until every request has its answer, and then a little for what should not come.
    fn end(&mut self, crowd: &mut Crowd) -> Result<()> {
        self.is_ending = true;
        while self.waiting.iter().any(Option::is_some) {
            crowd.turn(&mut |client, text, frames| self.answer(client, text, frames))?;
        }
        crowd.turn(&mut |client, text, frames| self.answer(client, text, frames))
    }

    fn answer(&mut self, client: usize, text: &[u8], frames: &mut Vec<u8>) -> Result<()> {
        let number = self.echo.check_answer(text)?;
        let lane =
            number.checked_sub(ECHO_FIRST).context("an answer without request")? % self.in_flight;
        let place = client * usize::from(self.in_flight) + usize::from(lane);
        let waiting = self.waiting.get_mut(place).context("an answer for nobody")?;
        let request = waiting.take().with_context(|| format!("a second answer to {number}"))?;
        ensure!(request.number == number, "answer {number} instead of {}", request.number);
        let now = Instant::now();
        self.latency.record(u64::try_from((now - request.since).as_nanos())?)?;
        self.answered += 1;
        if !self.is_ending {
            // The lane keeps its place: numbers go on in steps of as many as there are lanes.
            let next = number + self.in_flight;
            let next = if next > ECHO_LAST { ECHO_FIRST + lane } else { next };
            self.echo.push_request(next, frames);
            *waiting = Some(Waiting { number: next, since: now });
        }
        Ok(())
    }
}
