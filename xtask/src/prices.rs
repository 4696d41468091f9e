//! `cargo xtask prices SOURCE.json DAY`: writes the built-in tables of prices and of capabilities from a file of facts
//! about models: an object by model, each with its `provider`, prices in dollars per token, and flags. `DAY` is the
//! day of the facts, `YYYY-MM-DD`; it becomes part of the version that charges are recorded with.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use serde_json::value::RawValue;

use crate::Outcome;

const PRICES: &str = "crates/sluice-ledger/src/prices.txt";
const CAPABILITIES: &str = "crates/sluice-providers/src/capabilities.txt";

/// The source's names of providers, the prefix that it puts before their models, and the kind of ours that they are.
/// Where two name the same model, the first one counts. Kinds that are not here are not in the source (OpenRouter,
/// NVIDIA, SiliconFlow, Qianfan, Hunyuan) or run where there is no list of prices.
const KINDS: &[(&str, &str, &str)] = &[
    ("anthropic", "", "anthropic"),
    ("azure", "azure/", "azure"),
    ("azure_ai", "azure_ai/", "azure"),
    ("bedrock_converse", "", "bedrock"),
    ("bedrock", "", "bedrock"),
    ("bedrock_mantle", "bedrock_mantle/", "bedrock"),
    ("bigmodel", "bigmodel/", "zhipu"),
    ("cerebras", "cerebras/", "cerebras"),
    ("cohere_chat", "", "cohere"),
    ("dashscope", "dashscope/", "dashscope"),
    ("deepinfra", "deepinfra/", "deepinfra"),
    ("deepseek", "deepseek/", "deepseek"),
    ("fireworks_ai", "fireworks_ai/", "fireworks"),
    ("gemini", "gemini/", "gemini"),
    ("groq", "groq/", "groq"),
    ("minimax", "minimax/", "minimax"),
    ("mistral", "mistral/", "mistral"),
    ("moonshot", "moonshot/", "moonshot"),
    ("ollama", "ollama/", "ollama"),
    ("openai", "", "openai"),
    ("perplexity", "perplexity/", "perplexity"),
    ("together_ai", "together_ai/", "together"),
    ("vertex_ai", "vertex_ai/", "vertex"),
    ("vertex_ai-ai21_models", "vertex_ai/", "vertex"),
    ("vertex_ai-anthropic_models", "vertex_ai/", "vertex"),
    ("vertex_ai-deepseek_models", "vertex_ai/", "vertex"),
    ("vertex_ai-language-models", "vertex_ai/", "vertex"),
    ("vertex_ai-llama_models", "vertex_ai/", "vertex"),
    ("vertex_ai-minimax_models", "vertex_ai/", "vertex"),
    ("vertex_ai-mistral_models", "vertex_ai/", "vertex"),
    ("vertex_ai-moonshot_models", "vertex_ai/", "vertex"),
    ("vertex_ai-openai_models", "vertex_ai/", "vertex"),
    ("vertex_ai-qwen_models", "vertex_ai/", "vertex"),
    ("vertex_ai-zai_models", "vertex_ai/", "vertex"),
    ("volcengine", "volcengine/", "ark"),
    ("xai", "xai/", "xai"),
    ("zai", "zai/", "zhipu"),
];

/// Parts of names of what does not answer chats, or is no model at all but a rule about many.
const NO_CHAT: &[&str] = &[
    "-tts",
    "commitment/",
    "container",
    "embed",
    "fireworks-ai-",
    "lyria",
    "moderation",
    "realtime",
    "rerank",
    "together-ai-",
    "transcribe",
    "whisper",
];

/// Kinds whose models' names have no slash: what stands before one in the source is a region, which we cannot know.
const NO_SLASH: &[&str] = &["azure", "bedrock"];

/// Kinds that run on the operator's own machines, for whom a price of 0 means what it says. Elsewhere the source has
/// 0 for what it does not know.
const FREE: &[&str] = &["ollama"];

/// How Ollama names the models that it runs itself, for money.
const NOT_FREE: &str = "-cloud";

/// No model ever cost more, in nano-dollars per million tokens (1,000 dollars); what does is a slip of the source, by a
/// factor of a thousand, and is left out.
const PRICE_MAX: u64 = 1_000_000_000_000;

/// Our words for components of a price, the source's, and the component that holds where there is none.
const COMPONENTS: &[(&str, &str, Option<&str>)] = &[
    ("input", "input_cost_per_token", None),
    ("output", "output_cost_per_token", None),
    ("cache_read", "cache_read_input_token_cost", Some("input")),
    ("cache_write", "cache_creation_input_token_cost", Some("input")),
    ("cache_write_1h", "cache_creation_input_token_cost_above_1hr", Some("cache_write")),
    ("reasoning", "output_cost_per_reasoning_token", Some("output")),
    ("audio_input", "input_cost_per_audio_token", Some("input")),
    ("audio_output", "output_cost_per_audio_token", Some("output")),
];

/// The tiers of long prompts: how many tokens a prompt has more than, and the source's names of their prices.
const TIERS: &[(u64, &str, &str)] = &[
    (128_000, "input_cost_per_token_above_128k_tokens", "output_cost_per_token_above_128k_tokens"),
    (200_000, "input_cost_per_token_above_200k_tokens", "output_cost_per_token_above_200k_tokens"),
];

