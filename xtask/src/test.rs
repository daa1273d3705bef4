//! `cargo xtask test`: every suite there is, added up to one line.
//!
//! The last line is `N passed, N failed`, alone, and the exit code says the same. A suite that is
//! missing, cannot be prepared, hangs or is skipped is a failure with its name.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::count::{self, Count};
use crate::{Result, autobahn, fuzz, install, process, products, workspace};

/// Runs the suites that `args` name, or all.
///
/// # Errors
///
/// An argument is unknown. Failing tests are not an error here: they are the exit code.
pub(crate) fn run(args: &[&str]) -> Result<ExitCode> {
    let (length, names) = parse(args)?;
    process::no_later_than(Instant::now() + length.time());
    let mut report = Vec::new();
    for suite in SUITES.iter().filter(|it| names.is_empty() || names.contains(&it.name)) {
        println!("\n== {} ==", suite.name);
        let started = Instant::now();
        let count = suite.run(length).unwrap_or_else(|error| {
            println!("{} failed: {error}", suite.name);
            Count { failed: 1, ..Count::default() }
        });
        report.push((suite.name, count, started.elapsed()));
    }
    println!();
    for (name, count, took) in &report {
        println!("{}", line(name, *count, *took));
    }
    let total: Count = report.into_iter().map(|(_, count, _)| count).sum();
    println!("{} passed, {} failed", total.passed, total.failed);
    let is_good = total.failed == 0 && 0 < total.passed;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long the tests may think.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    /// What CI runs: with `lint` it fits into 40 minutes on 2 cores, from nothing.
    Usual,
    /// `--full`: the long forms, an hour or two.
    Full,
}

impl Length {
    /// For everything together. What runs longer hangs, and is killed.
    fn time(self) -> Duration {
        Duration::from_secs(60 * if self == Self::Full { 240 } else { 32 })
    }

    fn fuzz_seconds(self) -> u64 {
        if self == Self::Full { 300 } else { 5 }
    }
}

/// One kind of test runner, and what it runs.
struct Suite {
    name: &'static str,
    /// Installs and builds what is needed, and gives the commands to run one after the other.
    prepare: fn(Length) -> Result<Vec<Command>>,
    count: fn(&str) -> Option<Count>,
    /// For each command, in the usual length. Builds belong to `cargo test`, so it gets more.
    minutes: u64,
}

const SUITES: &[Suite] = &[
    Suite { name: "rust", prepare: rust, count: count::cargo, minutes: 20 },
    Suite { name: "counts", prepare: counts, count: count::cargo, minutes: 6 },
    Suite { name: "web", prepare: web, count: count::vitest, minutes: 5 },
    Suite { name: "examples", prepare: examples, count: count::cargo, minutes: 10 },
    Suite { name: "fuzz", prepare: fuzz_targets, count: count::libfuzzer, minutes: 2 },
    Suite { name: "e2e-node", prepare: e2e_node, count: count::node, minutes: 14 },
    Suite { name: "e2e-python", prepare: e2e_python, count: count::pytest, minutes: 5 },
    Suite { name: "autobahn", prepare: autobahn_cases, count: count::pytest, minutes: 4 },
];

impl Suite {
    fn run(&self, length: Length) -> Result<Count> {
        let factor = if length == Length::Full { 12 } else { 1 };
        let time = Duration::from_secs(60 * self.minutes * factor);
        let mut total = Count::default();
        for mut command in (self.prepare)(length)? {
            if length == Length::Full {
                command.env("SWITCHBOARD_TEST_FULL", "1").env("PROPTEST_CASES", "20000");
            }
            let outcome = process::watch(command.env("NO_COLOR", "1").env("CI", "1"), time)?;
            let is_good = outcome.status.is_some_and(|it| it.success());
            let (count, reason) = judge((self.count)(&outcome.output), is_good);
            if let Some(reason) = reason {
                let end = outcome
                    .status
                    .map_or_else(|| "killed, out of time".into(), |it| it.to_string());
                println!("{}: {reason} ({end}): {}", self.name, process::echo(&command));
            }
            total = total + count;
        }
        Ok(total)
    }
}

/// What a command's summary and its exit code come to, and why if they do not agree.
fn judge(summary: Option<Count>, is_good: bool) -> (Count, Option<&'static str>) {
    let Some(mut count) = summary else {
        return (Count { failed: 1, ..Count::default() }, Some("no summary of tests"));
    };
    let mut reason = None;
    if 0 < count.skipped {
        count.failed += count.skipped;
        reason = Some("skipped tests, which count as failed");
    }
    if count.passed + count.failed == 0 {
        count.failed = 1;
        reason = Some("no tests at all");
    }
    if count.failed == 0 && !is_good {
        count.failed = 1;
        reason = Some("failed outside of its tests");
    }
    (count, reason)
}

