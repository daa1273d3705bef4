//! What the requests of many clients have in common, kept once.
//!
//! Browsers of one version and language send the same headers, but for a few: some 400 of the 600
//! bytes that a browser sends. The table is the process's, and has a limit; what does not fit in is
//! kept by its client alone.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, RwLock};

use http::HeaderName;

use crate::sync::{read, write};

static TEXTS: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Texts {
    known: HashSet<Arc<str>>,
    /// Texts that found no place since somebody last looked which ones are still of use.
    refused: usize,
}

/// Whether clients of one kind send the same header.
pub(super) fn is_common(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "cache-control"
            | "connection"
            | "dnt"
            | "host"
            | "origin"
            | "pragma"
            | "sec-ch-ua"
            | "sec-ch-ua-mobile"
            | "sec-ch-ua-platform"
            | "sec-fetch-dest"
            | "sec-fetch-mode"
            | "sec-fetch-site"
            | "sec-fetch-storage-access"
            | "sec-gpc"
            | "sec-websocket-extensions"
            | "sec-websocket-version"
            | "upgrade"
            | "user-agent"
            | "via"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-proto"
    )
}

/// Whether many clients ask for it: a target of Engine.IO without a session's id or a timestamp.
pub(super) fn is_common_target(target: &str) -> bool {
    let Some((_path, query)) = target.split_once('?') else { return false };
    query.split('&').all(|it| matches!(it.split_once('='), Some(("EIO" | "transport", _))))
}

/// Keeps a text that others may have too.
pub(super) fn keep(text: &str) -> Arc<str> {
    if TEXT_BYTES_MAX < text.len() {
        return text.into();
    }
    if let Some(known) = read(&TEXTS).known.get(text) {
        return Arc::clone(known);
    }
    write(&TEXTS).add(text)
}

impl Texts {
    fn add(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let new = Arc::from(text);
        if TEXTS_MAX <= self.known.len() {
            self.make_room();
        }
        if self.known.len() < TEXTS_MAX {
            self.known.insert(Arc::clone(&new));
        }
        new
    }

    /// Forgets the texts that one client has at most (a client with an auth payload counts twice),
    /// once so many more have come.
    fn make_room(&mut self) {
        self.refused += 1;
        if self.refused == 1 || TEXTS_MAX < self.refused {
            self.refused = 1;
            // One of the owners is the table.
            self.known.retain(|it| 2 < Arc::strong_count(it));
        }
    }
}

/// Texts that are kept. With [`TEXT_BYTES_MAX`] the table has 2 MiB at most.
const TEXTS_MAX: usize = 1024;
/// A longer one is its client's own.
const TEXT_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_limit_and_forgets_what_nobody_shares() {
        let mut texts = Texts::default();
        let shared = [texts.add("shared"), texts.add("shared")];
        let alone: Vec<_> = (0..TEXTS_MAX - 1).map(|it| texts.add(&it.to_string())).collect();
        assert_eq!(texts.known.len(), TEXTS_MAX);
        let next = texts.add("next");
        assert_eq!(texts.known.len(), 2);
        assert!(Arc::ptr_eq(&next, &texts.add("next")));
        assert!(Arc::ptr_eq(&shared[0], &texts.add("shared")));
        drop(alone);
    }

    #[test]
    fn a_table_full_of_what_is_shared_takes_no_more() {
        let mut texts = Texts::default();
        let all: Vec<_> = (0..TEXTS_MAX * 2).map(|it| texts.add(&(it / 2).to_string())).collect();
        assert!((0..TEXTS_MAX * 3).all(|it| Arc::strong_count(&texts.add(&format!("n{it}"))) == 1));
        assert_eq!(texts.known.len(), TEXTS_MAX);
        drop(all);
    }

    #[test]
    fn targets_with_something_of_their_own_are_not_common() {
        assert!(is_common_target("/socket.io/?EIO=4&transport=websocket"));
        for target in ["/", "/room/7", "/?EIO=4&t=a", "/?EIO=4&sid=a", "/?token=a", "/?"] {
            assert!(!is_common_target(target), "{target}");
        }
    }
}
