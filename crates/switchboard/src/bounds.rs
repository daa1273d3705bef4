//! How much may wait for one connection.

/// How many bytes may wait.
pub(crate) trait Bounds {
    /// Above it a connection is congested.
    fn soft(&self) -> usize;
    /// Above it a connection is closed.
    fn hard(&self) -> usize;
}

/// The same for every connection.
#[derive(Debug)]
pub(crate) struct UsualBounds;

impl Bounds for UsualBounds {
    fn soft(&self) -> usize {
        SOFT_BYTES
    }

    fn hard(&self) -> usize {
        HARD_BYTES
    }
}

/// What a server has been told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChosenBounds {
    pub(crate) soft: u32,
    pub(crate) hard: u32,
}

impl Default for ChosenBounds {
    fn default() -> Self {
        Self { soft: SOFT_BYTES as u32, hard: HARD_BYTES as u32 }
    }
}

impl Bounds for ChosenBounds {
    fn soft(&self) -> usize {
        self.soft as usize
    }

    fn hard(&self) -> usize {
        self.hard as usize
    }
}

/// Above this many waiting bytes a connection is congested.
pub(crate) const SOFT_BYTES: usize = 1024 * 1024;
/// Above this many it is closed.
pub(crate) const HARD_BYTES: usize = 16 * 1024 * 1024;
