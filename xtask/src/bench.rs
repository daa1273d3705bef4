//! `cargo xtask bench`: the measurements of `docs/benchmarks.md`, made by the crate in `bench/`.

use std::process::Command;

use crate::{Result, install, process, products, workspace};

/// Runs every row of the table, or the one that `args` name. `counts` is a program of its own, because the test
/// command needs it too, and none of the peers.
///
/// # Errors
///
/// Something could not be installed or built, or a measurement failed.
pub(crate) fn run(args: &[&str]) -> Result {
    if let Some((&"counts", rest)) = args.split_first() {
        return process::run(Command::new(products::counts()?).args(rest));
    }
    let manifest = workspace::existing("bench/Cargo.toml")?;
    install::node()?;
    let is_told = args.iter().any(|it| matches!(*it, "-h" | "--help"));
    let are_wanted =
        args.contains(&"broadcast-others") || args.iter().all(|it| it.starts_with('-'));
    if are_wanted && !is_told {
        install::bench_peers();
    }
    products::server()?;
    let mut bench = workspace::cargo();
    bench.args(["run", "--release", "--manifest-path"]).arg(manifest).arg("--").args(args);
    process::run(&mut bench)
}
