//! Numbers, money and times as people read them. The exact value is never lost: it stands in `title` or `value` beside
//! the short one (see [`crate::shell::Shell`]).

use time::{
    Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};

use crate::Currency;

const NANO: u128 = 1_000_000_000;
const MILLIONTHS: u128 = 1_000_000;

/// `12345` as `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    grouped(&number.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12345` as `12.3k`: three digits that count. What is less than that is not shorter so.
#[must_use]
pub fn short(number: u64) -> String {
    // The limits are where rounding would make four digits of three.
    let (unit, name) = match number {
        0..10_000 => return count(number),
        10_000..999_500 => (1e3, "k"),
        999_500..999_500_000 => (1e6, "M"),
        999_500_000..999_500_000_000 => (1e9, "B"),
        _ => (1e12, "T"),
    };
    format!("{}{name}", three_digits(number as f64 / unit))
}

/// As [`short`], without digits that say nothing: `2M` of two million.
#[must_use]
pub fn brief(number: u64) -> String {
    without_zeros(&short(number))
}

pub(crate) fn without_zeros(text: &str) -> String {
    let letters = text.len() - text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (number, letters) = text.split_at(text.len() - letters);
    match number.contains('.') {
        true => format!("{}{letters}", number.trim_end_matches('0').trim_end_matches('.')),
        false => text.to_owned(),
    }
}

/// `1.2345` as `1.23`, `12.345` as `12.3`, `123.45` as `123`.
fn three_digits(number: f64) -> String {
    match number.abs() {
        size if size < 9.995 => format!("{number:.2}"),
        size if size < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Nano-dollars in a currency, in as many digits as say something: two below a unit, more where there would be none.
#[must_use]
pub fn money(nano: i128, currency: Option<&Currency>) -> String {
    let (sign, size) = (if nano < 0 { "-" } else { "" }, nano.unsigned_abs());
    let (symbol, size) = match currency {
        None => ("$".to_owned(), size),
        Some(currency) => {
            let rate = u128::from(currency.rate_millionths);
            (symbol(&currency.code), size.saturating_mul(rate) / MILLIONTHS)
        }
    };
    let places = match size {
        0 => 2,
        size if size >= NANO => 2,
        size if size >= NANO / 100 => 4,
        size => (10 - size.to_string().len() + 2).min(9),
    };
    let unit = 10_u128.pow(9 - u32::try_from(places).unwrap_or(9));
    let rounded = size.saturating_add(unit / 2) / unit;
    let scale = NANO / unit;
    let (whole, fraction) = (rounded / scale, rounded % scale);
    format!("{sign}{symbol}{}.{fraction:0places$}", grouped(&whole.to_string()))
}

/// A price: as [`money`], without digits that say nothing, two below a unit at least.
#[must_use]
pub fn price(nano: i128, currency: Option<&Currency>) -> String {
    let text = money(nano, currency);
    let Some((whole, fraction)) = text.rsplit_once('.') else { return text };
    format!("{whole}.{:0<2}", fraction.trim_end_matches('0'))
}

/// Nano-dollars with every digit that they have: `$1.234567891`, `$5.00`.
#[must_use]
pub fn exact_usd(nano: i128) -> String {
    let (sign, size) = (if nano < 0 { "-" } else { "" }, nano.unsigned_abs());
    format!("{sign}${}", usd_text(size))
}

fn usd_text(size: u128) -> String {
    let fraction = format!("{:09}", size % NANO);
    let fraction = format!("{:0<2}", fraction.trim_end_matches('0'));
    format!("{}.{fraction}", grouped(&(size / NANO).to_string()))
}

/// Nano-dollars for the value of a field that takes US dollars; `values.js` reads it back exactly.
#[must_use]
pub fn usd_field(nano: u64) -> String {
    usd_text(nano.into()).replace(',', "")
}

fn symbol(code: &str) -> String {
    match code {
        "USD" => "$",
        "CNY" | "JPY" => "¥",
        "EUR" => "€",
        "GBP" => "£",
        "INR" => "₹",
        "KRW" => "₩",
        code => return format!("{code} "),
    }
    .to_owned()
}

/// Milliseconds as `340 ms`, `1.24 s`, `2 min 5 s`, `3 h 12 min`, `4 d 2 h`.
#[must_use]
pub fn duration(ms: f64) -> String {
    if !ms.is_finite() || ms < 0.0 {
        return "–".to_owned();
    }
    if ms < 10.0 {
        let text = format!("{ms:.1}");
        return format!("{} ms", text.strip_suffix(".0").unwrap_or(&text));
    }
    if ms < 999.5 {
        return format!("{ms:.0} ms");
    }
    if ms < 59_950.0 {
        return format!("{} s", three_digits(ms / 1000.0));
    }
    let seconds = (ms / 1000.0).round() as u64;
    let (days, hours, minutes, seconds) =
        (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A part of a whole: `0 %`, `<0.1 %`, `12.3 %`, `100 %` only for all of it. Nothing of nothing is a dash.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    match share {
        _ if part == 0 => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        share if share < 0.1 => "<0.1 %".to_owned(),
        share if share > 99.9 && share < 100.0 => ">99.9 %".to_owned(),
        share if share < 99.95 => format!("{share:.1} %"),
        share => format!("{share:.0} %"),
    }
}

/// Bytes as `512 B`, `1.24 MB`: thousands.
#[must_use]
pub fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} B"),
        1_000..999_500 => format!("{} kB", three_digits(number as f64 / 1e3)),
        999_500..999_500_000 => format!("{} MB", three_digits(number as f64 / 1e6)),
        _ => format!("{} GB", three_digits(number as f64 / 1e9)),
    }
}

