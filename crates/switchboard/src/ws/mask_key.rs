//! Masking keys for clients: unpredictable, and cheap enough for every frame.
//!
//! Each thread asks the operating system for 4 KiB of randomness at a time, so one key in 1,024
//! costs a system call and the others a copy of four bytes. Pass [`mask_key`] to
//! [`Role::Client`](switchboard_ws::Role::Client).
//!
//! Spec: RFC 6455, section 5.3: "The masking key needs to be unpredictable; thus, the masking key
//! MUST be derived from a strong source of entropy, and the masking key for a given frame MUST NOT
//! make it simple for a server/proxy to predict the masking key for a subsequent frame."

use std::cell::RefCell;

/// A key that nobody can predict.
pub(crate) fn mask_key() -> [u8; 4] {
    POOL.with_borrow_mut(Pool::take)
}

/// Random bytes that wait to be used.
struct Pool {
    keys: [[u8; 4]; KEYS],
    /// How many of `keys` are fresh: the first so many.
    fresh: usize,
}

impl Pool {
    fn take(&mut self) -> [u8; 4] {
        if self.fresh == 0 {
            // Predictable keys would let a page speak to a proxy; the process must not go on.
            #[expect(clippy::expect_used, reason = "an OS without random numbers cannot mask")]
            getrandom::fill(self.keys.as_flattened_mut())
                .expect("the operating system gives random numbers");
            self.fresh = KEYS;
        }
        self.fresh -= 1;
        self.keys.get(self.fresh).copied().unwrap_or_default()
    }
}

/// 4 KiB: fewer calls earn nothing more, and every thread with a client pays for the memory.
const KEYS: usize = 1024;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { keys: [[0; 4]; KEYS], fresh: 0 }) };
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_across_refills_and_threads() {
        let draw = || (0..3 * KEYS).map(|_| mask_key()).collect::<Vec<_>>();
        let other = std::thread::spawn(draw);
        let mut keys = draw();
        keys.extend(other.join().unwrap());
        let drawn = keys.len();
        // Of 6,144 random keys about 0.004 pairs are equal; three pairs would be a miracle.
        let distinct: HashSet<[u8; 4]> = keys.into_iter().collect();
        assert!(drawn - 3 < distinct.len(), "{} of {drawn}", distinct.len());
    }

    #[test]
    fn every_bit_of_a_key_is_random() {
        let mut ones = [0_u32; 32];
        for _ in 0..4 * KEYS {
            let key = u32::from_ne_bytes(mask_key());
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += key >> bit & 1;
            }
        }
        // 4,096 draws: 2,048 expected, standard deviation 32; ten of them is a miracle.
        assert!(ones.iter().all(|it| (1_728..=2_368).contains(it)), "{ones:?}");
    }
}
