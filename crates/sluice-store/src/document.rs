//! The small documents that stand in one column: limits, budgets, prices. The types of the ledger are mirrored here
//! so that their stored form is a decision of this crate alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_ledger::{Budget, Limits, LongContextPrice, ModelAccess, NanoUsd, Period, Price};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rpm: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tpm: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parallel: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
}

impl From<&Limits> for LimitsDocument {
    fn from(limits: &Limits) -> Self {
        let Limits { rpm, tpm, parallel, max_output_tokens } = *limits;
        Self { rpm, tpm, parallel, max_output_tokens }
    }
}

impl From<LimitsDocument> for Limits {
    fn from(document: LimitsDocument) -> Self {
        let LimitsDocument { rpm, tpm, parallel, max_output_tokens } = document;
        Self { rpm, tpm, parallel, max_output_tokens }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetDocument {
    limit_nanousd: u64,
    period: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceDocument {
    input: u64,
    output: u64,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    reasoning: Option<u64>,
    audio_input: Option<u64>,
    audio_output: Option<u64>,
    long_context: Option<LongContextDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongContextDocument {
    above_tokens: u64,
    input: u64,
    output: u64,
    cache_read: Option<u64>,
}

/// Writes a document. These types have no map with keys other than text, so writing cannot fail.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads a document.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub(crate) fn write_limits(limits: &Limits) -> String {
    write(&LimitsDocument::from(limits))
}

pub(crate) fn read_limits(text: &str) -> Result<Limits, String> {
    read::<LimitsDocument>(text).map(Limits::from)
}

pub(crate) fn write_model_limits(limits: &BTreeMap<String, Limits>) -> String {
    let documents: BTreeMap<&str, LimitsDocument> =
        limits.iter().map(|(model, limits)| (model.as_str(), limits.into())).collect();
    write(&documents)
}

pub(crate) fn read_model_limits(text: &str) -> Result<BTreeMap<String, Limits>, String> {
    let documents: BTreeMap<String, LimitsDocument> = read(text)?;
    Ok(documents.into_iter().map(|(model, limits)| (model, limits.into())).collect())
}

pub(crate) fn write_models(access: &ModelAccess) -> String {
    match access {
        ModelAccess::All => write(&["*"]),
        ModelAccess::Only(list) => write(list),
    }
}

pub(crate) fn read_models(text: &str) -> Result<ModelAccess, String> {
    read(text).map(ModelAccess::from_list)
}

pub(crate) fn write_budget(budget: &Budget) -> String {
    write(&BudgetDocument { limit_nanousd: budget.limit.0, period: budget.period.as_str().to_owned() })
}

pub(crate) fn read_budget(text: &str) -> Result<Budget, String> {
    let document: BudgetDocument = read(text)?;
    let period = Period::from_word(&document.period)
        .ok_or_else(|| format!("`{}` is not a budget period", document.period))?;
    Ok(Budget { limit: NanoUsd(document.limit_nanousd), period })
}

pub(crate) fn write_price(price: &Price) -> String {
    let number = |amount: Option<NanoUsd>| amount.map(|n| n.0);
    write(&PriceDocument {
        input: price.input.0,
        output: price.output.0,
        cache_read: number(price.cache_read),
        cache_write: number(price.cache_write),
        cache_write_1h: number(price.cache_write_1h),
        reasoning: number(price.reasoning),
        audio_input: number(price.audio_input),
        audio_output: number(price.audio_output),
        long_context: price.long_context.map(|long| LongContextDocument {
            above_tokens: long.above_tokens,
            input: long.input.0,
            output: long.output.0,
            cache_read: number(long.cache_read),
        }),
    })
}

pub(crate) fn read_price(text: &str) -> Result<Price, String> {
    let document: PriceDocument = read(text)?;
    let amount = |number: Option<u64>| number.map(NanoUsd);
    Ok(Price {
        input: NanoUsd(document.input),
        output: NanoUsd(document.output),
        cache_read: amount(document.cache_read),
        cache_write: amount(document.cache_write),
        cache_write_1h: amount(document.cache_write_1h),
        reasoning: amount(document.reasoning),
        audio_input: amount(document.audio_input),
        audio_output: amount(document.audio_output),
        long_context: document.long_context.map(|long| LongContextPrice {
            above_tokens: long.above_tokens,
            input: NanoUsd(long.input),
            output: NanoUsd(long.output),
            cache_read: amount(long.cache_read),
        }),
    })
}
