//! A fuzz target is a file and a `[[bin]]` entry. One without the other is never run.

use crate::Result;
use crate::tidy::files::File;

/// Compares the files in `fuzz/fuzz_targets` with `fuzz/Cargo.toml`.
///
/// # Errors
///
/// The manifest cannot be read.
pub(crate) fn check(files: &[File], problems: &mut Vec<String>) -> Result {
    let Some(manifest) = files.iter().find(|it| it.name == "fuzz/Cargo.toml") else {
        return Ok(());
    };
    let manifest = manifest.text()?;
    for path in files.iter().filter_map(|it| it.name.strip_prefix("fuzz/")) {
        let is_target = path.starts_with("fuzz_targets/") && path.ends_with(".rs");
        if is_target && !manifest.contains(&format!("\"{path}\"")) {
            problems.push(format!("fuzz/{path}: no [[bin]] in fuzz/Cargo.toml has this path"));
        }
    }
    Ok(())
}
