//! Where processes run and what they use: cores, CPU clocks, resident memory.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::peers::Server;

/// The core that servers run on.
pub(crate) const SERVER_CORE: usize = 0;
/// The core that the generator runs on.
pub(crate) const GENERATOR_CORE: usize = 1;

/// Keeps this process on the generator's core.
pub(crate) fn pin_generator() -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(GENERATOR_CORE)?;
    sched_setaffinity(Pid::from_raw(0), &cores).context("the benchmark needs two cores")
}

/// CPU time that all threads of process `pid` have used, ended ones included, in the kernel's own precision.
pub(crate) fn used_by(pid: Pid) -> Result<Duration> {
    Ok(ClockId::pid_cpu_clock_id(pid)?.now()?.into())
}

/// Resident memory of process `pid` in bytes (`VmRSS`).
pub(crate) fn resident_bytes(pid: Pid) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

/// How long the main thread of process `pid` was ready to run and did not get its core (`schedstat`).
fn waited_by(pid: Pid) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let nanos = text.split_whitespace().nth(1).context("no schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// What a server and the generator used in one stretch of time.
pub(crate) struct Load {
    wall: Duration,
    server: Duration,
    generator: Duration,
    waited: Duration,
}

impl Load {
    /// Share of its core that the server used, 0 to 1.
    pub(crate) fn server_busy(&self) -> f64 {
        self.server.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// Share of its core that the generator used, 0 to 1.
    pub(crate) fn generator_busy(&self) -> f64 {
        self.generator.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// Share of the time that either side had to wait for its core, because something else ran there.
    pub(crate) fn disturbed(&self) -> f64 {
        self.waited.as_secs_f64() / self.wall.as_secs_f64()
    }

    /// `count` things per second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64()
    }

    /// The server's CPU time for each of `count` things, in microseconds.
    pub(crate) fn server_micros_per(&self, count: u64) -> f64 {
        self.server.as_secs_f64() * 1e6 / count.max(1) as f64
    }
}

/// A running measurement of [`Load`].
pub(crate) struct Meter {
    started: Instant,
    before: Readings,
}

/// Clocks that only go forward.
struct Readings {
    server: Duration,
    generator: Duration,
    server_waited: Duration,
    generator_waited: Duration,
}

impl Readings {
    fn take(server: &Server) -> Result<Self> {
        Ok(Self {
            server: used_by(server.pid())?,
            generator: used_by(Pid::this())?,
            server_waited: waited_by(server.pid())?,
            generator_waited: waited_by(Pid::this())?,
        })
    }
}

impl Meter {
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let before = Readings::take(server)?;
        Ok(Self { started: Instant::now(), before })
    }

    pub(crate) fn stop(&self, server: &Server) -> Result<Load> {
        let (wall, now, before) = (self.started.elapsed(), Readings::take(server)?, &self.before);
        let server_waited = now.server_waited.saturating_sub(before.server_waited);
        let generator_waited = now.generator_waited.saturating_sub(before.generator_waited);
        Ok(Load {
            wall,
            server: now.server.saturating_sub(before.server),
            generator: now.generator.saturating_sub(before.generator),
            waited: server_waited.max(generator_waited),
        })
    }
}
