//! The Autobahn cases, run by `e2e/autobahn` against both ends of `examples/autobahn`.
//!
//! The `autobahn` suite of `cargo xtask test` runs all of them, with fewer messages in the cases
//! that only repeat; with `--full`, and in `cargo xtask autobahn`, nothing is left out.

use std::process::Command;
use std::time::Duration;

use crate::{Result, install, process, products, workspace};

/// Runs every case in full and writes the results into `docs/autobahn.md`.
///
/// # Errors
///
/// Something could not be installed or built, or a case failed; then the document stays as it was.
pub(crate) fn record() -> Result {
    let document = workspace::existing(DOCUMENT)?;
    let mut table = python()?;
    table.arg("e2e/autobahn/table.py").arg(document);
    for (run, mut command) in RUNS.iter().zip(commands(true)?) {
        let result =
            workspace::target_dir().join("autobahn").join(format!("{}.json", run.join("")));
        command.arg("--record").arg(&result);
        let outcome = process::watch(&mut command, FULL)?;
        if !outcome.status.is_some_and(|it| it.success()) {
            return Err(format!("not every case passed; {DOCUMENT} is as it was").into());
        }
        table.arg(result);
    }
    process::run(&mut table)
}

/// One command for each run; its last line is a summary as pytest writes it.
///
/// # Errors
///
/// Something could not be installed or built.
pub(crate) fn commands(is_full: bool) -> Result<Vec<Command>> {
    install::c_compiler()?;
    let program = products::examples()?.join("autobahn");
    let mut commands = Vec::new();
    for [role, mode] in RUNS {
        let mut command = python()?;
        command.args(["e2e/autobahn/run.py", role]).arg(&program);
        command.args(["--parallel", "4"]).args(Some(mode).filter(|it| !it.is_empty()));
        if is_full {
            command.args(["--seconds", &FULL.as_secs().to_string()]);
        } else {
            command.args(["--messages", USUAL_MESSAGES, "--seconds", USUAL_SECONDS]);
        }
        command.arg("--outdir").arg(workspace::target_dir().join("autobahn"));
        commands.push(command);
    }
    Ok(commands)
}

fn python() -> Result<Command> {
    workspace::existing("e2e/autobahn/run.py")?;
    let mut command = Command::new(install::python_packages("e2e/requirements.txt")?);
    command.current_dir(workspace::root());
    Ok(command)
}

const DOCUMENT: &str = "docs/autobahn.md";

/// Which end is tested, and how it compresses: by default each message for itself, or with one
/// window for all of them.
const RUNS: [[&str; 2]; 4] =
    [["server", ""], ["client", ""], ["server", "--takeover"], ["client", "--takeover"]];

/// The cases of groups 12 and 13 echo 1,000 messages each; this many show the same rules.
const USUAL_MESSAGES: &str = "100";

/// For one run, which takes half a minute. Less than its suite allows, so that it still says which
/// cases have no result.
const USUAL_SECONDS: &str = "200";

/// For one run in full, which takes five minutes.
const FULL: Duration = Duration::from_secs(30 * 60);
