//! The rules of this repository that no other tool checks, each of which only ever tightens.
//!
//! A rule that older code breaks gets a list of exceptions in its file, with a reason for each.
//! Shortening a list is always a welcome change; lengthening one needs the reason.
//!
//! | file | rule |
//! |---|---|
//! | `files` | nothing big; and what counts as a file of ours |
//! | `texts` | module docs, length, leftovers, no ignored tests |
//! | `sleeps` | tests wait for conditions |
//! | `layers` | which crate may depend on which, and floors do no I/O |
//! | `licences` | under which licences others' code comes in |
//! | `locks` | where others' code comes from, and no version with a known hole |
//! | `fuzzing` | every fuzz target is built |

mod files;
mod fuzzing;
mod layers;
mod licences;
mod locks;
mod metadata;
mod sleeps;
mod texts;

use crate::Result;

/// Runs every check and reports all problems together.
///
/// # Errors
///
/// The problems, one a line; or a file cannot be read.
pub(crate) fn run() -> Result {
    let mut problems = Vec::new();
    let files = files::of_the_repository()?;
    files::check(&files, &mut problems);
    texts::check(&files, &mut problems)?;
    sleeps::check(&files, &mut problems)?;
    fuzzing::check(&files, &mut problems)?;
    layers::check(&mut problems)?;
    licences::check(&mut problems)?;
    locks::check(&mut problems)?;
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}
