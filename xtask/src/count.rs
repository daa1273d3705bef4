//! How many tests passed: the summaries that test runners print, read back.
//!
//! Each reader gives `None` where the output holds no summary, which means that the runner did not
//! get so far. A skipped test is counted apart: here nothing is skipped, so it is a failure later.

use std::iter::Sum;
use std::ops::Add;
use std::time::Duration;

/// For commands that a person watches and ends.
pub(crate) const NO_LIMIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What one command, one suite, or all of them came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// Inputs that a fuzzer has tried.
    pub(crate) executions: u64,
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            executions: self.executions + other.executions,
        }
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// `cargo test`: one line for each binary and each crate's documentation tests.
pub(crate) fn cargo(output: &str) -> Option<Count> {
    let output = without_colours(output);
    let lines = output.lines().filter_map(|it| it.trim_start().strip_prefix("test result: "));
    lines.map(numbers_before_words).reduce(Add::add)
}

/// `node --test`: the closing lines of the reporters `tap` (`# pass 3`) and `spec` (`ℹ pass 3`).
pub(crate) fn node(output: &str) -> Option<Count> {
    let output = without_colours(output);
    let mut count = Count::default();
    let mut is_summary = false;
    for line in output.lines() {
        let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else {
            continue;
        };
        let Some((word, number)) = rest.split_once(' ') else { continue };
        let Ok(number) = number.parse() else { continue };
        is_summary |= word == "pass";
        add_word(&mut count, word, number);
    }
    is_summary.then_some(count)
}

/// vitest: `      Tests  1 failed | 12 passed (13)`.
pub(crate) fn vitest(output: &str) -> Option<Count> {
    let output = without_colours(output);
    let lines = output.lines().filter_map(|it| it.trim_start().strip_prefix("Tests  "));
    lines.map(numbers_before_words).reduce(Add::add)
}

/// pytest: `=== 1 failed, 12 passed, 1 skipped in 0.50s ===`, or the same without the rulers.
pub(crate) fn pytest(output: &str) -> Option<Count> {
    let output = without_colours(output);
    let lines = output.lines().map(|it| it.trim_matches(|it| it == '=' || it == ' '));
    let summary = lines.rev().find_map(|it| {
        let (numbers, seconds) = it.rsplit_once(" in ")?;
        seconds.starts_with(|it: char| it.is_ascii_digit()).then_some(numbers)
    })?;
    let count = numbers_before_words(summary);
    (count != Count::default()).then_some(count)
}

/// libFuzzer with `-print_final_stats=1`: a run that came to its end is one test.
pub(crate) fn libfuzzer(output: &str) -> Option<Count> {
    let lines = output.lines().filter_map(|it| it.strip_prefix("stat::number_of_executed_units:"));
    let executions = lines.filter_map(|it| it.trim().parse().ok()).next_back()?;
    let found = output.contains("SUMMARY: ");
    Some(Count {
        passed: u64::from(!found),
        failed: u64::from(found),
        executions,
        ..Count::default()
    })
}

fn numbers_before_words(text: &str) -> Count {
    let mut count = Count::default();
    let mut number = None;
    for word in text.split_whitespace() {
        if let Some(number) = number.take() {
            add_word(&mut count, word.trim_matches(|it: char| !it.is_alphabetic()), number);
        }
        number = word.parse().ok();
    }
    count
}

fn add_word(count: &mut Count, word: &str, number: u64) {
    match word {
        "passed" | "pass" | "xfailed" => count.passed += number,
        "failed" | "fail" | "cancelled" | "error" | "errors" | "xpassed" => count.failed += number,
        "skipped" | "ignored" | "todo" | "deselected" => count.skipped += number,
        _ => (),
    }
}

/// Removes what terminals read as colours: ESC, `[`, parameters, one letter.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|it: char| !it.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Option<(u64, u64, u64)> = None;

    #[track_caller]
    fn check(count: fn(&str) -> Option<Count>, output: &str, expected: Option<(u64, u64, u64)>) {
        let actual = count(output).map(|it| (it.passed, it.failed, it.skipped));
        assert_eq!(actual, expected, "in:\n{output}");
    }

    #[test]
    fn cargo_adds_up_binaries_and_documentation_tests() {
        check(
            cargo,
            "
running 3 tests
test a ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
   Doc-tests switchboard
test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.31s
",
            Some((4, 2, 1)),
        );
    }

    #[test]
    fn a_build_that_fails_has_no_summary() {
        check(cargo, "error: could not compile `switchboard` (lib)", NONE);
        check(node, "npm error Missing script: \"test\"", NONE);
        check(vitest, "Error: Failed to load config", NONE);
        check(pytest, "ModuleNotFoundError: No module named 'pytest'", NONE);
        check(libfuzzer, "ERROR: no such file", NONE);
    }

    #[test]
    fn node_is_read_in_both_formats() {
        let tap = "ok 1 - a\n# tests 5\n# suites 2\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 0";
        check(node, tap, Some((3, 2, 2)));
        let spec = "✔ a (1ms)\n\x1b[34mℹ tests 3\x1b[39m\n\x1b[34mℹ pass 3\x1b[39m\n\x1b[34mℹ fail 0\x1b[39m";
        check(node, spec, Some((3, 0, 0)));
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        let output = " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 12 passed | 1 skipped (14)\n";
        check(vitest, output, Some((12, 1, 1)));
        check(
            vitest,
            "\x1b[2m      Tests \x1b[22m \x1b[1m\x1b[32m7 passed\x1b[39m\x1b[22m (7)",
            Some((7, 0, 0)),
        );
    }

    #[test]
    fn pytest_is_read_with_and_without_rulers() {
        check(pytest, "== 3 failed, 12 passed, 1 skipped, 2 errors in 0.50s ==", Some((12, 5, 1)));
        check(pytest, "....\n4 passed in 0.01s\n", Some((4, 0, 0)));
        check(pytest, "1 passed, 1 warning in 61.00s (0:01:01)", Some((1, 0, 0)));
        check(pytest, "no tests ran in 0.00s", NONE);
    }

    #[test]
    fn a_fuzz_run_is_one_test_and_many_executions() {
        let done =
            "Done 52 runs in 5 second(s)\nstat::number_of_executed_units: 52\nstat::average: 1";
        let expected = Count { passed: 1, executions: 52, ..Count::default() };
        assert_eq!(libfuzzer(done), Some(expected));
        let found = "SUMMARY: libFuzzer: deadly signal\nstat::number_of_executed_units: 7\n";
        check(libfuzzer, found, Some((0, 1, 0)));
    }
}