const FLAGS: &[(&str, &str)] = &[
    ("audio", "supports_audio_input"),
    ("json_schema", "supports_response_schema"),
    ("parallel_tools", "supports_parallel_function_calling"),
    ("pdf", "supports_pdf_input"),
    ("prompt_cache", "supports_prompt_caching"),
    ("reasoning", "supports_reasoning"),
    ("tools", "supports_function_calling"),
    ("vision", "supports_vision"),
];

/// What the source says about a model: JSON as it is written, for prices are to be read without floating point.
type Facts = BTreeMap<String, Box<RawValue>>;
/// The same by kind and name.
type Models<'a> = BTreeMap<(&'static str, &'a str), &'a Facts>;

pub(crate) fn run(args: &[String]) -> Outcome {
    let [source, day] = args else {
        return Err("usage: cargo xtask prices SOURCE.json DAY".to_owned());
    };
    if day.len() != 10 || !day.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Err(format!("`{day}` is not a day: expected YYYY-MM-DD"));
    }
    let text = fs::read_to_string(source).map_err(|error| format!("cannot read {source}: {error}"))?;
    let facts: BTreeMap<String, Facts> =
        serde_json::from_str(&text).map_err(|error| format!("{source} is not what is expected: {error}"))?;
    let models = models(&facts);
    for (path, text) in [(PRICES, prices(&models, day)?), (CAPABILITIES, capabilities(&models, day)?)] {
        fs::write(crate::root().join(path), &text)
            .map_err(|error| format!("cannot write {path}: {error}"))?;
        let rows = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("version")).count();
        println!("{path}: {rows} models, {} bytes", text.len());
    }
    Ok(())
}

/// The chat models of the kinds that we name.
fn models(facts: &BTreeMap<String, Facts>) -> Models<'_> {
    let mut models = Models::new();
    for (provider, prefix, kind) in KINDS {
        for (name, facts) in facts {
            let of_provider = facts.get("provider").and_then(|p| text(p)).is_some_and(|p| p == *provider);
            let chat = !NO_CHAT.iter().any(|part| name.contains(part));
            if of_provider && chat {
                let model = name.strip_prefix(prefix).unwrap_or(name);
                if !(NO_SLASH.contains(kind) && model.contains('/')) {
                    models.entry((*kind, model)).or_insert(facts);
                }
            }
        }
    }
    models
}

fn prices(models: &Models<'_>, day: &str) -> Result<String, String> {
    let mut out = format!("{PRICES_HEAD}version bundled-{day}\n");
    for ((kind, model), facts) in models {
        let line = price(kind, model, facts).map_err(|error| format!("{kind} {model}: {error}"))?;
        if let Some(line) = line {
            let _ = writeln!(out, "{kind} {model}{line}");
        }
    }
    Ok(out)
}

/// The components of one model's price; `None` where the source does not know what it costs.
fn price(kind: &str, model: &str, facts: &Facts) -> Result<Option<String>, String> {
    let free = FREE.contains(&kind) && !model.ends_with(NOT_FREE);
    let amount = |name: &str| -> Result<Option<u64>, String> {
        let nano = facts.get(name).map(|value| nano_per_million(value.get())).transpose()?;
        Ok(nano.filter(|nano| *nano > 0 || free))
    };
    let mut found = BTreeMap::new();
    let mut line = String::new();
    for (name, source, parent) in COMPONENTS {
        let Some(nano) = amount(source)? else {
            if parent.is_none() {
                return Ok(None);
            }
            continue;
        };
        if nano > PRICE_MAX {
            println!("left out, for nothing costs {} USD per million tokens: {kind} {model}", dollars(nano));
            return Ok(None);
        }
        let inherited =
            parent.map(|parent| found.get(parent).or(found.get("input")).copied().unwrap_or_default());
        found.insert(*name, nano);
        if inherited != Some(nano) {
            let _ = write!(line, " {name}={}", dollars(nano));
        }
    }
    for (above, input, output) in TIERS {
        if let (Some(input), Some(output)) = (amount(input)?, amount(output)?) {
            let (input, output) = (dollars(input), dollars(output));
            let _ = write!(line, " long_above={above} long_input={input} long_output={output}");
            break;
        }
    }
    Ok(Some(line))
}

fn capabilities(models: &Models<'_>, day: &str) -> Result<String, String> {
    let mut out = format!("{CAPABILITIES_HEAD}# Of {day}.\n");
    for ((kind, model), facts) in models {
        let mut line = String::new();
        for (name, source) in [("context", "max_input_tokens"), ("output", "max_output_tokens")] {
            if let Some(value) = facts.get(source) {
                let tokens: u64 =
                    value.get().parse().map_err(|_| format!("{kind} {model}: `{source}` is not a count"))?;
                if tokens > 0 {
                    let _ = write!(line, " {name}={tokens}");
                }
            }
        }
        for (name, source) in FLAGS {
            if facts.get(*source).is_some_and(|value| value.get() == "true") {
                let _ = write!(line, " {name}");
            }
        }
        if let Some(day) = facts.get("deprecation_date").and_then(|day| text(day)) {
            let _ = write!(line, " ends={day}");
        }
        if !line.is_empty() {
            let _ = writeln!(out, "{kind} {model}{line}");
        }
    }
    Ok(out)
}

