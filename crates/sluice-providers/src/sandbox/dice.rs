//! Chance that is the same every time.

use std::io;

use crate::hash::stable_hash;

/// Numbers that look random and are the same for the same start: splitmix64.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        Self(stable_hash(parts))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

/// FNV-1a with 64 bits over what is written into it, for what is too large to be put together first.
#[derive(Debug)]
pub(super) struct HashWriter(u64);

impl HashWriter {
    pub(super) fn new(start: &[u8]) -> Self {
        Self(stable_hash(&[start]))
    }

    pub(super) fn finish(&self) -> u64 {
        self.0
    }
}

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
