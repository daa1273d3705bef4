//! `cargo xtask`: everything a developer or CI runs that plain Cargo has no command for.
//!
//! Read [`mod@test`] first: its table names every suite. [`install`] is the only file that changes the
//! machine, and [`process`] the only one that starts programs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod autobahn;
mod bench;
mod count;
mod fuzz;
mod install;
mod lint;
mod process;
mod products;
mod run;
mod stamp;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

/// Every failure of this tool is a sentence for the person at the terminal.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
usage: cargo xtask <verb>

  run [ARGS]                     build the web app and the server, then serve (ARGS go to `serve`)
  test [--full] [SUITE...]       install what the tests need and run every suite, or those named
  lint                           formatting, Clippy, documentation, tidy, types of the web app
  tidy                           only the rules of this repository
  fuzz [TARGET] [--seconds N]    fuzz every target, or one (default 60 seconds each)
  bench [ROW]                    measure beside our rivals, see docs/benchmarks.md
  autobahn                       run every Autobahn case in full and write docs/autobahn.md
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<ExitCode> {
    process::end_children_on_signals()?;
    match args.split_first() {
        Some((&"run", rest)) => run::run(rest)?,
        Some((&"test", rest)) => return test::run(rest),
        Some((&"lint", [])) => lint::run()?,
        Some((&"tidy", [])) => tidy::run()?,
        Some((&"fuzz", rest)) => fuzz::run(rest)?,
        Some((&"bench", rest)) => bench::run(rest)?,
        Some((&"autobahn", [])) => autobahn::record()?,
        Some((&("help" | "--help" | "-h"), _)) => print!("{USAGE}"),
        _ => {
            eprint!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
