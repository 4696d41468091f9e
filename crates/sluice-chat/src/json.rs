//! JSON below the types: a cursor over raw bytes that accepts exactly what serde_json accepts, and the values at which
//! it stands.

pub(crate) mod cursor;
pub(crate) mod node;

/// A JSON number, as serde_json tells numbers apart: what has a fraction or an exponent, is `-0`, or does not fit
/// 64 bits, is a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
}

impl Number {
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
