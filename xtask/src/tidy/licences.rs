//! Under which licences others' code comes in: those that let everybody use ours as it is.

use crate::tidy::metadata::Graph;
use crate::{Result, workspace};

/// Checks every workspace, its tools included.
///
/// # Errors
///
/// Cargo cannot tell a dependency graph.
pub(crate) fn check(problems: &mut Vec<String>) -> Result {
    for manifest in workspace::manifests() {
        let graph = Graph::of(&manifest)?;
        for package in graph.packages().filter(|it| !it.is_ours) {
            let name = format!("{} {}", package.name, package.version);
            match package.licence.as_deref() {
                None => problems.push(format!("{name}: names no licence")),
                Some(it) if !is_allowed(it) => problems.push(format!("{name}: licence `{it}`")),
                Some(_) => (),
            }
        }
    }
    problems.dedup();
    Ok(())
}

/// Whether an SPDX expression can be met by allowed licences alone.
fn is_allowed(expression: &str) -> bool {
    // Before 2018 a slash meant OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    let allowed = either(&mut words);
    allowed && words.is_empty()
}

/// `a OR b`, which binds less than AND. `words` is reversed: the next one is its last.
fn either(words: &mut Vec<&str>) -> bool {
    let mut allowed = both(words);
    while words.pop_if(|it| *it == "OR").is_some() {
        // Not `||`: the rest has to be read in any case.
        allowed |= both(words);
    }
    allowed
}

fn both(words: &mut Vec<&str>) -> bool {
    let mut allowed = one(words);
    while words.pop_if(|it| *it == "AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut Vec<&str>) -> bool {
    let Some(licence) = words.pop() else { return false };
    if licence == "(" {
        let allowed = either(words);
        return words.pop() == Some(")") && allowed;
    }
    if words.pop_if(|it| *it == "WITH").is_some() {
        // An exception only ever permits more.
        words.pop();
    }
    ALLOWED.contains(&licence)
}

const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_or_not() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT", "MIT)", "MIT MIT", "MIT OR"]
        {
            let is_met_anyway = bad == "MIT OR";
            assert_eq!(is_allowed(bad), is_met_anyway, "{bad}");
        }
    }
}
