//! Tables of prices: the bundled one, and such as an operator brings along as a file. Both have the same form, which
//! the head of `prices.txt` explains.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{LongContextPrice, NanoUsd, Price};

/// What a model costs, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricedModel<'a> {
    pub price: Price,
    /// The table it stands in, such as `bundled-2026-11-21`; kept with each charge.
    pub version: &'a str,
    /// From when it holds, in Unix seconds; `None`: from ever.
    pub valid_from: Option<i64>,
    /// Until when it holds, in Unix seconds, that second not included; `None`: until further notice.
    pub valid_to: Option<i64>,
}

/// A line of a table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub text: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for ParseError {}

/// Prices by kind of vendor and the vendor's name of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceTable {
    version: String,
    /// Sorted by kind, model and `valid_from`; no two rows have all three.
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    kind: Box<str>,
    model: Box<str>,
    valid_from: Option<i64>,
    valid_to: Option<i64>,
    price: Price,
}

impl PriceTable {
    /// What the table calls itself; empty where it does not say.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Rows of the table.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no model is in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The price that holds at `unix_s`, by the name as given or else the first of its [`spellings`] that is there.
    pub fn lookup(&self, kind: &str, model: &str, unix_s: i64) -> Option<PricedModel<'_>> {
        let row = spellings(model).find_map(|name| self.exact(kind, name, unix_s))?;
        Some(PricedModel {
            price: row.price,
            version: &self.version,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        })
    }

    fn exact(&self, kind: &str, model: &str, unix_s: i64) -> Option<&Row> {
        let start = self.rows.partition_point(|row| row.name() < (kind, model));
        let same = self.rows[start..].iter().take_while(|row| row.name() == (kind, model));
        let holds = |row: &&Row| {
            row.valid_from.is_none_or(|from| from <= unix_s) && row.valid_to.is_none_or(|to| unix_s < to)
        };
        same.filter(holds).last()
    }
}

impl Row {
    fn name(&self) -> (&str, &str) {
        (&self.kind, &self.model)
    }
}

/// The price that is built in. `vendor_kind` is the word of the configuration (`openai`, `bedrock`), `upstream_model`
/// the name that goes to the vendor. Built-in prices hold whenever; newer ones come with newer versions.
pub fn bundled(vendor_kind: &str, upstream_model: &str) -> Option<PricedModel<'static>> {
    static TABLE: LazyLock<PriceTable> = LazyLock::new(|| {
        // A table that cannot be read would price nothing; a test keeps that from being released.
        parse_table(include_str!("prices.txt")).unwrap_or_default()
    });
    TABLE.lookup(vendor_kind, upstream_model, 0)
}

/// The names under which a model may stand in a table, the most exact first: as given; without what leads to it
/// (`models/` of Gemini, the path or `google/` of Vertex, the ARN and the region of Bedrock) and without whose it is
/// (`ft:gpt-4o:me::id`); each of them without a date
/// (`-2024-07-18`, `-20250219`, `@20250219`) or `-latest` at its end.
pub fn spellings(model: &str) -> impl Iterator<Item = &str> {
    let bare = without_place(model);
    let names = [Some(model), (bare != model).then_some(bare)].into_iter().flatten();
    let undated = [without_date(model), without_date(bare).filter(|_| bare != model)].into_iter().flatten();
    names.chain(undated)
}

/// Geographies of Bedrock's cross-region inference profiles, by AWS's list of them.
const REGIONS: &[&str] = &["us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global"];

fn without_place(model: &str) -> &str {
    let name = match model.rsplit_once("models/") {
        Some((_, name)) => name,
        None if model.starts_with("arn:") => model.rsplit('/').next().unwrap_or(model),
        None if model.starts_with("ft:") => fine_tuned(model),
        None => model.strip_prefix("google/").unwrap_or(model),
    };
    match name.split_once('.') {
        Some((region, rest)) if REGIONS.contains(&region) => rest,
        _ => name,
    }
}

/// `ft:BASE` of OpenAI's `ft:BASE:ORGANISATION:NAME:ID`.
fn fine_tuned(model: &str) -> &str {
    model.match_indices(':').nth(1).map_or(model, |(at, _)| &model[..at])
}

