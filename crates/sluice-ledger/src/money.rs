//! Money: integer nano-dollars, 1 USD = 1_000_000_000. Arithmetic is checked; nothing here rounds.

/// An amount of money in nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub u64);

/// Nano-dollars in one dollar.
pub const NANO_PER_USD: u64 = 1_000_000_000;

impl NanoUsd {
    /// The sum, or `None` beyond the range of the type.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}
