//! What callgrind must not count: the clients' side of an exchange, and what a row prepares.

use std::cell::Cell;
use std::hint::black_box;

/// Callgrind's pattern for [`uncounted`]: it switches counting off on the way in, and on again on the way out.
pub(crate) const PATTERN: &str = "*apart*uncounted*";

/// Runs `work` without counting it. `None` only if `work` panics.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Within another one it must not be called again: that would switch counting on.
    if IS_APART.replace(true) {
        return Some(work());
    }
    let (mut work, mut result) = (Some(work), None);
    uncounted(&mut || result = work.take().map(|it| it()));
    IS_APART.set(false);
    result
}

#[inline(never)]
fn uncounted(work: &mut dyn FnMut()) {
    work();
    // So that this is no tail call, whose end callgrind could not see.
    black_box(());
}

thread_local! {
    static IS_APART: Cell<bool> = const { Cell::new(false) };
}
