//! Settings that are made through the admin API and kept in the database, where every node reads them with the catalog.
//! What the configuration file names it owns.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Config;

/// One that can be made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) kind: &'static str,
    /// What it is where nobody has made it and the configuration file has no such setting.
    pub(crate) default: Option<&'static str>,
    pub(crate) words: &'static [&'static str],
}

pub(crate) const REQUEST_ROWS_DAYS: &str = "retention.request_rows_days";
pub(crate) const SANDBOX_ENABLED: &str = "sandbox.enabled";
pub(crate) const DISPLAY_CURRENCY: &str = "console.display_currency";
pub(crate) const DEFAULT_LANGUAGE: &str = "console.default_language";

/// All of them. What the configuration file has too is told in its words.
pub(crate) const MADE: &[Made] = &[
    Made { name: REQUEST_ROWS_DAYS, text: "", kind: "integer", default: None, words: &[] },
    Made { name: SANDBOX_ENABLED, text: "", kind: "boolean", default: None, words: &[] },
    Made {
        name: DISPLAY_CURRENCY,
        text: "The currency in which the console shows money: its `code` and `usd_rate`, how much of it a dollar is.",
        kind: "object",
        default: None,
        words: &[],
    },
    Made {
        name: DEFAULT_LANGUAGE,
        text: "The console's language for browsers that ask for none of its own.",
        kind: "string",
        default: Some("en"),
        words: LANGUAGES,
    },
];

const LANGUAGES: &[&str] = &["en", "zh"];
const DAYS: std::ops::RangeInclusive<u64> = 1..=36_500;
/// No currency is worth more or less of a dollar.
const RATE: std::ops::RangeInclusive<f64> = 1e-6..=1e9;

/// What acts of them on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) request_rows_days: Option<u64>,
    pub(crate) sandbox_enabled: Option<bool>,
    pub(crate) display_currency: Option<DisplayCurrency>,
    /// The console's language for browsers that ask for none of its own.
    pub(crate) default_language: Option<String>,
}

/// The currency in which the console shows money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DisplayCurrency {
    pub(crate) code: String,
    /// What a dollar is in it, in millionths.
    pub(crate) rate_millionths: u64,
}

impl InForce {
    /// Of what is stored. What cannot be read is as if it were not there: a later release may have written it.
    pub(crate) fn of(stored: &BTreeMap<String, String>, config: &Config) -> Self {
        let value = |name: &str| {
            let text = stored.get(name).filter(|_| !config.owns(name))?;
            let value: Value = serde_json::from_str(text).ok()?;
            check(name, &value).is_ok().then_some(value)
        };
        Self {
            request_rows_days: value(REQUEST_ROWS_DAYS).and_then(|value| value.as_u64()),
            sandbox_enabled: value(SANDBOX_ENABLED).and_then(|value| value.as_bool()),
            display_currency: value(DISPLAY_CURRENCY).as_ref().and_then(display_currency),
            default_language: value(DEFAULT_LANGUAGE).and_then(|value| value.as_str().map(str::to_owned)),
        }
    }
}

fn display_currency(value: &Value) -> Option<DisplayCurrency> {
    let rate = value.get("usd_rate")?.as_f64().filter(|rate| RATE.contains(rate))?;
    let code = value.get("code")?.as_str()?.to_owned();
    Some(DisplayCurrency { code, rate_millionths: (rate * 1e6).round() as u64 })
}

/// Whether the built-in provider is there.
pub(crate) fn has_sandbox(stored: &BTreeMap<String, String>, config: &Config) -> bool {
    InForce::of(stored, config).sandbox_enabled.unwrap_or(config.sandbox_enabled)
}

/// Where a value is wrong, below the setting's name, and what is.
pub(crate) type Wrong = (&'static str, String);

/// Whether a setting may have this value.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), Wrong> {
    let whole = |fine: bool, text: &str| if fine { Ok(()) } else { Err(("", text.to_owned())) };
    match name {
        REQUEST_ROWS_DAYS => {
            let fine = value.as_u64().is_some_and(|days| DAYS.contains(&days));
            whole(fine, &format!("must be an integer from {} to {}", DAYS.start(), DAYS.end()))
        }
        SANDBOX_ENABLED => whole(value.is_boolean(), "must be true or false"),
        DEFAULT_LANGUAGE => {
            let fine = value.as_str().is_some_and(|word| LANGUAGES.contains(&word));
            whole(fine, &format!("must be one of {}", LANGUAGES.join(", ")))
        }
        DISPLAY_CURRENCY => currency(value),
        _ => whole(false, "cannot be made here"),
    }
}

fn currency(value: &Value) -> Result<(), Wrong> {
    let Some(fields) = value.as_object() else {
        return Err(("", "must be an object with 'code' and 'usd_rate'".to_owned()));
    };
    let code = fields.get("code").and_then(Value::as_str);
    if !code.is_some_and(|code| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())) {
        return Err((".code", "must be the three capital letters of a currency, such as 'EUR'".to_owned()));
    }
    let rate = fields.get("usd_rate").and_then(Value::as_f64);
    if !rate.is_some_and(|rate| RATE.contains(&rate)) {
        return Err((".usd_rate", "must be how much of it a dollar is, a number above 0".to_owned()));
    }
    match fields.keys().find(|key| !["code", "usd_rate"].contains(&key.as_str())) {
        Some(key) => Err(("", format!("has '{key}', which there is not: only 'code' and 'usd_rate'"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values() {
        let check = |name: &str, value: Value, wrong: Option<&str>| {
            let found = check(name, &value).map_err(|(place, _)| place).err();
            assert_eq!(found, wrong, "{name}: {value}");
        };
        check(REQUEST_ROWS_DAYS, json!(1), None);
        check(REQUEST_ROWS_DAYS, json!(0), Some(""));
        check(REQUEST_ROWS_DAYS, json!(36_501), Some(""));
        check(REQUEST_ROWS_DAYS, json!("1"), Some(""));
        check(SANDBOX_ENABLED, json!(false), None);
        check(SANDBOX_ENABLED, json!(0), Some(""));
        check(DEFAULT_LANGUAGE, json!("zh"), None);
        check(DEFAULT_LANGUAGE, json!("de"), Some(""));
        check(DISPLAY_CURRENCY, json!({ "code": "EUR", "usd_rate": 0.92 }), None);
        check(DISPLAY_CURRENCY, json!({ "code": "JPY", "usd_rate": 150 }), None);
        check(DISPLAY_CURRENCY, json!({ "code": "eur", "usd_rate": 1 }), Some(".code"));
        check(DISPLAY_CURRENCY, json!({ "code": "EUR", "usd_rate": 0 }), Some(".usd_rate"));
        check(DISPLAY_CURRENCY, json!({ "code": "EUR", "usd_rate": "1" }), Some(".usd_rate"));
        check(DISPLAY_CURRENCY, json!({ "code": "EUR", "usd_rate": 1, "x": 1 }), Some(""));
        check(DISPLAY_CURRENCY, json!("EUR"), Some(""));
        check("server.listen", json!("x"), Some(""));
    }
}
