//! A model as a request describes it.

use serde_json::{Value, json};
use sluice_ledger::Origin;
use sluice_store::{ModelCapabilities, ModelOptions, ModelRecord, TargetRecord};

use super::price;
use crate::admin::{
    fields::{Fields, Item},
    names::{ENTRIES_MAX, TOKENS_MAX, name},
    refuse::Checked,
};
use crate::rules::{NAME_CHARS, is_header_text};

const TARGETS_MAX: usize = 100;
const WEIGHT_MAX: u32 = 1_000;
const PRIORITY_MAX: u32 = 100;
const WAIT_MS_MAX: u64 = 24 * 60 * 60 * 1000;
const ATTEMPTS_MAX: u32 = 20;
const RETRY_AFTER_WAIT_MS_MAX: u64 = 60_000;

pub(super) fn read(body: &Value) -> Checked<ModelRecord> {
    let fields = Fields::root(body)?;
    let record = ModelRecord {
        name: name(&fields.need("name")?)?.to_owned(),
        targets: targets(&fields.need("targets")?)?,
        price: fields.fields("price")?.map(price::read).transpose()?,
        options: options(&fields)?,
        origin: Origin::Admin,
    };
    fields.finish()?;
    Ok(record)
}

/// What a model is, in the form of a request.
pub(super) fn of(record: &ModelRecord) -> Value {
    let ModelOptions {
        capabilities,
        unpriced_free,
        connect_ms,
        first_token_ms,
        idle_ms,
        total_ms,
        max_attempts,
        retry_after_wait_ms,
        hedge_enabled,
        hedge_min_delay_ms,
        hedge_budget_percent,
        stream_repair,
        strict,
        default_max_output_tokens,
    } = &record.options;
    let repair = stream_repair.map(|on| if on { "splice" } else { "off" });
    json!({
        "name": record.name,
        "targets": record.targets.iter().map(target_json).collect::<Vec<_>>(),
        "price": record.price.as_ref().map(price::json),
        "unpriced": unpriced_free.then_some("free"),
        "timeouts": {
            "connect_ms": connect_ms, "first_token_ms": first_token_ms, "idle_ms": idle_ms, "total_ms": total_ms,
        },
        "retry": { "max_attempts": max_attempts, "retry_after_wait_ms": retry_after_wait_ms },
        "hedge": {
            "enabled": hedge_enabled, "min_delay_ms": hedge_min_delay_ms, "budget_percent": hedge_budget_percent,
        },
        "stream_repair": repair,
        "strict": strict,
        "default_max_output_tokens": default_max_output_tokens,
        "context_length": capabilities.context_length,
        "max_output_tokens": capabilities.max_output_tokens,
        "capabilities": capabilities.capabilities,
    })
}

/// The targets in the order in which they are tried.
fn targets(item: &Item<'_>) -> Checked<Vec<TargetRecord>> {
    let items = item.items(TARGETS_MAX)?;
    if items.is_empty() {
        return Err(item.fail("names no target"));
    }
    let mut list = items.iter().map(target).collect::<Checked<Vec<_>>>()?;
    list.sort_by_key(|target| target.priority);
    Ok(list)
}

fn target(item: &Item<'_>) -> Checked<TargetRecord> {
    let fields = item.fields()?;
    let target = TargetRecord {
        provider: fields.need("provider")?.text()?.to_owned(),
        model: upstream_model(&fields.need("model")?)?,
        weight: fields.small("weight", 1..=WEIGHT_MAX)?.unwrap_or(1),
        priority: fields.small("priority", 0..=PRIORITY_MAX)?.unwrap_or(0),
        capabilities: capabilities(&fields)?,
    };
    fields.finish()?;
    Ok(target)
}

fn target_json(target: &TargetRecord) -> Value {
    let TargetRecord { provider, model, weight, priority, capabilities } = target;
    json!({
        "provider": provider,
        "model": model,
        "weight": weight,
        "priority": priority,
        "context_length": capabilities.context_length,
        "max_output_tokens": capabilities.max_output_tokens,
        "capabilities": capabilities.capabilities,
    })
}

fn upstream_model(item: &Item<'_>) -> Checked<String> {
    let text = item.text()?;
    if text.trim().is_empty() {
        Err(item.fail("must not be empty"))
    } else if !is_header_text(text) || text.len() > 2 * NAME_CHARS {
        Err(item.fail("must be printable ASCII, and not too long: it stands in response headers"))
    } else {
        Ok(text.to_owned())
    }
}

fn capabilities(fields: &Fields<'_>) -> Checked<ModelCapabilities> {
    Ok(ModelCapabilities {
        context_length: fields.integer("context_length", 1..=TOKENS_MAX)?,
        max_output_tokens: fields.integer("max_output_tokens", 1..=TOKENS_MAX)?,
        capabilities: fields.get("capabilities").map(|item| words(&item)).transpose()?,
    })
}

fn words(item: &Item<'_>) -> Checked<Vec<String>> {
    let mut list = Vec::new();
    for item in item.items(ENTRIES_MAX)? {
        let word = item.text()?;
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if word.is_empty() || word.len() > NAME_CHARS || !word.chars().all(fine) {
            return Err(item.fail("must be a word of lower-case letters, digits and '_', such as 'tools'"));
        }
        list.push(word.to_owned());
    }
    Ok(list)
}

