//! JSON below the types: a cursor over raw bytes that accepts exactly what serde_json accepts, and the values at which
//! it stands.
//!
//! [`Cursor`] is for readers that know what they look for and cannot afford a tree: it validates while it moves, and
//! allocates only where a string with escapes is asked for.

pub(crate) mod cursor;
pub(crate) mod node;
mod special;

pub use cursor::{Cursor, Refused, Text};

/// A JSON number, as serde_json tells numbers apart: what has a fraction or an exponent, is `-0`, or does not fit
/// 64 bits, is a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// At least 0.
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    /// Never infinite.
    Float(f64),
}

impl Number {
    /// A whole number of at least 0 that is written as one and fits.
    #[inline]
    pub fn as_u64(self) -> Option<u64> {
        if let Self::Unsigned(n) = self { Some(n) } else { None }
    }

    pub(crate) fn as_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "serde_json converts in the same way")]
        match self {
            Self::Unsigned(n) => n as f64,
            Self::Negative(n) => n as f64,
            Self::Float(n) => n,
        }
    }

    pub(crate) fn of(number: &serde_json::Number) -> Self {
        if let Some(n) = number.as_u64() {
            Self::Unsigned(n)
        } else if let Some(n) = number.as_i64() {
            Self::Negative(n)
        } else {
            Self::Float(number.as_f64().unwrap_or(f64::NAN))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str) {
        let oracle = serde_json::from_str::<serde_json::Number>(written).ok();
        for text in [written.to_owned(), format!("{written},")] {
            let mut cursor = Cursor::new(text.as_bytes()).unwrap();
            let read = cursor.number().ok().filter(|_| cursor.at() == written.len());
            // As text, for -0.0 and 0.0 are equal.
            let expect = oracle.as_ref().map(Number::of);
            assert_eq!(format!("{read:?}"), format!("{expect:?}"), "{text}");
            let mut cursor = Cursor::new(text.as_bytes()).unwrap();
            let skipped = cursor.skip().is_ok() && cursor.at() == written.len();
            assert_eq!(skipped, oracle.is_some(), "{text}");
        }
    }

    #[test]
    fn numbers_are_those_of_serde_json() {
        let plain =
            ["0", "-0", "7", "-7", "10", "01", "-01", "00", "-", "1.", ".5", "1.e5", "1e", "1e+", "+1"];
        plain.into_iter().for_each(check);
        let floats =
            ["0.0", "-0.0", "0.7", "-1.25", "2.10", "00.5", "0.1", "0.30000000000000004", "1e5", "1E-7"];
        floats.into_iter().for_each(check);
        for digits in 14..24 {
            let nines = "9".repeat(digits);
            let written = [&*nines, &format!("-{nines}"), &format!("0.{nines}"), &format!("{nines}.5")];
            written.into_iter().for_each(check);
        }
        for written in
            ["18446744073709551615", "18446744073709551616", "-9223372036854775808", "1e308", "1e309"]
        {
            check(written);
        }
        check(&"9".repeat(300));
        check(&"9".repeat(310));
        check(&format!("{}.0", "9".repeat(310)));
    }
}
