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

    /// Reads dollars as people write them, such as `0.15` or `2`, exactly: digits with at most nine behind the point.
    pub fn from_dollars(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > NANO_DIGITS {
            return None;
        }
        let whole = whole.parse::<u64>().ok()?.checked_mul(NANO_PER_USD)?;
        whole.checked_add(format!("{fraction:0<NANO_DIGITS$}").parse().ok()?).map(Self)
    }

    /// Dollars as people write them, without zeros at the end: `0.15`, `2`.
    pub fn dollars(self) -> String {
        let text = format!("{}.{:0NANO_DIGITS$}", self.0 / NANO_PER_USD, self.0 % NANO_PER_USD);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Decimal digits of a dollar behind the point.
const NANO_DIGITS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_written() {
        let check = |text: &str, nano: Option<u64>| {
            assert_eq!(NanoUsd::from_dollars(text), nano.map(NanoUsd), "{text}")
        };
        check("0.15", Some(150_000_000));
        check("2", Some(2_000_000_000));
        check("0.000000001", Some(1));
        check("0.0000000001", None);
        check("18446744073.709551615", Some(u64::MAX));
        check("18446744073.709551616", None);
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1.2.3", "0x1", "½"] {
            check(bad, None);
        }
        for nano in [0, 1, 10, 999_999_999, 1_000_000_000, 1_500_000_000, u64::MAX] {
            check(&NanoUsd(nano).dollars(), Some(nano));
        }
        assert_eq!(NanoUsd(150_000_000).dollars(), "0.15");
        assert_eq!(NanoUsd(20_000_000_000).dollars(), "20");
    }
}