fn options(fields: &Fields<'_>) -> Checked<ModelOptions> {
    let mut options = ModelOptions { capabilities: capabilities(fields)?, ..ModelOptions::default() };
    options.unpriced_free = fields.word("unpriced", &[("free", true)])?.unwrap_or(false);
    if let Some(timeouts) = fields.fields("timeouts")? {
        let wait = |key| timeouts.integer(key, 1..=WAIT_MS_MAX);
        options.connect_ms = wait("connect_ms")?;
        options.first_token_ms = wait("first_token_ms")?;
        options.idle_ms = wait("idle_ms")?;
        options.total_ms = wait("total_ms")?;
        timeouts.finish()?;
    }
    if let Some(retry) = fields.fields("retry")? {
        options.max_attempts = retry.small("max_attempts", 1..=ATTEMPTS_MAX)?;
        options.retry_after_wait_ms = retry.integer("retry_after_wait_ms", 0..=RETRY_AFTER_WAIT_MS_MAX)?;
        retry.finish()?;
    }
    if let Some(hedge) = fields.fields("hedge")? {
        options.hedge_enabled = hedge.flag("enabled")?;
        options.hedge_min_delay_ms = hedge.integer("min_delay_ms", 1..=WAIT_MS_MAX)?;
        options.hedge_budget_percent = hedge.small("budget_percent", 0..=100)?;
        hedge.finish()?;
    }
    options.stream_repair = fields.word("stream_repair", &[("splice", true), ("off", false)])?;
    options.strict = fields.flag("strict")?;
    options.default_max_output_tokens = fields.integer("default_max_output_tokens", 1..=TOKENS_MAX)?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Value {
        json!({
            "name": "m",
            "targets": [{
                "provider": "p", "model": "x", "weight": 2, "priority": 1, "context_length": 1,
                "max_output_tokens": 2, "capabilities": ["tools"],
            }],
            "price": {
                "input_nanousd_per_mtok": 1, "output_nanousd_per_mtok": 2, "cache_read_nanousd_per_mtok": 3,
                "cache_write_nanousd_per_mtok": 4, "cache_write_1h_nanousd_per_mtok": 5,
                "reasoning_nanousd_per_mtok": 6, "audio_input_nanousd_per_mtok": 7,
                "audio_output_nanousd_per_mtok": 8,
                "long_context": {
                    "above_tokens": 9, "input_nanousd_per_mtok": 10, "output_nanousd_per_mtok": 11,
                    "cache_read_nanousd_per_mtok": 12,
                },
            },
            "unpriced": "free",
            "timeouts": { "connect_ms": 1, "first_token_ms": 2, "idle_ms": 3, "total_ms": 4 },
            "retry": { "max_attempts": 5, "retry_after_wait_ms": 6 },
            "hedge": { "enabled": true, "min_delay_ms": 7, "budget_percent": 8 },
            "stream_repair": "off",
            "strict": true,
            "default_max_output_tokens": 9,
            "context_length": 10,
            "max_output_tokens": 11,
            "capabilities": ["tools", "vision"],
        })
    }

    #[test]
    fn a_model_is_what_its_form_says() {
        assert_eq!(of(&read(&whole()).unwrap()), whole());
        let least = json!({ "name": "m", "targets": [{ "provider": "p", "model": "x" }] });
        let record = read(&least).unwrap();
        assert_eq!(record.options, ModelOptions::default());
        assert_eq!(read(&of(&record)).unwrap(), record);
    }

    #[test]
    fn targets_are_in_their_order() {
        let target = |model: &str, priority| json!({ "provider": "p", "model": model, "priority": priority });
        let body = json!({ "name": "m", "targets": [target("b", 1), target("a", 0), target("c", 1)] });
        let models: Vec<String> = read(&body).unwrap().targets.into_iter().map(|t| t.model).collect();
        assert_eq!(models, ["a", "b", "c"]);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |pointer: &str, value: Value, code: &str, param: &str| {
            let mut body = whole();
            *body.pointer_mut(pointer).unwrap() = value.clone();
            let refusal = read(&body).unwrap_err();
            let found = (refusal.error.code.as_deref(), refusal.error.param.as_deref());
            assert_eq!(found, (Some(code), Some(param)), "{pointer}: {value}");
        };
        let (kind, range) = ("invalid_type", "integer_above_max_value");
        check("/name", json!(""), "invalid_value", "name");
        check("/targets", json!([]), "invalid_value", "targets");
        check("/targets", json!(null), "missing_required_parameter", "targets");
        check("/targets/0", json!("p"), kind, "targets[0]");
        check("/targets/0/provider", json!(null), "missing_required_parameter", "targets[0].provider");
        check("/targets/0/model", json!("ä"), "invalid_value", "targets[0].model");
        check("/targets/0/weight", json!(1_001), range, "targets[0].weight");
        check("/targets/0/priority", json!(101), range, "targets[0].priority");
        check("/targets/0/capabilities/0", json!("Tools"), "invalid_value", "targets[0].capabilities[0]");
        check("/price/input_nanousd_per_mtok", json!(0.15), kind, "price.input_nanousd_per_mtok");
        check(
            "/price/output_nanousd_per_mtok",
            json!(null),
            "missing_required_parameter",
            "price.output_nanousd_per_mtok",
        );
        check(
            "/price/long_context/above_tokens",
            json!(0),
            "integer_below_min_value",
            "price.long_context.above_tokens",
        );
        check("/unpriced", json!("yes"), "invalid_value", "unpriced");
        check("/timeouts/idle_ms", json!(86_400_001), range, "timeouts.idle_ms");
        check("/timeouts", json!({ "idle": 1 }), "unknown_parameter", "timeouts.idle");
        check("/retry/max_attempts", json!(21), range, "retry.max_attempts");
        check("/hedge/budget_percent", json!(101), range, "hedge.budget_percent");
        check("/hedge/enabled", json!("yes"), kind, "hedge.enabled");
        check("/stream_repair", json!("on"), "invalid_value", "stream_repair");
        check("/strict", json!(0), kind, "strict");
        check("/context_length", json!("1"), kind, "context_length");
        check("/capabilities", json!("tools"), kind, "capabilities");
    }
}
