//! `cargo xtask bench`: the measurements of `docs/benchmarks.md`, made by the crate in `bench/`.

use crate::{Result, install, process, products, workspace};

/// Runs every row of the table, or the one that `args` name.
///
/// # Errors
///
/// Something could not be installed or built, or a measurement failed.
pub(crate) fn run(args: &[&str]) -> Result {
    let manifest = workspace::existing("bench/Cargo.toml")?;
    install::node()?;
    products::server()?;
    let mut bench = workspace::cargo();
    bench.args(["run", "--release", "--manifest-path"]).arg(manifest).arg("--").args(args);
    process::run(&mut bench)
}
