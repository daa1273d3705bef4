//! What builds and tests need from the machine, installed if it is not there.
//!
//! System packages come from apt (with sudo if we are not root), JavaScript ones from npm's lock
//! files, Python ones from pinned requirements into a virtual environment in the target directory.
//! Everything that is installed is said first. What cannot be installed is an error, never a skip.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stamp::Stamp;
use crate::{Result, process, workspace};

/// A C compiler, for the SQLite and the cryptography that are built into the server.
pub(crate) fn c_compiler() -> Result {
    if program("cc").is_some() { Ok(()) } else { apt(&["gcc", "libc6-dev"]) }
}

/// A C++ compiler, for libFuzzer.
pub(crate) fn cpp_compiler() -> Result {
    c_compiler()?;
    if program("c++").is_some() { Ok(()) } else { apt(&["g++"]) }
}

/// The program `kill`, with which tests send signals to servers. Minimal installations lack it.
pub(crate) fn kill() -> Result {
    if program("kill").is_some() { Ok(()) } else { apt(&["procps"]) }
}

/// Valgrind, which counts instructions, and `setpriv`, which ends it with us.
pub(crate) fn valgrind() -> Result {
    let missing = [("valgrind", "valgrind"), ("setpriv", "util-linux")]
        .into_iter()
        .filter(|(name, _)| program(name).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| package).collect();
    if packages.is_empty() { Ok(()) } else { apt(&packages) }
}

/// Servers of Debian that the benchmark measures beside ours. Without them it leaves out their lines and says so, so this
/// does not fail.
pub(crate) fn bench_peers() {
    let missing: Vec<_> =
        BENCH_PEERS.iter().filter(|(_, file)| !Path::new(file).exists()).collect();
    let packages: Vec<_> = missing.iter().map(|(package, _)| *package).collect();
    if let Some(error) = (!packages.is_empty()).then(|| apt(&packages)).and_then(Result::err) {
        println!("NOT MEASURED: {}: {error}", packages.join(", "));
    }
}

/// A browser without a window. Gives its path.
pub(crate) fn chromium() -> Result<PathBuf> {
    let found = || CHROMIUM_NAMES.iter().find_map(|it| program(it));
    if found().is_none() {
        apt(&["chromium"])?;
    }
    found().ok_or_else(|| "apt installed chromium, yet no program of that name is there".into())
}

/// Node of a version that the web app and its tests can use.
pub(crate) fn node() -> Result {
    let advice =
        format!("install Node {NODE_MIN} or newer (https://nodejs.org), then run this again");
    if program("node").is_none() || program("npm").is_none() {
        return Err(format!("node and npm are not there; {advice}").into());
    }
    let version = process::read(Command::new("node").arg("--version"))?;
    let major = version.trim().trim_start_matches('v').split('.').next();
    match major.and_then(|it| it.parse::<u32>().ok()) {
        Some(major) if NODE_MIN <= major => Ok(()),
        _ => Err(format!("node is {}; {advice}", version.trim()).into()),
    }
}

/// The packages of `folder`'s lock file, in its `node_modules`.
pub(crate) fn npm_packages(folder: &str) -> Result {
    node()?;
    let manifest = workspace::existing(&format!("{folder}/package.json"))?;
    let lock = workspace::existing(&format!("{folder}/package-lock.json"))?;
    let stamp = Stamp::of(&format!("npm-{folder}"), &[manifest, lock], &[])?;
    let installed = workspace::root().join(folder).join("node_modules/.package-lock.json");
    if stamp.is_fresh() && installed.is_file() {
        return Ok(());
    }
    println!("installing the packages of {folder}/package-lock.json");
    process::run(&mut npm(folder, &["ci", "--no-audit", "--no-fund"]))?;
    stamp.keep()
}

/// An npm command in `folder`.
pub(crate) fn npm(folder: &str, args: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(args).current_dir(workspace::root().join(folder));
    command
}

/// A virtual environment with the packages of `requirements`. Gives its Python.
pub(crate) fn python_packages(requirements: &str) -> Result<PathBuf> {
    let list = workspace::existing(requirements)?;
    let folder = workspace::target_dir().join("venv");
    let python = folder.join("bin/python");
    let stamp = Stamp::of("venv", std::slice::from_ref(&list), &[])?;
    if stamp.is_fresh() && python.is_file() {
        return Ok(python);
    }
    if program("python3").is_none() || !has_venv() {
        apt(&["python3", "python3-venv"])?;
    }
    println!("installing the packages of {requirements} into {}", folder.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&list);
    process::run(&mut pip)?;
    stamp.keep()?;
    Ok(python)
}

/// A part of the Rust toolchain that a minimal installation leaves out.
pub(crate) fn rust_component(name: &str, subcommand: &str) -> Result {
    let mut probe = workspace::cargo();
    if probe.args([subcommand, "--version"]).output().is_ok_and(|it| it.status.success()) {
        return Ok(());
    }
    println!("installing the Rust component {name}");
    process::run(Command::new("rustup").args(["component", "add", name]))
}

fn has_venv() -> bool {
    let mut probe = Command::new("python3");
    probe.args(["-c", "import ensurepip, venv"]);
    probe.output().is_ok_and(|it| it.status.success())
}

fn apt(packages: &[&str]) -> Result {
    println!("installing with apt: {}", packages.join(" "));
    if program("apt-get").is_none() {
        let names = packages.join(", ");
        return Err(
            format!("no apt-get here; install {names} yourself, then run this again").into()
        );
    }
    process::run(as_root().args(["apt-get", "update", "-qq"]))?;
    let mut install = as_root();
    install.args(["apt-get", "install", "-y", "-qq", "--no-install-recommends"]);
    process::run(install.args(packages))
}

/// `env` or `sudo env`: either passes the variable on.
fn as_root() -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    command.arg("DEBIAN_FRONTEND=noninteractive");
    command
}

fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|it| it.join(name));
    places.find(|it| {
        fs::metadata(it).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    })
}

/// Packages of Debian, and a file that each brings.
const BENCH_PEERS: &[(&str, &str)] = &[
    ("nats-server", "/usr/sbin/nats-server"),
    ("nginx", "/usr/sbin/nginx"),
    ("libnginx-mod-nchan", "/usr/lib/nginx/modules/ngx_nchan_module.so"),
];

const NODE_MIN: u32 = 20;

/// Debian's name first; the others where apt has no package of that name.
const CHROMIUM_NAMES: &[&str] =
    &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