/// Milliseconds since the Unix epoch of a moment as the API writes it.
#[must_use]
pub fn moment_ms(text: &str) -> Option<u64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A moment as the API writes it, without fractions of seconds.
#[must_use]
pub fn rfc3339(unix_ms: u64) -> String {
    let moment = utc(unix_ms);
    moment.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).unwrap_or_default()
}

/// `2026-11-21 09:35:22` on the viewer's clock.
#[must_use]
pub fn time(unix_ms: u64, zone_minutes: i32) -> String {
    let moment = local(unix_ms, zone_minutes);
    moment.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]")).unwrap_or_default()
}

/// `2026-11-21T09:35` on the viewer's clock: the value of a field of local time.
#[must_use]
pub fn time_field(unix_ms: u64, zone_minutes: i32) -> String {
    let moment = local(unix_ms, zone_minutes);
    moment.format(format_description!("[year]-[month]-[day]T[hour]:[minute]")).unwrap_or_default()
}

/// `09:35` on the viewer's clock.
#[must_use]
pub fn clock(unix_ms: u64, zone_minutes: i32) -> String {
    local(unix_ms, zone_minutes).format(format_description!("[hour]:[minute]")).unwrap_or_default()
}

/// `11-21` on the viewer's calendar.
#[must_use]
pub fn day(unix_ms: u64, zone_minutes: i32) -> String {
    local(unix_ms, zone_minutes).format(format_description!("[month]-[day]")).unwrap_or_default()
}

fn utc(unix_ms: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH
        .saturating_add(Duration::milliseconds(i64::try_from(unix_ms).unwrap_or(i64::MAX)))
}

