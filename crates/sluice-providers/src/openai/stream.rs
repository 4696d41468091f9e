//! The choices of one answer: which appeared, and which are complete.

use smallvec::SmallVec;

/// Choices that appeared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    seen: SmallVec<[(u32, bool); 4]>,
}

impl Choices {
    /// A chunk mentions the choice, and perhaps finishes it.
    pub(crate) fn see(&mut self, index: u32, finishes: bool) {
        match self.seen.iter_mut().find(|(seen, _)| *seen == index) {
            Some((_, finished)) => *finished |= finishes,
            None => self.seen.push((index, finishes)),
        }
    }

    /// At least one choice appeared.
    pub(crate) fn any(&self) -> bool {
        !self.seen.is_empty()
    }

    /// How many appeared.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.seen.len()).unwrap_or(u32::MAX)
    }

    /// At least one appeared, and every one that did is complete.
    pub(crate) fn finished(&self) -> bool {
        self.any() && self.seen.iter().all(|(_, finished)| *finished)
    }
}
