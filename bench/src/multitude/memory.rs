//! Who holds how much memory: the server, the load, the kernel.

use std::fs::read_to_string;

use anyhow::{Context, Result};

use super::scene::Scene;
use crate::cpu::resident_bytes;

/// All in bytes.
pub(super) struct Memory {
    pub(super) server: u64,
    pub(super) load: u64,
    /// What the kernel could still hand out.
    pub(super) available: u64,
    /// The kernel's own small objects, sockets among them.
    slab: u64,
    page_tables: u64,
    /// What lies in the buffers of TCP sockets.
    tcp: u64,
    /// TCP sockets that are open, both ends counted.
    sockets: u64,
}

impl Memory {
    pub(super) fn now(scene: &Scene) -> Result<Self> {
        let mut load = 0;
        for pid in scene.load_pids() {
            load += resident_bytes(pid)?;
        }
        let info = read_to_string("/proc/meminfo")?;
        let stat = read_to_string("/proc/net/sockstat")?;
        Ok(Self {
            server: resident_bytes(scene.server_pid())?,
            load,
            available: after(&info, "MemAvailable:")? * 1024,
            slab: after(&info, "Slab:")? * 1024,
            page_tables: after(&info, "PageTables:")? * 1024,
            tcp: after(tcp_line(&stat)?, "mem")? * 4096,
            sockets: after(tcp_line(&stat)?, "inuse")?,
        })
    }

    /// What `clients` clients have brought since `empty`.
    pub(super) fn table(&self, empty: &Self, clients: usize) -> String {
        let row = |what: &str, now: u64, before: u64| {
            let growth = now as f64 - before as f64;
            format!("| {what} | {:.1} | {:.3} |\n", now as f64 / 1e6, growth / clients as f64 / 1e3)
        };
        let mut text = format!(
            "### Memory with {clients} clients\n\n\
             | | MB | growth per client, kB (1,000 B) |\n|---|---:|---:|\n"
        );
        text += &row("server, RSS", self.server, empty.server);
        text += &row("load processes together, RSS", self.load, empty.load);
        text += &row("kernel: slab", self.slab, empty.slab);
        text += &row("kernel: page tables", self.page_tables, empty.page_tables);
        text += &row("kernel: TCP buffers", self.tcp, empty.tcp);
        text += &row("taken from the machine in all", empty.available, self.available);
        format!(
            "{text}\n{} TCP sockets are open, both ends counted.\n",
            self.sockets.saturating_sub(empty.sockets)
        )
    }
}

/// `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 0`.
fn tcp_line(stat: &str) -> Result<&str> {
    stat.lines().find(|line| line.starts_with("TCP:")).context("no line about TCP")
}

/// The number that follows a word.
fn after(text: &str, word: &str) -> Result<u64> {
    let mut words = text.split_whitespace();
    words.find(|it| *it == word).with_context(|| format!("no {word}"))?;
    Ok(words.next().context("no number")?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_their_words() {
        let stat =
            "sockets: used 15\nTCP: inuse 3 orphan 0 tw 0 alloc 1 mem 7\nUDP: inuse 0 mem 9\n";
        let line = tcp_line(stat).unwrap();
        assert_eq!((after(line, "inuse").unwrap(), after(line, "mem").unwrap()), (3, 7));
        assert!(after(line, "used").is_err());
    }
}
