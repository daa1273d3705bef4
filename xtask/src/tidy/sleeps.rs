//! Tests wait for a condition with a deadline. They never sleep and hope that it was enough.

use crate::Result;
use crate::tidy::files::File;
use crate::tidy::texts;

/// Checks the tests in every language that we write.
///
/// # Errors
///
/// A file cannot be read.
pub(crate) fn check(files: &[File], problems: &mut Vec<String>) -> Result {
    let mut excused: Vec<&str> = EXCUSED.iter().map(|(name, _why)| *name).collect();
    for file in files.iter().filter(|it| it.has_extension(&["rs", "js", "mjs", "ts", "tsx", "py"]))
    {
        let text = file.text()?;
        let found = in_tests(&file.name, &text);
        if excused.contains(&file.name.as_str()) {
            excused.retain(|it| found.is_empty() || *it != file.name);
            continue;
        }
        let advice = "wait for a condition, or give a reason in xtask/src/tidy/sleeps.rs";
        problems.extend(found.into_iter().map(|it| format!("{}:{it}: {advice}", file.name)));
    }
    let stale = excused.iter().map(|it| format!("{it}: sleeps no more, take it off EXCUSED"));
    problems.extend(stale);
    Ok(())
}

/// Line and words of every sleep in the tests of a file.
fn in_tests(name: &str, text: &str) -> Vec<String> {
    let all_tests = texts::is_test(name) || name.starts_with("e2e/") || name.contains(".test.");
    let mut is_test = all_tests;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        is_test |= line == "#[cfg(test)]";
        let sleep = SLEEPS.iter().find(|it| is_test && line.contains(**it));
        found.extend(sleep.map(|it| format!("{number}: `{it}`")));
    }
    found
}

/// Tests that sleep, and why.
const EXCUSED: &[(&str, &str)] = &[(
    "e2e/python/test_sync_client.py",
    "looks again and again at a thread of the client's, which announces nothing",
)];

/// Written in two parts, so that this file does not find itself.
const SLEEPS: &[&str] = &[
    concat!("thread::", "sleep("),
    concat!("time::", "sleep("),
    concat!("time.", "sleep("),
    concat!("asyncio.", "sleep("),
    concat!("setTimeout", "(r"),
    concat!("waitFor", "Timeout("),
    concat!("timers/", "promises"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_are_found_in_tests_only() {
        let sleep = concat!("std::thread::", "sleep(SECOND);");
        assert_eq!(in_tests("crates/a/src/a.rs", sleep).len(), 0);
        assert_eq!(in_tests("crates/a/src/a.rs", &format!("#[cfg(test)]\n{sleep}")).len(), 1);
        assert_eq!(in_tests("crates/a/tests/it/a.rs", sleep).len(), 1);
        let sleep = concat!("await new Promise(r => setTimeout", "(r, 100))");
        assert_eq!(in_tests("e2e/chat.test.mjs", sleep).len(), 1);
        assert_eq!(in_tests("web/src/typing.ts", sleep).len(), 0);
    }
}