fn without_date(model: &str) -> Option<&str> {
    if let Some(name) = model.strip_suffix("-latest") {
        return Some(name);
    }
    let ends_in = |pattern: &str| {
        let at = model.len().checked_sub(pattern.len())?;
        let fits = |(byte, like): (u8, u8)| if like == b'0' { byte.is_ascii_digit() } else { byte == like };
        let same = model.as_bytes()[at..].iter().copied().zip(pattern.bytes()).all(fits);
        (same && at > 0).then(|| model.split_at_checked(at)).flatten()
    };
    ["-0000-00-00", "-00000000", "@00000000"].into_iter().find_map(ends_in).map(|(name, _)| name)
}

/// Reads a table: a line `version NAME`, and a line for each price, `KIND MODEL input=USD output=USD ...`, in dollars
/// per million tokens. What else may stand there: `cache_read`, `cache_write`, `cache_write_1h`, `reasoning`,
/// `audio_input`, `audio_output`, `long_above` (tokens) with `long_input`, `long_output` and `long_cache_read`,
/// `valid_from` and `valid_to` (Unix seconds). Empty lines and what follows a `#` at the start of a line are comments.
///
/// # Errors
/// The first line that is not like that, or says what another one says.
pub fn parse_table(text: &str) -> Result<PriceTable, ParseError> {
    let mut table = PriceTable::default();
    let mut lines = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let wrong = |text: String| ParseError { line: line_number, text };
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (None, _) => {}
            (Some(word), _) if word.starts_with('#') => {}
            (Some("version"), Some(version)) => version.clone_into(&mut table.version),
            (Some(kind), Some(model)) => {
                let row = row(kind, model, words).map_err(wrong)?;
                let key = (row.kind.clone(), row.model.clone(), row.valid_from);
                if let Some((first, _)) = lines.insert(key, (line_number, row)) {
                    let text = format!("`{kind} {model}` has a price on line {first} already: leave one out");
                    return Err(wrong(text));
                }
            }
            (Some(word), None) => {
                return Err(wrong(format!(
                    "`{word}` stands alone: expected `KIND MODEL input=USD output=USD`"
                )));
            }
        }
    }
    table.rows = lines.into_values().map(|(_, row)| row).collect();
    Ok(table)
}

/// What one line says, before it is known whether everything needed is there.
#[derive(Default)]
struct Fields {
    input: Option<NanoUsd>,
    output: Option<NanoUsd>,
    long_above: Option<u64>,
    long_input: Option<NanoUsd>,
    long_output: Option<NanoUsd>,
    long_cache_read: Option<NanoUsd>,
    valid_from: Option<i64>,
    valid_to: Option<i64>,
    price: Price,
}

fn row<'a>(kind: &str, model: &str, words: impl Iterator<Item = &'a str>) -> Result<Row, String> {
    let mut fields = Fields::default();
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is not `NAME=VALUE`: leave it out or add a value"))?;
        if seen.contains(&name) {
            return Err(format!("`{name}` stands there twice: leave one out"));
        }
        seen.push(name);
        fields.set(name, value)?;
    }
    let price = fields.price()?;
    let Fields { valid_from, valid_to, .. } = fields;
    Ok(Row { kind: kind.into(), model: model.into(), valid_from, valid_to, price })
}

