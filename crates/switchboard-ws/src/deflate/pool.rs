//! States that a thread lends, one message at a time, to connections that own none.
//!
//! Nothing of one connection reaches another: a state is reset before it is lent, and zlib refers
//! only to bytes that came since.

use std::cell::RefCell;

use super::engine::{Deflater, Inflater, Shape};

#[derive(Default)]
#[expect(clippy::vec_box, reason = "lent and given back by pointer, not by copying the state")]
struct Pool {
    deflaters: Vec<Box<Deflater>>,
    inflaters: Vec<Box<Inflater>>,
    scratch: Option<Vec<u8>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Does something with the pool; `None` while the thread ends.
fn with<T>(work: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| work(&mut pool))).ok()?
}

/// A compressor that remembers nothing.
pub(super) fn take_deflater(shape: Shape) -> Box<Deflater> {
    let idle = with(|pool| {
        let at = pool.deflaters.iter().position(|it| it.shape == shape)?;
        Some(pool.deflaters.swap_remove(at))
    });
    match idle.flatten() {
        Some(mut deflater) => {
            deflater.reset();
            deflater
        }
        None => Box::new(Deflater::new(shape)),
    }
}

pub(super) fn give_deflater(deflater: Box<Deflater>) {
    with(|pool| {
        if DEFLATERS_MAX <= pool.deflaters.len() {
            pool.deflaters.remove(0);
        }
        pool.deflaters.push(deflater);
    });
}

/// A decompressor that remembers nothing.
pub(super) fn take_inflater() -> Box<Inflater> {
    match with(|pool| pool.inflaters.pop()).flatten() {
        Some(mut inflater) => {
            inflater.reset();
            inflater
        }
        None => Box::new(Inflater::new()),
    }
}

pub(super) fn give_inflater(inflater: Box<Inflater>) {
    with(|pool| {
        if pool.inflaters.len() < INFLATERS_MAX {
            pool.inflaters.push(inflater);
        }
    });
}

/// Lends a buffer of at least `len` bytes, whatever they are.
pub(super) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut scratch = with(|pool| pool.scratch.take()).flatten().unwrap_or_default();
    if scratch.len() < len {
        scratch.resize(len, 0);
    }
    let result = work(scratch.get_mut(..len).unwrap_or_default());
    if scratch.len() <= SCRATCH_BYTES_MAX {
        with(|pool| pool.scratch = Some(scratch));
    }
    result
}

/// Compressors that a thread keeps; about 330 kB each. Different ones exist only where clients ask
/// for windows of different sizes.
const DEFLATERS_MAX: usize = 3;
/// Decompressors that a thread keeps; 45 to 110 kB each. More than one is in use only while
/// compressed messages arrive in pieces.
const INFLATERS_MAX: usize = 4;
/// Largest buffer that a thread keeps.
const SCRATCH_BYTES_MAX: usize = 128 * 1024;
