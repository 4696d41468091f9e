//! `[[models]]`: names that callers use, and who answers for them.

use sluice_gateway::rules::is_header_text;
use sluice_ledger::{LongContextPrice, NanoUsd, Origin, Price};
use sluice_providers::sandbox;
use sluice_store::{ModelCapabilities, ModelOptions, ModelRecord, TargetRecord};

use super::{
    keys::{MAX_TOKENS, output_limit},
    problem::hint,
    providers::SANDBOX,
    reader::{Section, Text, Value},
    unique::Names,
};

const MAX_WEIGHT: u64 = 1_000;
const MAX_PRIORITY: u64 = 100;
const MAX_WAIT_MS: u64 = 24 * 60 * 60 * 1000;
const MAX_ATTEMPTS: u64 = 20;
const MAX_RETRY_AFTER_WAIT_MS: u64 = 60_000;

/// What a target may name.
pub(super) struct KnownProviders<'a> {
    /// Of the file, or where it has none those that are detected: each name, and how it is shown.
    pub(super) names: Vec<(&'a str, &'a str)>,
    pub(super) sandbox_enabled: bool,
}

pub(super) fn models(root: &Section<'_>, providers: &KnownProviders<'_>) -> Vec<ModelRecord> {
    let mut names = Names::new("model");
    root.sections("models").into_iter().filter_map(|section| model(section, providers, &mut names)).collect()
}

fn model(section: Section<'_>, providers: &KnownProviders<'_>, names: &mut Names) -> Option<ModelRecord> {
    let name = section.need("name").and_then(|value| value.text());
    if let Some(name) = &name {
        names.add(&section, name);
    }
    let targets = section.need("targets").and_then(|value| targets(&value, providers));
    let price = section.section("price").and_then(price);
    let options = options(&section);
    section.finish();
    let (name, targets) = (name?, targets?);
    Some(ModelRecord { name: name.value, targets, price, options, origin: Origin::File })
}

/// The targets, in the order in which they are tried.
fn targets(value: &Value<'_>, providers: &KnownProviders<'_>) -> Option<Vec<TargetRecord>> {
    let items = value.items()?;
    if items.is_empty() {
        value.fail("names no target");
        return None;
    }
    let mut list = Vec::new();
    for item in items {
        list.extend(item.section().and_then(|section| target(section, providers)));
    }
    list.sort_by_key(|target| target.priority);
    Some(list)
}

fn target(section: Section<'_>, providers: &KnownProviders<'_>) -> Option<TargetRecord> {
    let provider = section.need("provider").and_then(|value| value.text());
    let model = section.need("model").and_then(|value| value.text());
    if let Some(provider) = &provider {
        check_provider(&section, provider, providers);
    }
    if let Some(model) = &model {
        let from_sandbox = provider.as_ref().is_some_and(|provider| provider.value == SANDBOX);
        check_model(&section, model, from_sandbox);
    }
    let weight = section.integer("weight", 1..MAX_WEIGHT + 1).unwrap_or(1);
    let priority = section.integer("priority", 0..MAX_PRIORITY + 1).unwrap_or(0);
    let capabilities = capabilities(&section);
    section.finish();
    Some(TargetRecord {
        provider: provider?.value,
        model: model?.value,
        weight: u32::try_from(weight).ok()?,
        priority: u32::try_from(priority).ok()?,
        capabilities,
    })
}

fn check_provider(section: &Section<'_>, provider: &Text, providers: &KnownProviders<'_>) {
    let name = provider.value.as_str();
    let fail = |text: String| section.reader.problem(provider.offset, &provider.path, text);
    if name == SANDBOX {
        if !providers.sandbox_enabled {
            fail("the sandbox is switched off by [sandbox] enabled = false".to_owned());
        }
        return;
    }
    if !providers.names.iter().any(|(known, _)| *known == name) {
        let names: Vec<&str> = providers.names.iter().map(|(_, shown)| *shown).collect();
        let there = match names.as_slice() {
            [] => "there is only `sandbox`".to_owned(),
            names => format!("there are: {}, sandbox", names.join(", ")),
        };
        let shown = &provider.shown;
        fail(format!("there is no provider `{shown}`{}; {there}", hint(shown, names)));
    }
}