/// The inside of a JSON string without escapes.
fn text(value: &RawValue) -> Option<&str> {
    value.get().strip_prefix('"')?.strip_suffix('"').filter(|text| !text.contains('\\'))
}

/// Nano-dollars per million tokens, of dollars per token as JSON writes them: exactly where it is a whole number, else
/// the next one above (prices that were converted from another currency).
fn nano_per_million(text: &str) -> Result<u64, String> {
    /// A dollar per token is 10^15 nano-dollars per million tokens.
    const SCALE: i32 = 15;
    let wrong = || format!("`{text}` is not a price");
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    let exponent: i32 = exponent.parse().map_err(|_| wrong())?;
    let power = exponent + SCALE - i32::try_from(fraction.len()).map_err(|_| wrong())?;
    let factor = 10u128.checked_pow(power.unsigned_abs()).ok_or_else(wrong)?;
    let nano = if power >= 0 { digits.checked_mul(factor) } else { Some(digits.div_ceil(factor)) };
    nano.and_then(|nano| u64::try_from(nano).ok()).ok_or_else(wrong)
}

/// Dollars as people write them, exactly.
fn dollars(nano: u64) -> String {
    let text = format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const PRICES_HEAD: &str = "\
# Prices of chat models, written by `cargo xtask prices`: change the source, not this file.
# KIND MODEL input=USD output=USD ..., in dollars per million tokens. What is not named costs what its parent costs:
# cache_read, cache_write (five minutes) and audio_input as input, cache_write_1h as cache_write, reasoning and
# audio_output as output. Above long_above tokens of prompt, long_input and long_output hold for the whole request;
# long_cache_read too, and what is not named there keeps its ratio. valid_from, valid_to: Unix seconds.
";

const CAPABILITIES_HEAD: &str = "\
# What chat models can do, written by `cargo xtask prices`: change the source, not this file.
# KIND MODEL context=TOKENS output=TOKENS FLAG... ends=DAY
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_converted_exactly() {
        let check = |text: &str, expect: Option<&str>| {
            let usd = nano_per_million(text).ok().map(dollars);
            assert_eq!(usd.as_deref(), expect, "{text}");
        };
        check("1.5e-07", Some("0.15"));
        check("7.5e-08", Some("0.075"));
        check("0.000015", Some("15"));
        check("1.25E-06", Some("1.25"));
        check("0.0", Some("0"));
        check("0", Some("0"));
        check("1e-15", Some("0.000000001"));
        check("1.1e-15", Some("0.000000002"));
        check("2.857142857142857e-07", Some("0.285714286"));
        for bad in ["-1e-7", "true", "\"1\"", "1e99", "1e-99", "", "null"] {
            check(bad, None);
        }
    }

    fn tables(source: &str) -> (String, String) {
        let facts: BTreeMap<String, Facts> = serde_json::from_str(source).unwrap();
        let models = models(&facts);
        let body = |text: String| text.lines().filter(|l| !l.starts_with('#')).collect::<Vec<_>>().join("\n");
        (body(prices(&models, "2026-11-21").unwrap()), body(capabilities(&models, "2026-11-21").unwrap()))
    }

    #[test]
    fn components_that_cost_what_their_parent_costs_are_left_out() {
        let (prices, capabilities) = tables(
            r#"{
                "a": {"provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
                      "cache_read_input_token_cost": 1e-7, "cache_creation_input_token_cost": 0.0,
                      "output_cost_per_reasoning_token": 2e-6, "input_cost_per_token_above_200k_tokens": 2e-6,
                      "output_cost_per_token_above_200k_tokens": 3e-6, "max_input_tokens": 1000,
                      "supports_vision": true, "supports_pdf_input": false, "deprecation_date": "2027-01-02"},
                "free": {"provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0},
                "slip": {"provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 0.0097},
                "a-tts": {"provider": "openai", "input_cost_per_token": 1, "output_cost_per_token": 1},
                "azure/eu/a": {"provider": "azure", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
                "gemini/b": {"provider": "gemini", "input_cost_per_token": 1e-6, "max_output_tokens": 0},
                "ollama/c": {"provider": "ollama", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
                "ollama/c-cloud": {"provider": "ollama", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
                "other/d": {"provider": "other", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
                "zai/e": {"provider": "zai", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
                "bigmodel/e": {"provider": "bigmodel", "input_cost_per_token": 3e-6, "output_cost_per_token": 1e-6}
            }"#,
        );
        assert_eq!(
            prices,
            "version bundled-2026-11-21\n\
             ollama c input=0 output=0\n\
             openai a input=1 output=2 cache_read=0.1 long_above=200000 long_input=2 long_output=3\n\
             zhipu e input=3 output=1"
        );
        assert_eq!(capabilities, "openai a context=1000 vision ends=2027-01-02");
    }
}
