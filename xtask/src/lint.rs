//! `cargo xtask lint`: everything that can be said about the code without running it.

use std::path::Path;
use std::process::Command;

use crate::{Result, install, process, tidy, workspace};

/// Runs every check, also after one has failed, and names those that failed at the end.
///
/// # Errors
///
/// A check failed, or what it needs could not be installed.
pub(crate) fn run() -> Result {
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        println!("== {name}");
        if let Err(error) = check() {
            println!("{error}");
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        println!("lint: clean");
        Ok(())
    } else {
        Err(format!("lint: not clean: {}", failed.join(", ")).into())
    }
}

type Check = fn() -> Result;

/// Those that take a second come first.
const CHECKS: &[(&str, Check)] = &[
    ("formatting", formatting),
    ("tidy", tidy::run),
    ("web", web),
    ("clippy", clippy),
    ("documentation", documentation),
];

fn formatting() -> Result {
    install::rust_component("rustfmt", "fmt")?;
    in_every_workspace(&["fmt", "--all"], &["--check"])
}

fn clippy() -> Result {
    install::rust_component("clippy", "clippy")?;
    // Build scripts run here too: SQLite wants a C compiler, libFuzzer a C++ one.
    install::cpp_compiler()?;
    in_every_workspace(&["clippy", "--workspace", "--all-targets"], &["--", "-D", "warnings"])?;
    let mut ring = workspace::cargo();
    ring.args(["clippy", "--package", "switchboard", "--features", "io-uring"]);
    process::run(ring.args(["--", "-D", "warnings"]))
}

/// The binary first: it has the library's name, and the library's pages are those to keep.
fn documentation() -> Result {
    install::c_compiler()?;
    for what in ["--bins", "--lib"] {
        let mut doc = workspace::cargo();
        doc.args(["doc", "--workspace", "--no-deps", what]).env("RUSTDOCFLAGS", "-D warnings");
        process::run(&mut doc)?;
    }
    Ok(())
}

fn web() -> Result {
    install::npm_packages("web")?;
    process::run(&mut install::npm("web", &["run", "check"]))
}

fn in_every_workspace(before: &[&str], after: &[&str]) -> Result {
    let manifests = workspace::manifests();
    let failures =
        manifests.iter().filter_map(|it| process::run(&mut command(before, it, after)).err());
    // All of them run: one list of what is wrong is better than one item a run.
    match failures.collect::<Vec<_>>().into_iter().next() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn command(before: &[&str], manifest: &Path, after: &[&str]) -> Command {
    let mut command = workspace::cargo();
    command.args(before).arg("--manifest-path").arg(manifest).args(after);
    command
}
