//! `cargo xtask fuzz`: libFuzzer on the stable toolchain, with AddressSanitizer where it has it.
//!
//! The targets are the `[[bin]]` entries of `fuzz/Cargo.toml`. A run starts from the committed
//! corpus in `fuzz/corpus/<target>`; what it finds on top stays in the target directory, so that a
//! test run leaves the repository as it was.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Result, count, install, process, workspace};

/// Fuzzes every target, or the one that `args` name, until the first failure.
///
/// # Errors
///
/// A target does not build, or an input makes it fail.
pub(crate) fn run(args: &[&str]) -> Result {
    let (only, seconds) = parse(args)?;
    let targets = build()?;
    if let Some(name) = only.filter(|name| !targets.iter().any(|it| it == name)) {
        return Err(format!("no fuzz target {name}; there are: {}", targets.join(", ")).into());
    }
    for target in targets.iter().filter(|it| only.is_none_or(|only| only == *it)) {
        let outcome = process::watch(&mut command(target, seconds)?, count::NO_LIMIT)?;
        let runs = count::libfuzzer(&outcome.output).map_or(0, |it| it.executions);
        println!("{target}: {runs} executions");
        if !outcome.status.is_some_and(|it| it.success()) {
            return Err(
                format!("{target} failed; its input is in {}", findings(target).display()).into()
            );
        }
    }
    Ok(())
}

/// Builds all targets. Gives their names.
///
/// # Errors
///
/// There are none, or they do not build.
pub(crate) fn build() -> Result<Vec<String>> {
    let manifest = workspace::existing("fuzz/Cargo.toml")?;
    install::cpp_compiler()?;
    let targets = targets(&manifest)?;
    if targets.is_empty() {
        return Err("fuzz/Cargo.toml names no target".into());
    }
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--bins", "--target", PLATFORM, "--manifest-path"]);
    let mut flags = FLAGS.join(" ");
    if has_address_sanitizer()? {
        flags.push_str(" -Zsanitizer=address");
    } else {
        println!("fuzz: this Rust (Debian's?) comes without AddressSanitizer; running without it");
    }
    build.arg(manifest).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags);
    // A directory of its own: build scripts look at RUSTC_BOOTSTRAP and would run anew each time.
    process::run(build.env("CARGO_TARGET_DIR", target_dir()))?;
    Ok(targets)
}

/// One run of a target that was built.
///
/// # Errors
///
/// The folders for what it finds cannot be made.
pub(crate) fn command(target: &str, seconds: u64) -> Result<Command> {
    let committed = workspace::root().join("fuzz/corpus").join(target);
    let grown = target_dir().join("corpus").join(target);
    fs::create_dir_all(&grown)?;
    fs::create_dir_all(findings(target))?;
    let mut command = Command::new(target_dir().join(PLATFORM).join("release").join(target));
    command.current_dir(workspace::root());
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", findings(target).display()));
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
    // The first folder is where libFuzzer writes.
    command.arg(grown);
    if committed.is_dir() {
        command.arg(committed);
    }
    Ok(command)
}

fn parse<'a>(args: &[&'a str]) -> Result<(Option<&'a str>, u64)> {
    let (mut target, mut seconds) = (None, 60);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--seconds" => {
                let number = args.next().and_then(|it| it.parse().ok());
                seconds = number.ok_or("--seconds needs a whole number")?;
            }
            name if !name.starts_with('-') && target.is_none() => target = Some(name),
            other => return Err(format!("fuzz does not know `{other}`").into()),
        }
    }
    Ok((target, seconds))
}

fn targets(manifest: &PathBuf) -> Result<Vec<String>> {
    let mut command = workspace::cargo();
    command.args(["metadata", "--no-deps", "--format-version=1", "--manifest-path"]).arg(manifest);
    let metadata: Value = serde_json::from_str(&process::read(&mut command)?)?;
    let packages = metadata.pointer("/packages").and_then(Value::as_array);
    let targets = packages.into_iter().flatten().filter_map(|it| it.get("targets")?.as_array());
    let bins = targets.flatten().filter(|it| it.pointer("/kind/0") == Some(&"bin".into()));
    Ok(bins.filter_map(|it| it.get("name")?.as_str().map(str::to_owned)).collect())
}

/// Whether the toolchain brings the runtime of AddressSanitizer: rustup's does, Debian's does not.
fn has_address_sanitizer() -> Result<bool> {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", PLATFORM]);
    let mut files = fs::read_dir(process::read(&mut command)?.trim())?;
    Ok(files.any(|it| it.is_ok_and(|it| it.file_name().to_string_lossy().ends_with("_rt.asan.a"))))
}

fn target_dir() -> PathBuf {
    workspace::target_dir().join("fuzz")
}

fn findings(target: &str) -> PathBuf {
    target_dir().join("findings").join(target)
}

const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What cargo-fuzz passes, less what needs cargo-fuzz.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
