//! What counts as a file of ours, and that none of them is big.
//!
//! The folder is walked instead of asking git, so that it works in an unpacked archive too.

use std::fs;
use std::path::Path;

use crate::{Result, workspace};

/// One file of the repository.
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

impl File {
    /// What is in it.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not UTF-8.
    pub(crate) fn text(&self) -> Result<String> {
        let text = fs::read_to_string(workspace::root().join(&self.name));
        text.map_err(|error| format!("{}: {error}", self.name).into())
    }

    /// Whether its name ends so, after a dot.
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.name).extension().and_then(|it| it.to_str());
        extension.is_some_and(|it| extensions.contains(&it))
    }
}

/// Every file but those that builds and tests leave.
pub(crate) fn of_the_repository() -> Result<Vec<File>> {
    let mut files = Vec::new();
    walk("", &mut files)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Big files stay in a clone for ever.
pub(crate) fn check(files: &[File], problems: &mut Vec<String>) {
    for File { name, bytes } in files.iter().filter(|it| BYTES_MAX < it.bytes) {
        problems.push(format!("{name}: {bytes} bytes, over {BYTES_MAX}"));
    }
}

fn walk(folder: &str, files: &mut Vec<File>) -> Result {
    for entry in fs::read_dir(workspace::root().join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let is_left = LEFT_ANYWHERE.contains(&name.as_str()) || LEFT.contains(&path.as_str());
        let kind = entry.file_type()?;
        if kind.is_dir() && !is_left {
            walk(&path, files)?;
        } else if kind.is_file() && !is_left {
            files.push(File { name: path, bytes: entry.metadata()?.len() });
        }
    }
    Ok(())
}

const BYTES_MAX: u64 = 1_000_000;

/// What `.gitignore` names, and git's own.
const LEFT_ANYWHERE: &[&str] = &[".git", ".venv", "__pycache__", "node_modules", "target"];
const LEFT: &[&str] = &["data", "e2e/out", "web/dist"];
