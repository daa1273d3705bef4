//! Rust files: a first line that says what the file is for, a bearable length, nothing left behind.

use crate::Result;
use crate::tidy::files::File;

/// Checks every Rust file.
///
/// # Errors
///
/// A file cannot be read.
pub(crate) fn check(files: &[File], problems: &mut Vec<String>) -> Result {
    for file in files.iter().filter(|it| it.has_extension(&["rs"])) {
        let text = file.text()?;
        check_module_doc(&file.name, &text, problems);
        check_length(&file.name, &text, problems);
        check_leftovers(&file.name, &text, problems);
    }
    Ok(())
}

fn check_module_doc(name: &str, text: &str, problems: &mut Vec<String>) {
    if !text.starts_with("//! ") {
        problems.push(format!("{name}: begin the file with `//! ` and say what it is for"));
    }
}

fn check_length(name: &str, text: &str, problems: &mut Vec<String>) {
    let lines_max = if is_test(name) { TEST_LINES_MAX } else { LINES_MAX };
    let lines = text.lines().take_while(|it| *it != "#[cfg(test)]").count();
    let excused = LONG_FILES.iter().any(|(file, _why)| *file == name);
    match (lines <= lines_max, excused) {
        (false, false) => problems.push(format!("{name}: {lines} lines, over {lines_max}")),
        (true, true) => problems.push(format!("{name}: short again, take it off LONG_FILES")),
        _ => (),
    }
}

fn check_leftovers(name: &str, text: &str, problems: &mut Vec<String>) {
    for (number, line) in (1..).zip(text.lines()) {
        for (leftover, advice) in LEFTOVERS {
            if line.contains(leftover) {
                problems.push(format!("{name}:{number}: `{leftover}`: {advice}"));
            }
        }
    }
}

/// Whether a Rust file holds tests only.
pub(crate) fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

/// Longest file, its `mod tests` not counted, that needs no reason.
const LINES_MAX: usize = 600;
const TEST_LINES_MAX: usize = 1_000;

/// Longer files, and why they stay whole.
const LONG_FILES: &[(&str, &str)] = &[];

/// Written in two parts, so that this file does not find itself.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("todo", "!("), "write it now, or leave it out"),
    (concat!("unimplemented", "!("), "write it now, or leave it out"),
    (concat!("#[", "ignore"), "a test that does not run proves nothing; `--full` is for long ones"),
    (concat!("#[", "should_panic"), "check for an error instead"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn problems(name: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check_module_doc(name, text, &mut problems);
        check_length(name, text, &mut problems);
        check_leftovers(name, text, &mut problems);
        problems
    }

    #[test]
    fn a_good_file_has_no_problems() {
        assert!(problems("src/a.rs", "//! Frames.\nfn a() {}\n").is_empty());
    }

    #[test]
    fn a_file_without_module_docs_is_found() {
        assert_eq!(problems("src/a.rs", "fn a() {}\n").len(), 1);
    }

    #[test]
    fn length_counts_up_to_the_tests() {
        let body = "fn a() {}\n".repeat(LINES_MAX);
        assert_eq!(problems("src/a.rs", &format!("//! A.\n{body}")).len(), 1);
        assert!(problems("crates/x/tests/it/a.rs", &format!("//! A.\n{body}")).is_empty());
        assert!(problems("src/a.rs", &format!("//! A.\n#[cfg(test)]\n{body}")).is_empty());
    }

    #[test]
    fn leftovers_are_found_with_their_line() {
        let text = concat!("//! A.\nfn a() { todo", "!() }\n");
        assert!(problems("src/a.rs", text).concat().starts_with("src/a.rs:2:"));
    }
}
