//! Rows `echo*`: an event with an ack, there and back.
//!
//! 64 clients with 20 or 512 bytes of text, 16 clients with 16 KiB. Each client keeps 1 or 16 requests in flight: an answer makes the next request, and
//! what one read brings is answered by one write. Every answer is compared byte by byte and belongs to one request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::{Case, Filter, Row, Sample, Scale, column, detail, rate};
use crate::cpu::Meter;
use crate::crowd::Crowd;
use crate::peers::{Door, SOCKET_IO_ALL, Server};
use crate::wire::{ECHO_FIRST, ECHO_LAST, Echo};

const IN_FLIGHT: [u16; 2] = [1, 16];

/// The clients and what they send.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) event: &'static str,
    pub(super) bytes: usize,
    pub(super) clients: usize,
}

pub(super) fn row(filter: &Filter) -> Vec<Row> {
    row_of("echo", Load { event: "echo", bytes: 20, clients: 64 }, filter)
}

pub(super) fn row_512(filter: &Filter) -> Vec<Row> {
    row_of("echo-512", Load { event: "echo", bytes: 512, clients: 64 }, filter)
}

pub(super) fn row_16k(filter: &Filter) -> Vec<Row> {
    row_of("echo-16k", Load { event: "echo", bytes: 16 << 10, clients: 16 }, filter)
}

fn row_of(name: &'static str, load: Load, filter: &Filter) -> Vec<Row> {
    let wanted = IN_FLIGHT.into_iter().filter(|count| filter.wants_in_flight((*count).into()));
    let in_flight: Vec<u16> = wanted.filter(|_| filter.wants_payload(load.bytes)).collect();
    if in_flight.is_empty() {
        return Vec::new();
    }
    let size = if load.bytes < 1024 {
        format!("{} B", load.bytes)
    } else {
        format!("{} KiB", load.bytes / 1024)
    };
    let case = |in_flight: &u16| {
        let mut columns = vec![rate("round trips/s"), column("server CPU per message, µs", 2)];
        if *in_flight == 1 {
            columns.push(detail("latency p50, µs", 0));
            columns.extend(["p99", "p99.9", "max"].map(|title| detail(title, 0)));
        }
        let title = format!("{} clients, {size}, {in_flight} in flight each", load.clients);
        Case { title: title.into(), columns }
    };
    vec![Row {
        name,
        door: Door::SocketIo,
        peers: SOCKET_IO_ALL.to_vec(),
        cases: in_flight.iter().map(case).collect(),
        run: Box::new(move |server, scale| run(load, &in_flight, server, scale)),
    }]
}

fn run(load: Load, in_flight: &[u16], server: &Server, scale: &Scale) -> Result<Vec<Sample>> {
    let mut crowd = Crowd::new(server.address())?;
    crowd.grow(load.clients, load.clients)?;
    let mut samples = Vec::new();
    for in_flight in in_flight {
        let mut echoes = Echoes::new(load, *in_flight)?;
        echoes.begin(&mut crowd)?;
        echoes.run_for(scale.warm_up, &mut crowd)?;
        echoes.forget();
        let meter = Meter::start(server)?;
        echoes.run_for(scale.window, &mut crowd)?;
        let load = meter.stop(server)?;
        let answered = echoes.answered;
        let mut values = vec![load.rate(answered), load.server_micros_per(answered)];
        if *in_flight == 1 {
            values.extend(percentiles(&echoes.latency));
        }
        samples.push(Sample::new(values, &load));
        echoes.end(&mut crowd)?;
    }
    Ok(samples)
}

/// p50, p99, p99.9 and the greatest, in microseconds, of nanoseconds.
pub(super) fn percentiles(latency: &Histogram<u64>) -> [f64; 4] {
    [0.5, 0.99, 0.999, 1.0].map(|quantile| latency.value_at_quantile(quantile) as f64 / 1e3)
}

/// A request that waits for its answer.
#[derive(Clone, Copy)]
struct Waiting {
    number: u16,
    since: Instant,
}

/// Requests in closed loop: every answer makes the next one.
pub(super) struct Echoes {
    echo: Echo,
    in_flight: u16,
    /// Lane by lane, client by client: a client has as many lanes as requests in flight.
    waiting: Vec<Option<Waiting>>,
    pub(super) answered: u64,
    is_ending: bool,
    /// Nanoseconds from the write of a request to the read of its answer.
    pub(super) latency: Histogram<u64>,
}

impl Echoes {
    pub(super) fn new(load: Load, in_flight: u16) -> Result<Self> {
        Ok(Self {
            echo: Echo::new(load.event, load.bytes),
            in_flight,
            waiting: vec![None; load.clients * usize::from(in_flight)],
            answered: 0,
            is_ending: false,
            latency: Histogram::new(3)?,
        })
    }

    /// Begins to count anew.
    pub(super) fn forget(&mut self) {
        self.answered = 0;
        self.latency.reset();
    }

    /// Every client sends its first requests.
    pub(super) fn begin(&mut self, crowd: &mut Crowd) -> Result<()> {
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

    pub(super) fn run_for(&mut self, length: Duration, crowd: &mut Crowd) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            crowd.turn(&mut |client, text, frames| self.answer(client, text, frames))?;
        }
        Ok(())
    }

    /// Sends nothing new, waits until every request has its answer, and then a little for what should not come.
    pub(super) fn end(&mut self, crowd: &mut Crowd) -> Result<()> {
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
