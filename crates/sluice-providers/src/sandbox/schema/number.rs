//! Numbers, counted in whole steps of a decimal so that multiples are exact.

use serde_json::{Map, Number, Value, json};

use super::super::dice::Dice;

/// Digits behind the point at most.
const SCALE_MAX: u32 = 15;

/// Without bounds numbers are below this.
const UNBOUNDED: i128 = 100;

/// A number of the form `digits / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    /// `None` for numbers that are too large or too fine.
    pub(super) fn of(number: &Number) -> Option<Self> {
        let text = number.to_string();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i64::try_from(fraction.len()).ok()? - exponent.parse::<i64>().ok()?;
        if scale < 0 {
            let factor = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
            return Some(Self { digits: digits.checked_mul(factor)?, scale: 0 });
        }
        let scale = u32::try_from(scale).ok()?;
        let mut decimal = Self { digits, scale };
        while decimal.scale > 0 && decimal.digits % 10 == 0 {
            decimal = Self { digits: decimal.digits / 10, scale: decimal.scale - 1 };
        }
        (decimal.scale <= SCALE_MAX).then_some(decimal)
    }

    fn of_value(value: Option<&Value>) -> Option<Self> {
        match value {
            Some(Value::Number(number)) => Self::of(number),
            _ => None,
        }
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    /// Whether this is a whole multiple of another; `None` where that cannot be said.
    pub(super) fn is_multiple_of(self, other: Self) -> Option<bool> {
        let scale = self.scale.max(other.scale);
        Some(self.at_scale(scale)?.checked_rem(other.at_scale(scale)?)? == 0)
    }

    fn to_value(self) -> Value {
        let unit = 10_i128.pow(self.scale);
        if self.digits % unit == 0 {
            let whole = self.digits / unit;
            return match (i64::try_from(whole), u64::try_from(whole)) {
                (Ok(whole), _) => json!(whole),
                (_, Ok(whole)) => json!(whole),
                _ => json!(whole as f64),
            };
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let (whole, rest) = (
            self.digits.unsigned_abs() / unit.unsigned_abs(),
            self.digits.unsigned_abs() % unit.unsigned_abs(),
        );
        let text = format!("{sign}{whole}.{rest:0width$}", width = self.scale as usize);
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// A number within the bounds. Later attempts at a number that is not an integer have more digits.
pub(super) fn of(flat: &Map<String, Value>, integer: bool, attempt: u32, dice: &mut Dice) -> Value {
    let multiples: Vec<&Value> =
        flat.get("multipleOf").and_then(Value::as_array).into_iter().flatten().collect();
    let fine = if integer || !multiples.is_empty() { 0 } else { SCALE_MAX };
    let bounds = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"];
    let own_scale =
        bounds.iter().filter_map(|key| Decimal::of_value(flat.get(*key))).map(|bound| bound.scale);
    let steps = multiples.iter().filter_map(|value| Decimal::of_value(Some(*value)));
    let scale = own_scale.chain(steps.map(|step| step.scale)).max().unwrap_or(0);
    let first = if fine > 0 { (scale + attempt.min(1)).min(SCALE_MAX) } else { scale };
    for finer in first..=first.max(fine) {
        if let Some(value) = at_scale(flat, (&multiples, integer), finer, dice) {
            return value;
        }
    }
    // Bounds that no decimal of ours can hold.
    let bound = bounds.iter().find_map(|key| flat.get(*key));
    bound.cloned().unwrap_or_else(|| json!(0))
}

/// A number in whole steps at a scale, if there is one within the bounds.
fn at_scale(
    flat: &Map<String, Value>,
    (multiples, integer): (&[&Value], bool),
    scale: u32,
    dice: &mut Dice,
) -> Option<Value> {
    let unit = 10_i128.checked_pow(scale)?;
    let mut step = if integer { unit } else { 1 };
    for multiple in multiples {
        let multiple = Decimal::of_value(Some(*multiple))?.at_scale(scale)?;
        step = least_common_multiple(step, multiple)?;
    }
    let bound = |key: &str| Decimal::of_value(flat.get(key)).and_then(|bound| bound.at_scale(scale));
    // The first and the last step within the bounds.
    let low =
        bound("minimum").map(|at| at.div_euclid(step).saturating_add(i128::from(at.rem_euclid(step) != 0)));
    let low = low.max(bound("exclusiveMinimum").map(|at| at.div_euclid(step).saturating_add(1)));
    let high = [
        bound("maximum").map(|at| at.div_euclid(step)),
        bound("exclusiveMaximum").map(|at| at.saturating_sub(1).div_euclid(step)),
    ];
    let high = high.into_iter().flatten().min();
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low.checked_add(UNBOUNDED)?),
        (None, Some(high)) => (high.checked_sub(UNBOUNDED)?, high),
        (None, None) => (1, UNBOUNDED),
    };
    let room = u64::try_from(high.checked_sub(low)?).ok()?.saturating_add(1);
    let at = low.checked_add(i128::from(dice.below(room)))?;
    Some(Decimal { digits: at.checked_mul(step)?, scale }.to_value())
}

fn least_common_multiple(one: i128, other: i128) -> Option<i128> {
    let (mut a, mut b) = (one.checked_abs()?, other.checked_abs()?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (one / (if a == 0 { return None } else { a })).checked_mul(other)?.checked_abs().filter(|step| *step > 0)
}