fn local(unix_ms: u64, zone_minutes: i32) -> OffsetDateTime {
    let offset = UtcOffset::from_whole_seconds(zone_minutes.saturating_mul(60)).unwrap_or(UtcOffset::UTC);
    let moment = utc(unix_ms);
    moment.checked_to_offset(offset).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let check = |number, long: &str, brief: &str| {
            assert_eq!((count(number).as_str(), short(number).as_str()), (long, brief));
        };
        check(0, "0", "0");
        check(999, "999", "999");
        check(1_000, "1,000", "1,000");
        check(9_999, "9,999", "9,999");
        check(10_000, "10,000", "10.0k");
        check(12_345, "12,345", "12.3k");
        check(999_499, "999,499", "999k");
        check(999_500, "999,500", "1.00M");
        check(1_234_567_890, "1,234,567,890", "1.23B");
        check(u64::MAX, "18,446,744,073,709,551,615", "18446744T");
    }

    #[test]
    fn money_has_the_digits_that_say_something() {
        let check = |nano, brief: &str, exact: &str| {
            assert_eq!((money(nano, None).as_str(), exact_usd(nano).as_str()), (brief, exact));
        };
        check(0, "$0.00", "$0.00");
        check(1, "$0.000000001", "$0.000000001");
        check(123_456, "$0.000123", "$0.000123456");
        check(9_999_999, "$0.01000", "$0.009999999");
        check(12_345_678, "$0.0123", "$0.012345678");
        check(999_999_999, "$1.0000", "$0.999999999");
        check(1_234_567_891, "$1.23", "$1.234567891");
        check(-1_500_000_000, "-$1.50", "-$1.50");
        check(1_234_567_000_000_000, "$1,234,567.00", "$1,234,567.00");
        check(i128::from(i64::MAX), "$9,223,372,036.85", "$9,223,372,036.854775807");
        for (nano, expect) in
            [(150_000_000, "$0.15"), (75_000_000, "$0.075"), (2_500_000_000, "$2.50"), (0, "$0.00")]
        {
            assert_eq!(price(nano, None), expect);
        }
        assert_eq!(
            (brief(2_000_000).as_str(), brief(2_500_000).as_str(), brief(600).as_str()),
            ("2M", "2.5M", "600")
        );
        let yuan = Currency { code: "CNY".to_owned(), rate_millionths: 7_200_000 };
        assert_eq!(money(1_000_000_000, Some(&yuan)), "¥7.20");
        let franc = Currency { code: "CHF".to_owned(), rate_millionths: 800_000 };
        assert_eq!(money(1_000_000_000, Some(&franc)), "CHF 0.8000");
        assert_eq!(usd_field(1_234_500_000_000), "1234.50");
    }

    #[test]
    fn durations() {
        let check = |ms: f64, expect: &str| assert_eq!(duration(ms), expect);
        check(0.0, "0 ms");
        check(0.25, "0.2 ms");
        check(9.94, "9.9 ms");
        check(340.4, "340 ms");
        check(999.6, "1.00 s");
        check(1_240.0, "1.24 s");
        check(59_900.0, "59.9 s");
        check(59_960.0, "1 min 0 s");
        check(3_723_000.0, "1 h 2 min");
        check(90_000_000.0, "1 d 1 h");
        check(f64::NAN, "–");
    }

    #[test]
    fn shares() {
        let check = |part, whole, expect: &str| assert_eq!(percent(part, whole), expect);
        check(0, 0, "–");
        check(0, 5, "0 %");
        check(1, 100_000, "<0.1 %");
        check(1, 8, "12.5 %");
        check(99_999, 100_000, ">99.9 %");
        check(5, 5, "100 %");
        check(10, 5, "200 %");
        assert_eq!((bytes(999), bytes(1_240_000)), ("999 B".to_owned(), "1.24 MB".to_owned()));
    }

    #[test]
    fn times_are_on_the_viewers_clock() {
        let ms = 1_795_253_722_345;
        assert_eq!(moment_ms("2026-11-21T09:35:22.345Z"), Some(ms));
        assert_eq!(moment_ms("2026-11-21T17:35:22.345+08:00"), Some(ms));
        assert_eq!(moment_ms("yesterday"), None);
        assert_eq!(rfc3339(ms), "2026-11-21T09:35:22Z");
        assert_eq!(time(ms, 0), "2026-11-21 09:35:22");
        assert_eq!(time(ms, 8 * 60), "2026-11-21 17:35:22");
        assert_eq!(time(ms, -600), "2026-11-20 23:35:22");
        assert_eq!(time_field(ms, 330), "2026-11-21T15:05");
        assert_eq!((clock(ms, 60), day(ms, 14 * 60)), ("10:35".to_owned(), "11-21".to_owned()));
    }
}
