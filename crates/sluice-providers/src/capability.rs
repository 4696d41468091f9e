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

/// Facts by kind and model.
type Table = BTreeMap<(&'static str, &'static str), ModelFacts>;

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
/// (`models/` of Gemini, the path of Vertex, the ARN and the region of Bedrock); each of them without a date
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
        None => model,
    };
    match name.split_once('.') {
        Some((region, rest)) if REGIONS.contains(&region) => rest,
        _ => name,
    }
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
fn row(line: &'static str) -> Result<Option<((&'static str, &'static str), ModelFacts)>, String> {
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
        None => {
            let flag = match word {
                "tools" => &mut facts.tools,
                "parallel_tools" => &mut facts.parallel_tools,
                "json_schema" => &mut facts.json_schema,
                "vision" => &mut facts.vision,
                "audio" => &mut facts.audio,
                "pdf" => &mut facts.pdf,
                "reasoning" => &mut facts.reasoning,
                "prompt_cache" => &mut facts.prompt_cache,
                _ => return None,
            };
            *flag = true;
        }
    }
    Some(())
}
