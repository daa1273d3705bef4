//! Where things are: the repository, its target directory, its Cargo workspaces.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Workspaces beside the product's own, each with a lock file of its own.
pub(crate) const SIDE_WORKSPACES: &[&str] = &["bench", "examples", "fuzz"];

/// The top folder of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// The one target directory of all workspaces (`.cargo/config.toml`).
pub(crate) fn target_dir() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The manifests of all workspaces that exist, the product's first.
pub(crate) fn manifests() -> Vec<PathBuf> {
    let side = SIDE_WORKSPACES.iter().map(|it| root().join(it).join("Cargo.toml"));
    std::iter::once(root().join("Cargo.toml")).chain(side.filter(|it| it.is_file())).collect()
}

/// The Cargo that runs us, started at the root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// A file or folder that a step cannot do without.
///
/// # Errors
///
/// It is not there: a suite that is missing is a failure, never a skip.
pub(crate) fn existing(path: &str) -> Result<PathBuf> {
    let full = root().join(path);
    if full.exists() {
        Ok(full)
    } else {
        Err(format!("{path} is missing; this repository is not complete").into())
    }
}
