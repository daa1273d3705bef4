//! The server, the load processes, and the one client that publishes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use nix::unistd::Pid;

use super::LOAD;
use crate::cpu::used_by;
use crate::crowd::Request;
use crate::idle::{self, Herd, WebSocket};
use crate::peers::{Door, SWITCHBOARD, Server};
use crate::streams::{message, monotonic_nanos};
use crate::wire::push_frame;

const LOADS: usize = 4;
/// Client numbers that each load process has for itself.
const NUMBERS: usize = 10_000_000;
/// For a step of growth, or a broadcast.
const PATIENCE: Duration = Duration::from_secs(240);

pub(super) struct Scene {
    // First of all, as fields are dropped in order: a load process that loses its server complains.
    loads: Vec<Load>,
    publisher: Herd<TcpStream, WebSocket>,
    server: Server,
    lines: Receiver<(usize, Option<String>)>,
}

struct Load {
    child: Child,
    input: ChildStdin,
}

/// A broadcast has reached everybody.
pub(super) struct Delivered {
    pub(super) count: usize,
    /// From publication to arrival, in microseconds.
    pub(super) sockets: Histogram<u64>,
    pub(super) polls: Histogram<u64>,
}

impl Scene {
    pub(super) fn start() -> Result<Self> {
        let server = Server::start(&SWITCHBOARD, Door::SocketIo)?;
        let (sender, lines) = channel();
        let loads: Result<Vec<Load>> =
            (0..LOADS).map(|place| Load::start(place, &server, sender.clone())).collect();
        let scene = idle::Scene::new(server.address(), Request::EngineIo);
        let mut publisher = Herd::new(server.address(), scene)?;
        publisher.grow(1, 1)?;
        Ok(Self { publisher, loads: loads?, lines, server })
    }

    pub(super) fn server_pid(&self) -> Pid {
        self.server.pid()
    }

    pub(super) fn load_pids(&self) -> impl Iterator<Item = Pid> {
        self.loads.iter().map(|load| Pid::from_raw(load.child.id().cast_signed()))
    }

    pub(super) fn server_cpu(&self) -> Result<Duration> {
        used_by(self.server.pid())
    }

    pub(super) fn load_cpu(&self) -> Result<Duration> {
        self.load_pids().map(used_by).sum()
    }

    /// So many more WebSockets and polling clients, shared by the load processes.
    pub(super) fn grow(&mut self, sockets: usize, polls: usize) -> Result<()> {
        let share = |all: usize, place: usize| all / LOADS + usize::from(place < all % LOADS);
        for (place, load) in self.loads.iter_mut().enumerate() {
            load.order(&format!("grow {} {}", share(sockets, place), share(polls, place)))?;
        }
        for _ in 0..LOADS {
            let line = self.next_line(PATIENCE)?.context("a load process does not get on")?;
            ensure!(line == "grown", "a load process said {line:?}");
        }
        Ok(())
    }

    /// Heartbeats that were answered until now.
    pub(super) fn heartbeats(&mut self) -> Result<u64> {
        for load in &mut self.loads {
            load.order("heartbeats")?;
        }
        let mut all = 0;
        for _ in 0..LOADS {
            let line = self.next_line(PATIENCE)?.context("a load process does not answer")?;
            let count = line.strip_prefix("heartbeats ").context("no answer about heartbeats")?;
            all += count.parse::<u64>()?;
        }
        Ok(all)
    }

    /// Nothing happens for some time but heartbeats.
    pub(super) fn rest(&mut self, length: Duration) -> Result<()> {
        match self.next_line(length)? {
            None => Ok(()),
            Some(line) => bail!("a load process said {line:?} although nothing happened"),
        }
    }

    /// Publishes and waits until all have it.
    pub(super) fn broadcast(&mut self, number: u32) -> Result<Delivered> {
        let text = message(number, monotonic_nanos()?);
        let mut frame = Vec::new();
        push_frame(format!("42[\"publish\",\"{text}\"]").as_bytes(), &mut frame);
        self.publisher.send(0, &frame)?;
        let mut all =
            Delivered { count: 0, sockets: Histogram::new(2)?, polls: Histogram::new(2)? };
        for _ in 0..LOADS {
            let line = self.next_line(PATIENCE)?;
            let line = line.with_context(|| format!("broadcast {number} does not reach all"))?;
            all.add(&line).with_context(|| format!("a load process said {line:?}"))?;
        }
        Ok(all)
    }

    /// What a load process says next, or nothing in all that time. The publisher's heartbeats are answered meanwhile.
    fn next_line(&mut self, patience: Duration) -> Result<Option<String>> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            // It is a member of the room like everybody.
            self.publisher.listen(&mut |_, _| Ok(()))?;
            match self.lines.try_recv() {
                Ok((_, Some(line))) => return Ok(Some(line)),
                Ok((place, None)) => bail!("load process {place} ended"),
                Err(_nothing_yet) => {}
            }
        }
        Ok(None)
    }
}

impl Load {
    fn start(
        place: usize,
        server: &Server,
        lines: Sender<(usize, Option<String>)>,
    ) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut child = Command::new(program)
            .args([LOAD, &server.address().to_string(), &((place + 1) * NUMBERS).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a load process")?;
        let input = child.stdin.take().context("no way to give orders")?;
        let output = BufReader::new(child.stdout.take().context("no way to hear answers")?);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if lines.send((place, Some(line))).is_err() {
                    return;
                }
            }
            // Nobody is interested any more at the end of the run.
            let _ = lines.send((place, None));
        });
        Ok(Self { child, input })
    }

    fn order(&mut self, order: &str) -> Result<()> {
        writeln!(self.input, "{order}").context("a load process is gone")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Delivered {
    /// `delivered NUMBER COUNT MICROS:COUNT .../MICROS:COUNT ...`.
    fn add(&mut self, line: &str) -> Result<()> {
        let mut parts = line.strip_prefix("delivered ").context("no delivery")?.splitn(3, ' ');
        let _number = parts.next();
        self.count += parts.next().context("no count")?.parse::<usize>()?;
        let (sockets, polls) =
            parts.next().and_then(|lists| lists.split_once('/')).context("no latencies")?;
        for (list, latencies) in [(sockets, &mut self.sockets), (polls, &mut self.polls)] {
            for pair in list.split_whitespace() {
                let (micros, count) = pair.split_once(':').context("no pair")?;
                latencies.record_n(micros.parse()?, count.parse()?)?;
            }
        }
        Ok(())
    }
}

/// Progress, for whoever waits.
#[expect(clippy::print_stderr, reason = "a program for the command line")]
pub(super) fn tell(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_load_processes_add_up() {
        let mut all = Delivered {
            count: 0,
            sockets: Histogram::new(2).unwrap(),
            polls: Histogram::new(2).unwrap(),
        };
        all.add("delivered 3 5 10:2 20:1 /30:2 ").unwrap();
        all.add("delivered 3 1 /40:1 ").unwrap();
        assert_eq!((all.count, all.sockets.len(), all.polls.max()), (6, 3, 40));
        assert!(all.add("grown").is_err());
    }
}