fn rust(_length: Length) -> Result<Vec<Command>> {
    install::c_compiler()?;
    install::kill()?;
    let mut tests = workspace::cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    // What differs with io_uring: the ring, and what is written by it.
    let mut ring = workspace::cargo();
    ring.args(["test", "--package", "switchboard", "--features", "io-uring", "--no-fail-fast"]);
    ring.args(["--lib", "--test", "it", "--", "ring::", "broadcast"]);
    Ok(vec![tests, ring])
}

/// Instructions per message, beside the committed ones; and the tests of the comparison itself.
fn counts(_length: Length) -> Result<Vec<Command>> {
    let program = products::counts()?;
    let mut tests = workspace::cargo();
    tests.args(["test", "--release", "--manifest-path", "bench/Cargo.toml"]);
    tests.args(["--package", "bench-counts"]);
    let mut check = Command::new(program);
    check.arg("check").current_dir(workspace::root());
    Ok(vec![tests, check])
}

fn web(_length: Length) -> Result<Vec<Command>> {
    install::npm_packages("web")?;
    Ok(vec![install::npm("web", &["test"])])
}

fn examples(_length: Length) -> Result<Vec<Command>> {
    install::c_compiler()?;
    products::examples()?;
    let mut tests = workspace::cargo();
    tests.args(["test", "--workspace", "--no-fail-fast", "--manifest-path", "examples/Cargo.toml"]);
    Ok(vec![tests])
}

fn fuzz_targets(length: Length) -> Result<Vec<Command>> {
    let targets = fuzz::build()?;
    targets.iter().map(|it| fuzz::command(it, length.fuzz_seconds())).collect()
}

fn e2e_node(_length: Length) -> Result<Vec<Command>> {
    workspace::existing("e2e/package.json")?;
    let chromium = install::chromium()?;
    install::npm_packages("e2e")?;
    let mut tests = install::npm("e2e", &["test"]);
    tests.env("SWITCHBOARD_CHROMIUM", chromium);
    give_servers(&mut tests)?;
    Ok(vec![tests])
}

fn e2e_python(_length: Length) -> Result<Vec<Command>> {
    workspace::existing("e2e/python")?;
    let python = install::python_packages("e2e/requirements.txt")?;
    let mut tests = Command::new(python);
    tests.args(["-m", "pytest", "-p", "no:cacheprovider", "e2e/python", "e2e/autobahn"]);
    tests.current_dir(workspace::root());
    give_servers(&mut tests)?;
    Ok(vec![tests])
}

fn autobahn_cases(length: Length) -> Result<Vec<Command>> {
    autobahn::commands(length == Length::Full)
}

/// The servers under test: the binary as it is shipped, and the examples.
fn give_servers(tests: &mut Command) -> Result {
    tests.env("SWITCHBOARD_BIN", products::server()?);
    tests.env("SWITCHBOARD_EXAMPLES_BIN", products::examples()?);
    Ok(())
}

fn parse<'a>(args: &[&'a str]) -> Result<(Length, Vec<&'a str>)> {
    let (mut length, mut names) = (Length::Usual, Vec::new());
    for arg in args {
        if *arg == "--full" {
            length = Length::Full;
        } else if SUITES.iter().any(|it| it.name == *arg) {
            names.push(*arg);
        } else {
            let known: Vec<_> = SUITES.iter().map(|it| it.name).collect();
            return Err(format!("no suite `{arg}`; there are: {}", known.join(", ")).into());
        }
    }
    Ok((length, names))
}

fn line(name: &str, count: Count, took: Duration) -> String {
    let Count { passed, failed, executions, .. } = count;
    let seconds = took.as_secs();
    let mut line = format!("{name:<12} {passed:>5} passed {failed:>4} failed {seconds:>5} s");
    if 0 < executions {
        line.push_str(&format!("   {executions} executions"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(summary: Option<(u64, u64, u64)>, is_good: bool, expected: (u64, u64)) {
        let summary = summary.map(|(passed, failed, skipped)| Count {
            passed,
            failed,
            skipped,
            ..Count::default()
        });
        let (count, _reason) = judge(summary, is_good);
        assert_eq!((count.passed, count.failed), expected);
    }

    #[test]
    fn passes_and_failures_are_taken_as_they_are() {
        check(Some((5, 0, 0)), true, (5, 0));
        check(Some((5, 2, 0)), false, (5, 2));
    }

    #[test]
    fn a_runner_that_dies_is_a_failure() {
        check(None, false, (0, 1));
        check(None, true, (0, 1));
        check(Some((5, 0, 0)), false, (5, 1));
    }

    #[test]
    fn nothing_is_skipped_in_silence() {
        check(Some((5, 0, 2)), true, (5, 2));
        check(Some((0, 0, 0)), true, (0, 1));
    }
}
