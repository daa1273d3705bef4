//! The committed counts, and what is said about new ones beside them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::environment::Environment;

/// Above the baseline by more than this is a failure, below it by as much a reason to renew it.
const TOLERANCE: f64 = 0.10;

/// The same where the baseline was made elsewhere. Between two compilers inlining differs by some percent in each row,
/// never by a quarter of one; a patch release must not stop anybody, and a lost optimisation of ours still does.
const TOLERANCE_ELSEWHERE: f64 = 0.25;

/// `bench/counts/baseline.toml`.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) environment: Environment,
    counts: Vec<(String, f64)>,
}

/// What a new count means.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Same,
    /// Between the two tolerances, where the baseline was made elsewhere.
    Doubtful,
    /// So much less that the baseline should be renewed.
    Better,
    Worse,
    /// The baseline does not know the row.
    New,
}

impl Baseline {
    pub(crate) fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.toml")
    }

    /// The committed one.
    pub(crate) fn committed() -> Result<Self> {
        let path = Self::path();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
        Self::parse(&text).with_context(|| format!("{path:?} cannot be understood"))
    }

    pub(crate) fn new(environment: Environment, counts: Vec<(String, f64)>) -> Self {
        Self { environment, counts }
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (mut rustc, mut machine, mut counts) = (None, None, Vec::new());
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|it| !it.is_empty() && !it.starts_with(['#', '['])) {
            let (key, value) = line.split_once(" = ").with_context(|| format!("{line:?}"))?;
            match key {
                "rustc" => rustc = Some(value.trim_matches('"').to_owned()),
                "machine" => machine = Some(value.trim_matches('"').to_owned()),
                _ => {
                    let count: f64 = value.parse().with_context(|| format!("{line:?}"))?;
                    ensure!(0.0 < count, "a count of nothing in {line:?}");
                    counts.push((key.trim_matches('"').to_owned(), count));
                }
            }
        }
        let environment = Environment {
            rustc: rustc.context("no rustc")?,
            machine: machine.context("no machine")?,
        };
        Ok(Self { environment, counts })
    }

    /// As the file has it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "# Instructions of each row of `cargo xtask bench counts`, as accepted with `--accept`.\n\
             # docs/internals/instruction-counts.md tells how to read them. Do not edit by hand.\n\n",
        );
        let Environment { rustc, machine } = &self.environment;
        let _ = writeln!(text, "rustc = \"{rustc}\"\nmachine = \"{machine}\"\n\n[instructions]");
        for (name, count) in &self.counts {
            let _ = writeln!(text, "\"{name}\" = {count:.1}");
        }
        text
    }

    pub(crate) fn count(&self, row: &str) -> Option<f64> {
        self.counts.iter().find(|(name, _)| name == row).map(|(_, count)| *count)
    }

    /// Rows that nobody counts any more.
    pub(crate) fn unknown<'a>(&'a self, rows: &[&str]) -> Vec<&'a str> {
        let names = self.counts.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !rows.contains(name)).collect()
    }

    /// What `count`, made in `environment`, means for `row`.
    pub(crate) fn judge(&self, row: &str, count: f64, environment: &Environment) -> Verdict {
        let Some(old) = self.count(row) else { return Verdict::New };
        let change = count / old - 1.0;
        let is_same_place = *environment == self.environment;
        let limit = if is_same_place { TOLERANCE } else { TOLERANCE_ELSEWHERE };
        match change {
            _ if limit < change => Verdict::Worse,
            _ if TOLERANCE < change => Verdict::Doubtful,
            _ if change < -TOLERANCE => Verdict::Better,
            _ => Verdict::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(rustc: &str) -> Environment {
        Environment { rustc: rustc.to_owned(), machine: "x86_64".to_owned() }
    }

    fn baseline() -> Baseline {
        Baseline::new(environment("rustc 1.96.0"), vec![("a row, 16 at once".to_owned(), 1000.0)])
    }

    #[track_caller]
    fn check(rustc: &str, count: f64, expected: &Verdict) {
        let verdict = baseline().judge("a row, 16 at once", count, &environment(rustc));
        assert_eq!(verdict, *expected);
    }

    #[test]
    fn more_than_a_tenth_above_the_baseline_is_a_failure() {
        check("rustc 1.96.0", 1101.0, &Verdict::Worse);
        check("rustc 1.96.0", 1099.0, &Verdict::Same);
        check("rustc 1.96.0", 901.0, &Verdict::Same);
    }

    #[test]
    fn more_than_a_tenth_below_it_asks_for_a_new_one() {
        check("rustc 1.96.0", 899.0, &Verdict::Better);
        check("rustc 1.97.0", 899.0, &Verdict::Better);
    }

    #[test]
    fn with_another_compiler_it_takes_a_quarter_to_fail() {
        check("rustc 1.97.0", 1101.0, &Verdict::Doubtful);
        check("rustc 1.97.0", 1249.0, &Verdict::Doubtful);
        check("rustc 1.97.0", 1251.0, &Verdict::Worse);
    }

    #[test]
    fn a_row_that_the_baseline_does_not_know_is_new_and_one_that_nobody_counts_is_told() {
        let verdict = baseline().judge("another", 1.0, &environment("rustc 1.96.0"));
        assert_eq!(verdict, Verdict::New);
        assert_eq!(baseline().unknown(&["another"]), ["a row, 16 at once"]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let back = Baseline::parse(&baseline().text()).unwrap();
        assert_eq!(back.environment, environment("rustc 1.96.0"));
        assert_eq!(back.count("a row, 16 at once"), Some(1000.0));
    }
}
