//! Dollars as they stand in the file, to integer nano-dollars, without a floating-point number on the way.

use sluice_ledger::{NanoUsd, money::NANO_PER_USD};

/// No price and no budget is larger, in dollars.
pub(super) const MAX_USD: u64 = 1_000_000_000;
/// Decimal places of a nano-dollar.
const PLACES: i64 = 9;

/// Reads the text of a TOML integer or float.
pub(super) fn parse(text: &str) -> Result<NanoUsd, String> {
    let text: String = text.chars().filter(|c| *c != '_').collect();
    let text = text.strip_prefix('+').unwrap_or(&text);
    if text.contains("nan") || text.contains("inf") {
        return Err("an amount of dollars must be a number".to_owned());
    }
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().unwrap_or(i64::MAX / 2)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(NanoUsd(0));
    }
    if negative {
        return Err("an amount of dollars must not be negative".to_owned());
    }
    // digits * 10^scale nano-dollars
    let mut scale = exponent - i64::try_from(fraction.len()).unwrap_or(i64::MAX / 2) + PLACES;
    let significant = digits.trim_end_matches('0');
    scale += i64::try_from(digits.len() - significant.len()).unwrap_or(0);
    if scale < 0 {
        return Err("an amount of dollars has at most nine decimal places".to_owned());
    }
    let amount = significant
        .parse::<u64>()
        .ok()
        .zip(u32::try_from(scale).ok())
        .and_then(|(number, scale)| 10_u64.checked_pow(scale)?.checked_mul(number))
        .filter(|amount| *amount <= MAX_USD * NANO_PER_USD);
    amount.map(NanoUsd).ok_or_else(|| format!("an amount of dollars must be at most {MAX_USD}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let check = |text: &str, expect: Result<u64, &str>| match (parse(text), expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found.0, expect, "{text}"),
            (Err(found), Err(expect)) => assert!(found.contains(expect), "{text}: {found}"),
            (found, expect) => panic!("{text}: {found:?}, not {expect:?}"),
        };
        check("0", Ok(0));
        check("-0.0", Ok(0));
        check("0.15", Ok(150_000_000));
        check("0.1", Ok(100_000_000));
        check("0.075", Ok(75_000_000));
        check("50.0", Ok(50_000_000_000));
        check("500", Ok(500_000_000_000));
        check("1_000.5", Ok(1_000_500_000_000));
        check("+2.5", Ok(2_500_000_000));
        check("0.000000001", Ok(1));
        check("0.0000000010", Ok(1));
        check("1e-9", Ok(1));
        check("1.5E3", Ok(1_500_000_000_000));
        check("0.1234567891", Err("nine decimal places"));
        check("1e-10", Err("nine decimal places"));
        check("-0.1", Err("negative"));
        check("-1", Err("negative"));
        check("nan", Err("must be a number"));
        check("-inf", Err("must be a number"));
        check("1000000000", Ok(1_000_000_000_000_000_000));
        check("1000000000.000000001", Err("at most 1000000000"));
        check("1e400", Err("at most 1000000000"));
        check("99999999999999999999999", Err("at most 1000000000"));
        check("0e999999999999999999999", Ok(0));
    }
}