fn check_model(section: &Section<'_>, model: &Text, from_sandbox: bool) {
    let fail = |text: String| section.reader.problem(model.offset, &model.path, text);
    if model.value.trim().is_empty() {
        fail("must not be empty".to_owned());
    } else if !is_header_text(&model.value) {
        fail("must be printable ASCII: it stands in response headers".to_owned());
    } else if from_sandbox && !sandbox::models().contains(&model.value.as_str()) {
        fail(format!(
            "the sandbox has no model `{}`; there are: {}",
            model.shown,
            sandbox::models().join(", ")
        ));
    }
}

fn capabilities(section: &Section<'_>) -> ModelCapabilities {
    let words = section.texts("capabilities");
    for word in words.iter().flatten() {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if word.value.is_empty() || !word.value.chars().all(fine) {
            let text = "must be a word of lower-case letters, digits and `_`, such as `tools`";
            section.reader.problem(word.offset, &word.path, text);
        }
    }
    ModelCapabilities {
        context_length: section.integer("context_length", 1..MAX_TOKENS + 1),
        max_output_tokens: section.integer("max_output_tokens", 1..MAX_TOKENS + 1),
        capabilities: words.map(|words| words.into_iter().map(|word| word.value).collect()),
    }
}

fn price(section: Section<'_>) -> Option<Price> {
    let amount = |key: &'static str| section.get(key).and_then(|value| value.dollars());
    let input = section.need("input").and_then(|value| value.dollars());
    let output = section.need("output").and_then(|value| value.dollars());
    let price = Price {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        cache_read: amount("cache_read"),
        cache_write: amount("cache_write"),
        cache_write_1h: amount("cache_write_1h"),
        reasoning: amount("reasoning"),
        audio_input: amount("audio_input"),
        audio_output: amount("audio_output"),
        long_context: section.section("long_context").and_then(long_context),
    };
    section.finish();
    input.and(output).map(|_| price)
}

fn long_context(section: Section<'_>) -> Option<LongContextPrice> {
    let amount = |value: Option<Value<'_>>| value.and_then(|value| value.dollars());
    let above_tokens = section.need("above_tokens").and_then(|value| value.integer(1..MAX_TOKENS + 1));
    let input: Option<NanoUsd> = amount(section.need("input"));
    let output = amount(section.need("output"));
    let cache_read = amount(section.get("cache_read"));
    section.finish();
    Some(LongContextPrice { above_tokens: above_tokens?, input: input?, output: output?, cache_read })
}

fn options(section: &Section<'_>) -> ModelOptions {
    let mut options = ModelOptions { capabilities: capabilities(section), ..ModelOptions::default() };
    options.unpriced_free = section.word("unpriced", &[("free", ())]).is_some();
    if let Some(timeouts) = section.section("timeouts") {
        let wait = |key: &'static str| timeouts.integer(key, 1..MAX_WAIT_MS + 1);
        options.connect_ms = wait("connect_ms");
        options.first_token_ms = wait("first_token_ms");
        options.idle_ms = wait("idle_ms");
        options.total_ms = wait("total_ms");
        timeouts.finish();
    }
    if let Some(retry) = section.section("retry") {
        options.max_attempts = retry.integer("max_attempts", 1..MAX_ATTEMPTS + 1).and_then(narrow);
        options.retry_after_wait_ms = retry.integer("retry_after_wait_ms", 0..MAX_RETRY_AFTER_WAIT_MS + 1);
        retry.finish();
    }
    if let Some(hedge) = section.section("hedge") {
        options.hedge_enabled = hedge.get("enabled").and_then(|value| value.flag());
        options.hedge_min_delay_ms = hedge.integer("min_delay_ms", 1..MAX_WAIT_MS + 1);
        options.hedge_budget_percent = hedge.integer("budget_percent", 0..101).and_then(narrow);
        hedge.finish();
    }
    options.stream_repair = section.word("stream_repair", &[("splice", true), ("off", false)]);
    options.strict = section.get("strict").and_then(|value| value.flag());
    options.default_max_output_tokens = output_limit(section, "default_max_output_tokens");
    options
}

fn narrow(number: u64) -> Option<u32> {
    u32::try_from(number).ok()
}
