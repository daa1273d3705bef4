//! Stamps: what a slow step was made from, so that it need not run again.
//!
//! A stamp is a file in the target directory that holds one hash of all inputs. It can be deleted
//! at any time.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use crate::{Result, workspace};

/// The state of a step: its name, and the hash of its inputs as they are now.
pub(crate) struct Stamp {
    path: PathBuf,
    hash: String,
}

impl Stamp {
    /// Hashes names and contents of `inputs`, folders with all that is in them except `left_out`.
    ///
    /// # Errors
    ///
    /// An input cannot be read.
    pub(crate) fn of(name: &str, inputs: &[PathBuf], left_out: &[&str]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            add(input, left_out, &mut hasher)?;
        }
        let path = workspace::target_dir().join("stamps").join(name);
        Ok(Self { path, hash: format!("{:016x}\n", hasher.finish()) })
    }

    /// Whether the step was last done from the same inputs.
    pub(crate) fn is_fresh(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|it| it == self.hash)
    }

    /// Remembers that the step was done.
    ///
    /// # Errors
    ///
    /// The target directory cannot be written.
    pub(crate) fn keep(&self) -> Result {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(&self.path, &self.hash)?)
    }
}

fn add(path: &Path, left_out: &[&str], hasher: &mut DefaultHasher) -> Result {
    hasher.write(name_of(path));
    hasher.write_u8(0);
    if path.is_dir() {
        let entries: std::io::Result<Vec<_>> = fs::read_dir(path)?.collect();
        let mut paths: Vec<_> = entries?.into_iter().map(|it| it.path()).collect();
        paths.retain(|it| !left_out.iter().any(|left| left.as_bytes() == name_of(it)));
        paths.sort();
        hasher.write_usize(paths.len());
        return paths.iter().try_for_each(|it| add(it, left_out, hasher));
    }
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    hasher.write_usize(bytes.len());
    hasher.write(&bytes);
    Ok(())
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_makes_another_hash_and_one_left_out_does_not() {
        let folder = std::env::temp_dir().join(format!("switchboard-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let hash = || Stamp::of("test", std::slice::from_ref(&folder), &["dist"]).unwrap().hash;
        fs::write(folder.join("a"), "1").unwrap();
        let first = hash();
        fs::create_dir(folder.join("dist")).unwrap();
        fs::write(folder.join("dist/b"), "1").unwrap();
        assert_eq!(first, hash());
        fs::write(folder.join("a"), "2").unwrap();
        assert_ne!(first, hash());
        fs::remove_dir_all(&folder).unwrap();
    }
}
