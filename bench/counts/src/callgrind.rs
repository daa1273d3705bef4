//! Running a row under callgrind, twice: what the longer run has executed more, divided by what it has done more.
//!
//! Callgrind simulates a processor and counts the instructions that a program executes, so a busy machine changes
//! nothing. What does change the counts: the compiler, the C library with its variants of `memcpy` for different
//! processors, and those of `simdutf8` and `memchr`. See [`Environment`](crate::environment::Environment).

use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use crate::apart;
use crate::rows::Row;

/// Instructions for one unit of `row`.
///
/// # Errors
/// Valgrind cannot be started, or the row went wrong.
pub(crate) fn instructions(row: &Row) -> Result<f64> {
    // At once: instructions do not depend on what else runs.
    let (few, many) = std::thread::scope(|scope| {
        let few = scope.spawn(|| executed(row, row.turns_few));
        let many = executed(row, row.turns_many);
        (few.join(), many)
    });
    let few = few.map_err(|_panic| anyhow!("{}: the shorter run panicked", row.name))??;
    let many = many?;
    let units = f64::from(row.turns_many - row.turns_few) * f64::from(row.units_per_turn);
    ensure!(few < many, "{}: {few} instructions, then {many}: nothing was counted", row.name);
    Ok((many - few) as f64 / units)
}

/// Instructions of a whole run, without what stands apart.
fn executed(row: &Row, turns: u32) -> Result<u64> {
    let program = std::env::current_exe()?;
    // Rows with 1,000 clients need 2,000 sockets; many systems begin with 1,024.
    let script = "ulimit -Sn $(ulimit -Hn) && exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh", "setpriv", "--pdeathsig", "KILL"])
        .args(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={}", apart::PATTERN))
        .arg("--collect-atstart=yes")
        .arg(program)
        .args(["run", row.name, &turns.to_string()])
        .env_remove("RUST_LOG")
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}:\n{said}", row.name, output.status);
    let total = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, total) = total.with_context(|| format!("callgrind tells no total:\n{said}"))?;
    total.trim().parse().with_context(|| format!("callgrind's total is {total:?}"))
}