impl Fields {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let dollars = || {
            NanoUsd::from_dollars(value).map(Some).ok_or_else(|| {
                format!("`{name}={value}`: expected dollars per million tokens, such as 0.15, with at most 9 decimals")
            })
        };
        match name {
            "input" => self.input = dollars()?,
            "output" => self.output = dollars()?,
            "cache_read" => self.price.cache_read = dollars()?,
            "cache_write" => self.price.cache_write = dollars()?,
            "cache_write_1h" => self.price.cache_write_1h = dollars()?,
            "reasoning" => self.price.reasoning = dollars()?,
            "audio_input" => self.price.audio_input = dollars()?,
            "audio_output" => self.price.audio_output = dollars()?,
            "long_above" => self.long_above = Some(number(name, value)?),
            "long_input" => self.long_input = dollars()?,
            "long_output" => self.long_output = dollars()?,
            "long_cache_read" => self.long_cache_read = dollars()?,
            "valid_from" => self.valid_from = Some(number(name, value)?),
            "valid_to" => self.valid_to = Some(number(name, value)?),
            _ => {
                return Err(format!(
                    "`{name}` is no part of a price: the head of the bundled table names them all"
                ));
            }
        }
        Ok(())
    }

    fn price(&self) -> Result<Price, String> {
        let need =
            |value: Option<NanoUsd>, name: &str| value.ok_or_else(|| format!("`{name}=` is missing: add it"));
        let long_context = match self.long_above {
            Some(above_tokens) => Some(LongContextPrice {
                above_tokens,
                input: need(self.long_input, "long_input")?,
                output: need(self.long_output, "long_output")?,
                cache_read: self.long_cache_read,
            }),
            None if self.long_input.or(self.long_output).or(self.long_cache_read).is_some() => {
                return Err("`long_above=` is missing: add it, in tokens".to_owned());
            }
            None => None,
        };
        let (input, output) = (need(self.input, "input")?, need(self.output, "output")?);
        Ok(Price { input, output, long_context, ..self.price })
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{name}={value}`: expected a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLED: &str = include_str!("prices.txt");

    #[test]
    fn the_bundled_table_parses_and_is_sorted() {
        let table = parse_table(BUNDLED).unwrap();
        assert!(table.len() > 1_000 && table.version().starts_with("bundled-20"), "{}", table.version());
        let names: Vec<_> =
            BUNDLED.lines().filter(|l| !l.starts_with('#') && !l.starts_with("version ")).collect();
        assert_eq!(names.len(), table.len());
        for row in &table.rows {
            let free = row.price.is_free();
            assert_eq!(
                free,
                &*row.kind == "ollama",
                "{} {}: a price of 0 is seldom known",
                row.kind,
                row.model
            );
            let dearest = row.price.bound(1_000_000, 1_000_000).unwrap();
            assert!(
                dearest < NanoUsd(5_000_000_000_000),
                "{} {}: {}",
                row.kind,
                row.model,
                dearest.dollars()
            );
        }
    }

    fn price(kind: &str, model: &str) -> Option<String> {
        let Price { input, output, cache_read, cache_write, cache_write_1h, long_context, .. } =
            bundled(kind, model)?.price;
        let shown = |amount: Option<NanoUsd>| amount.map_or("-".to_owned(), NanoUsd::dollars);
        let long = long_context
            .map(|l| format!(" >{} {} {}", l.above_tokens, l.input.dollars(), l.output.dollars()));
        let parts = [Some(input), Some(output), cache_read, cache_write, cache_write_1h].map(shown).join(" ");
        Some(parts + &long.unwrap_or_default())
    }

    #[test]
    fn well_known_models_cost_what_their_vendors_say() {
        let check = |kind, model, expect: Option<&str>| {
            assert_eq!(price(kind, model).as_deref(), expect, "{kind} {model}");
        };
        check("openai", "gpt-4o-mini", Some("0.15 0.6 0.075 - -"));
        check("openai", "gpt-4o-2024-05-13", Some("5 15 - - -"));
        check("azure", "gpt-4o", Some("2.5 10 1.25 - -"));
        check("anthropic", "claude-haiku-4-5", Some("1 5 0.1 1.25 2"));
        check("vertex", "claude-haiku-4-5@20251001", Some("1 5 0.1 1.25 2"));
        check("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", Some("1.1 5.5 0.11 1.375 2.2"));
        check("gemini", "gemini-2.5-pro", Some("1.25 10 0.125 - - >200000 2.5 15"));
        check("vertex", "google/gemini-2.5-pro", Some("1.25 10 0.125 - - >200000 2.5 15"));
        check("deepseek", "deepseek-chat", Some("0.28 0.42 0.028 - -"));
        check("ollama", "llama3.1", Some("0 0 - - -"));
        check("ollama", "gpt-oss:120b-cloud", None);
        check("openai", "no-such-model", None);
        check("openai-compatible", "gpt-4o-mini", None);
        check("sandbox", "echo", None);
    }

    #[test]
    fn names_are_found_in_all_their_spellings() {
        let check = |model, expect: &[&str]| {
            let found: Vec<_> = spellings(model).collect();
            assert_eq!(found, expect, "{model}");
        };
        check("gpt-4o", &["gpt-4o"]);
        check("gpt-4o-2024-08-06", &["gpt-4o-2024-08-06", "gpt-4o"]);
        check("claude-x-20250219", &["claude-x-20250219", "claude-x"]);
        check("claude-x@20250219", &["claude-x@20250219", "claude-x"]);
        check("grok-4-latest", &["grok-4-latest", "grok-4"]);
        check("models/gemini-2.5-pro", &["models/gemini-2.5-pro", "gemini-2.5-pro"]);
        check("google/gemini-x", &["google/gemini-x", "gemini-x"]);
        check(
            "projects/p/locations/l/publishers/anthropic/models/claude-x@20250219",
            &[
                "projects/p/locations/l/publishers/anthropic/models/claude-x@20250219",
                "claude-x@20250219",
                "projects/p/locations/l/publishers/anthropic/models/claude-x",
                "claude-x",
            ],
        );
        check("eu.anthropic.c-v1:0", &["eu.anthropic.c-v1:0", "anthropic.c-v1:0"]);
        check(
            "arn:aws:bedrock:eu:1:inference-profile/eu.a.b",
            &["arn:aws:bedrock:eu:1:inference-profile/eu.a.b", "a.b"],
        );
        check("ft:gpt-4o:me::id", &["ft:gpt-4o:me::id", "ft:gpt-4o"]);
        check("ft:gpt-4o", &["ft:gpt-4o"]);
        check("-2024-08-06", &["-2024-08-06"]);
        check("20250219", &["20250219"]);
        check("", &[""]);
        check("模型-20250219", &["模型-20250219", "模型"]);
    }

    #[test]
    fn tables_of_files() {
        let text = "# ours\n\nversion ours-7\nopenai gpt-x input=1 output=2 long_above=9 long_input=3 long_output=4 \
                    long_cache_read=0.5\n  mistral m  cache_write=1.5 output=0 input=0 \r\n\
                    mistral m input=5 output=5 valid_from=100 valid_to=200\n";
        let table = parse_table(text).unwrap();
        assert_eq!((table.len(), table.version(), table.is_empty()), (3, "ours-7", false));
        let check = |kind, model, unix_s, input: Option<&str>| {
            let found = table.lookup(kind, model, unix_s).map(|found| found.price.input.dollars());
            assert_eq!(found.as_deref(), input, "{kind} {model} {unix_s}");
        };
        check("openai", "gpt-x-2026-01-01", 0, Some("1"));
        check("mistral", "m", 99, Some("0"));
        check("mistral", "m", 100, Some("5"));
        check("mistral", "m", 200, Some("0"));
        check("openai", "m", 0, None);
        check("", "", 0, None);
        let found = table.lookup("mistral", "m", 150).unwrap();
        assert_eq!((found.version, found.valid_from, found.valid_to), ("ours-7", Some(100), Some(200)));
        assert!(parse_table("").unwrap().is_empty());
    }

    #[test]
    fn errors_name_the_line_and_what_would_be_right() {
        let check = |text: &str, expect: &str| assert_eq!(parse_table(text).unwrap_err().to_string(), expect);
        check("openai", "line 1: `openai` stands alone: expected `KIND MODEL input=USD output=USD`");
        check("\nopenai m input=1", "line 2: `output=` is missing: add it");
        check("openai m", "line 1: `input=` is missing: add it");
        check("openai m input", "line 1: `input` is not `NAME=VALUE`: leave it out or add a value");
        check(
            "openai m input=-1 output=1",
            "line 1: `input=-1`: expected dollars per million tokens, such as 0.15, with at most 9 decimals",
        );
        check("openai m input=1 input=1", "line 1: `input` stands there twice: leave one out");
        check(
            "openai m inptu=1",
            "line 1: `inptu` is no part of a price: the head of the bundled table names them all",
        );
        check("a m input=1 output=1 long_above=x", "line 1: `long_above=x`: expected a whole number");
        check("a m input=1 output=1 long_input=1", "line 1: `long_above=` is missing: add it, in tokens");
        check("a m input=1 output=1 long_above=1 long_input=1", "line 1: `long_output=` is missing: add it");
        check(
            "a m input=1 output=1\n\na m input=2 output=1",
            "line 3: `a m` has a price on line 1 already: leave one out",
        );
    }
}
