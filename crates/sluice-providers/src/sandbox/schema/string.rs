//! Strings: patterns, formats, lengths.

use serde_json::{Map, Value};

use super::super::dice::Dice;
use super::super::prose;
use super::pattern::Pattern;
use super::{Fuel, count};

/// Characters that are made at most to reach a `minLength`.
const LENGTH_MAX: usize = 65_536;

/// Attempts at a text of a format, or of a pattern.
const ATTEMPTS: u32 = 24;

/// A word for a name.
pub(super) fn word(dice: &mut Dice) -> String {
    prose::word(dice).to_owned()
}

/// A string within the bounds.
pub(super) fn of(flat: &Map<String, Value>, dice: &mut Dice, fuel: &Fuel) -> String {
    let fewest = count(flat, "minLength").unwrap_or(0).min(LENGTH_MAX);
    let most = count(flat, "maxLength").unwrap_or(usize::MAX);
    let patterns = flat.get("pattern").and_then(Value::as_array).into_iter().flatten();
    let patterns: Vec<Pattern> = patterns.filter_map(Value::as_str).filter_map(Pattern::parse).collect();
    let fits = |text: &str| {
        (fewest..=most).contains(&text.chars().count())
            && patterns.iter().all(|pattern| pattern.is_match(text, fuel))
    };
    if let Some(format) = flat.get("format").and_then(Value::as_str) {
        for attempt in 0..ATTEMPTS {
            match of_format(format, (fewest, most), attempt, dice) {
                Some(text) if fits(&text) => return text,
                Some(_) => {}
                None => break,
            }
        }
    }
    for attempt in 0..ATTEMPTS as usize * patterns.len() {
        if fuel.is_spent() {
            break;
        }
        let text = patterns[attempt % patterns.len()].text(dice, (fewest, most), fuel);
        if let Some(text) = text.filter(|text| fits(text)) {
            return text;
        }
    }
    if let Some(pattern) = patterns.first() {
        return pattern.text(dice, (0, usize::MAX), fuel).unwrap_or_default();
    }
    fuel.spend(fewest / 8);
    plain(if fuel.is_spent() { 0 } else { fewest }, most, dice)
}

/// Words of a length.
fn plain(fewest: usize, most: usize, dice: &mut Dice) -> String {
    let mut text = word(dice);
    while text.len() < fewest {
        text.push(' ');
        text.push_str(prose::word(dice));
    }
    text.truncate(most.min(text.len().max(1)).max(fewest.min(text.len())));
    if text.len() > fewest.max(12) {
        text.truncate(fewest.max(12).min(most));
    }
    // A blank at the end would look like a mistake.
    if text.ends_with(' ') {
        text.pop();
        text.push('s');
    }
    text
}

/// A text of a format of JSON Schema; `None` for formats that say nothing about the text.
fn of_format(format: &str, (fewest, most): (usize, usize), attempt: u32, dice: &mut Dice) -> Option<String> {
    let number = dice.below(if attempt.is_multiple_of(2) { 28 } else { 250 });
    let day = number % 28 + 1;
    let minute = number % 60;
    let word = prose::word(dice);
    let tight = most < 24;
    let pad = |text: &str| "a".repeat(fewest.saturating_sub(text.chars().count()));
    Some(match format {
        "date" => format!("2025-03-{day:02}"),
        "time" => format!("09:{minute:02}:00Z"),
        "date-time" => format!("2025-03-{day:02}T09:{minute:02}:00Z"),
        "duration" => format!("P{day}DT{minute}M"),
        "email" | "idn-email" if tight => format!("{}@b.co", &word[..1]),
        "email" | "idn-email" => {
            let text = format!("{word}{number}@example.com");
            format!("{}{text}", pad(&text))
        }
        "hostname" | "idn-hostname" if tight => word.to_owned(),
        "hostname" | "idn-hostname" => {
            let text = format!("{word}{number}.example.com");
            let labels = pad(&text).len().div_ceil(50);
            format!("{}{text}", format!("{}.", "a".repeat(50)).repeat(labels))
        }
        "ipv4" => format!("192.0.2.{number}"),
        "ipv6" => format!("2001:db8::{:x}", number + 1),
        "uri" | "iri" if tight => format!("urn:{}", &word[..1]),
        "uri" | "iri" | "uri-reference" | "iri-reference" | "url" => {
            let text = format!("https://example.com/{word}/{number}");
            format!("{text}{}", pad(&text))
        }
        "uri-template" => format!("https://example.com/{word}/{{id}}"),
        "uuid" => {
            let (high, low) = (dice.next(), dice.next());
            format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xffff,
                high & 0xfff,
                low >> 52,
                low & 0xffff_ffff_ffff
            )
        }
        "json-pointer" => format!("/{word}/{number}"),
        "relative-json-pointer" => format!("{number}/{word}"),
        "regex" => format!("^{word}[0-9]*$"),
        _ => return None,
    })
}
