//! Instructions per message: each row runs under `valgrind --tool=callgrind`, and its count stands beside a committed one.
//!
//! `cargo xtask bench counts` prints the table, `cargo xtask test counts` fails where a row has become more than a tenth
//! dearer; docs/internals/instruction-counts.md tells how to read and accept counts.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

mod apart;
mod baseline;
mod callgrind;
mod environment;
mod harness;
mod rows;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::baseline::{Baseline, Verdict};
use crate::environment::Environment;
use crate::rows::Row;

const USAGE: &str = "\
usage: cargo xtask bench counts [--accept]

  bench-counts             count every row and print the table
  bench-counts --accept    the same, and make the counts the baseline
  bench-counts check       compare with the baseline; fails where a row is more than a tenth dearer
  bench-counts run ROW N   the work that is counted, N times, without counting";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *words {
        [] => count_all(false).map(|()| true),
        ["--accept"] => count_all(true).map(|()| true),
        ["check"] => check(),
        ["run", row, turns] => run(row, turns).map(|()| true),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench-counts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, turns: &str) -> Result<()> {
    let row = rows::all().into_iter().find(|it| it.name == name);
    (row.with_context(|| format!("no row {name:?}"))?.run)(turns.parse()?)
}

/// Prints the table; makes it the baseline if that is wanted.
fn count_all(is_accepted: bool) -> Result<()> {
    let environment = Environment::here()?;
    let old = Baseline::committed();
    if let (Err(error), false) = (&old, is_accepted) {
        eprintln!("no baseline to compare with: {error:#}");
    }
    let old = old.ok();
    println!("{}; {}\n", environment.rustc, environment.machine);
    println!("| row | instructions | per | baseline | change |\n|---|---:|---|---:|---:|");
    let mut counts = Vec::new();
    for row in rows::all() {
        let count = callgrind::instructions(&row)?;
        println!("{}", line(&row, count, old.as_ref()));
        counts.push((row.name.to_owned(), count));
    }
    if is_accepted {
        std::fs::write(Baseline::path(), Baseline::new(environment, counts).text())?;
        println!("\nwritten to {}", Baseline::path().display());
    }
    Ok(())
}

fn line(row: &Row, count: f64, old: Option<&Baseline>) -> String {
    let Row { name, unit, .. } = row;
    match old.and_then(|it| it.count(name)) {
        Some(old) => {
            let percent = (count / old - 1.0) * 100.0;
            format!("| {name} | {count:.0} | {unit} | {old:.0} | {percent:+.1}% |")
        }
        None => format!("| {name} | {count:.0} | {unit} | | |"),
    }
}

/// Whether no row is dearer than it may be. The last line is that of `cargo test`, for `cargo xtask test`.
fn check() -> Result<bool> {
    let (environment, baseline) = (Environment::here()?, Baseline::committed()?);
    if environment != baseline.environment {
        println!("{}", elsewhere(&environment, &baseline.environment));
    }
    let all = rows::all();
    let (mut passed, mut failed) = (0, 0);
    for row in &all {
        let count = callgrind::instructions(row)?;
        let verdict = baseline.judge(row.name, count, &environment);
        println!("{} ... {}", line(row, count, Some(&baseline)), sentence(&verdict));
        if matches!(verdict, Verdict::Worse | Verdict::New) {
            failed += 1;
        } else {
            passed += 1;
        }
    }
    let names: Vec<&str> = all.iter().map(|it| it.name).collect();
    for name in baseline.unknown(&names) {
        println!("{name}: in the baseline, but there is no such row. {ACCEPT}");
        failed += 1;
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored");
    Ok(failed == 0)
}

fn sentence(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same => "ok".to_owned(),
        Verdict::Doubtful => format!(
            "WARNING: dearer by more than a tenth, perhaps by the compiler or the machine alone. {ACCEPT}"
        ),
        Verdict::Better => {
            format!("ok, and so much cheaper that the baseline should be renewed. {ACCEPT}")
        }
        Verdict::Worse => format!("FAILED: dearer than it may be. If that is meant: {ACCEPT}"),
        Verdict::New => format!("FAILED: not in the baseline. {ACCEPT}"),
    }
}

fn elsewhere(here: &Environment, there: &Environment) -> String {
    format!(
        "WARNING: the baseline was made elsewhere, so rows only fail from a quarter on.\n  \
         here:     {}; {}\n  baseline: {}; {}\n  {ACCEPT}",
        here.rustc, here.machine, there.rustc, there.machine
    )
}

const ACCEPT: &str = "`cargo xtask bench counts --accept` makes the new counts the baseline; commit the file \
                      and say why.";
