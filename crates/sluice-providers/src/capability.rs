//! What models can do, as facts: the built-in table, by kind of vendor and the vendor's name of the model. What an
//! operator says about a model or a target comes before it.

use std::{collections::BTreeMap, sync::LazyLock};

/// What is known of a model. A flag that is not set is not known to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// Tokens of prompt and answer together, or of the prompt alone where the vendor counts it apart.
    pub context_length: Option<u64>,
    /// Tokens of the answer.
    pub max_output_tokens: Option<u64>,
    pub tools: bool,
    pub parallel_tools: bool,
    /// Structured output by a JSON Schema.
    pub json_schema: bool,
    /// Images in prompts.
    pub vision: bool,
    /// Sound in prompts.
    pub audio: bool,
    /// PDF files in prompts.
    pub pdf: bool,
    /// It thinks before it answers.
    pub reasoning: bool,
    /// The vendor keeps prompts for a cheaper second use.
    pub prompt_cache: bool,
    /// The day on which the vendor ends it, as `YYYY-MM-DD`.
    pub ends_on: Option<&'static str>,
}

impl ModelFacts {
    /// What an operator lists holds in place of what the table says: the flags are those of `words`, by the names that
    /// the table has for them. Words that it does not have mean nothing here.
    pub fn set_flags(&mut self, words: &[String]) {
        let known = *self;
        *self = Self {
            context_length: known.context_length,
            max_output_tokens: known.max_output_tokens,
            ends_on: known.ends_on,
            ..Self::default()
        };
        for word in words {
            if let Some(flag) = self.flag(word) {
                *flag = true;
            }
        }
    }

    /// The names of the flags that are set.
    pub fn flags(&self) -> Vec<&'static str> {
        let all = [
            ("tools", self.tools),
            ("parallel_tools", self.parallel_tools),
            ("json_schema", self.json_schema),
            ("vision", self.vision),
            ("audio", self.audio),
            ("pdf", self.pdf),
            ("reasoning", self.reasoning),
            ("prompt_cache", self.prompt_cache),
        ];
        all.into_iter().filter(|(_, set)| *set).map(|(word, _)| word).collect()
    }

    fn flag(&mut self, word: &str) -> Option<&mut bool> {
        Some(match word {
            "tools" => &mut self.tools,
            "parallel_tools" => &mut self.parallel_tools,
            "json_schema" => &mut self.json_schema,
            "vision" => &mut self.vision,
            "audio" => &mut self.audio,
            "pdf" => &mut self.pdf,
            "reasoning" => &mut self.reasoning,
            "prompt_cache" => &mut self.prompt_cache,
            _ => return None,
        })
    }
}

/// Kind of the vendor, and its name of the model.
type Name = (&'static str, &'static str);
type Table = BTreeMap<Name, ModelFacts>;

/// What is known of a model. `vendor_kind` is the word of the configuration (`openai`, `bedrock`), `upstream_model`
/// the name that goes to the vendor, as given or else the first of its [`spellings`] that is there.
pub fn facts(vendor_kind: &str, upstream_model: &str) -> Option<ModelFacts> {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        // Lines that cannot be read would leave models without facts; a test keeps that from being released.
        include_str!("capabilities.txt").lines().filter_map(|line| row(line).ok().flatten()).collect()
    });
    spellings(upstream_model).find_map(|name| TABLE.get(&(vendor_kind, name)).copied())
}

/// The names under which a model may stand in the table, the most exact first: as given; without what leads to it
/// (`models/` of Gemini, the path or `google/` of Vertex, the ARN and the region of Bedrock) and without whose it is
/// (`ft:gpt-4o:me::id`); each of them without a date
/// (`-2024-07-18`, `-20250219`, `@20250219`) or `-latest` at its end. The table of prices is read in the same way.
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

/// A row of the table, `None` for a comment, or what is wrong with the line.
fn row(line: &'static str) -> Result<Option<(Name, ModelFacts)>, String> {
    let mut words = line.split_ascii_whitespace();
    let (kind, model) = match (words.next(), words.next()) {
        (None, _) => return Ok(None),
        (Some(word), _) if word.starts_with('#') => return Ok(None),
        (Some(kind), Some(model)) => (kind, model),
        (Some(_), None) => return Err(format!("no model: {line}")),
    };
    let mut facts = ModelFacts::default();
    for word in words {
        set(&mut facts, word).ok_or_else(|| format!("`{word}`: {line}"))?;
    }
    Ok(Some(((kind, model), facts)))
}

fn set(facts: &mut ModelFacts, word: &'static str) -> Option<()> {
    match word.split_once('=') {
        Some(("context", tokens)) => facts.context_length = Some(tokens.parse().ok()?),
        Some(("output", tokens)) => facts.max_output_tokens = Some(tokens.parse().ok()?),
        Some(("ends", day)) => facts.ends_on = Some(day),
        Some(_) => return None,
        None => *facts.flag(word)? = true,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor;

    #[test]
    fn every_line_of_the_table_is_read_once_and_speaks_of_a_vendor_of_ours() {
        let mut seen = BTreeMap::new();
        for line in include_str!("capabilities.txt").lines() {
            let Some(((kind, model), facts)) = row(line).unwrap() else { continue };
            assert!(vendor(kind).is_some(), "{line}");
            assert!(facts.ends_on.is_none_or(|day| day.len() == 10), "{line}");
            assert_ne!(facts, ModelFacts::default(), "{line}");
            assert_eq!(seen.insert((kind, model), facts), None, "{line}");
        }
        assert!(seen.len() > 1_000);
        for line in ["openai", "openai m flies", "openai m context=many", "openai m wings=2"] {
            assert!(row(line).is_err(), "{line}");
        }
    }

    #[test]
    fn well_known_models_can_do_what_their_vendors_say() {
        let check = |kind: &str, model: &str, expect: Option<(u64, u64, &str)>| {
            let found = facts(kind, model).map(|facts| {
                let words = facts.flags();
                (facts.context_length.unwrap(), facts.max_output_tokens.unwrap(), words.join(" "))
            });
            let found = found.as_ref().map(|(context, output, words)| (*context, *output, words.as_str()));
            assert_eq!(found, expect, "{kind} {model}");
        };
        let mini = "tools parallel_tools json_schema vision pdf prompt_cache";
        check("openai", "gpt-4o-mini", Some((128_000, 16_384, mini)));
        // What is fine-tuned is a model of its own, known by its base.
        let tuned = "tools parallel_tools json_schema pdf prompt_cache";
        check("openai", "ft:gpt-4o-mini-2024-07-18:me::id", Some((128_000, 16_384, tuned)));
        let haiku = "tools json_schema vision pdf reasoning prompt_cache";
        check("anthropic", "claude-haiku-4-5", Some((200_000, 64_000, haiku)));
        check("anthropic", "claude-haiku-4-5-latest", Some((200_000, 64_000, haiku)));
        let gemini = "tools json_schema vision audio pdf reasoning prompt_cache";
        check("gemini", "models/gemini-2.5-pro", Some((1_048_576, 65_536, gemini)));
        check("openai-compatible", "gpt-4o-mini", None);
        check("sandbox", "echo", None);
    }
}
