//! Prices, as integer nano-dollars for a million tokens.

use serde_json::{Value, json};
use sluice_ledger::{LongContextPrice, NanoUsd, Price};

use crate::admin::{
    fields::Fields,
    names::{MONEY_MAX, TOKENS_MAX},
    refuse::Checked,
};

pub(super) fn read(fields: Fields<'_>) -> Checked<Price> {
    let price = Price {
        input: needed(&fields, "input_nanousd_per_mtok")?,
        output: needed(&fields, "output_nanousd_per_mtok")?,
        cache_read: amount(&fields, "cache_read_nanousd_per_mtok")?,
        cache_write: amount(&fields, "cache_write_nanousd_per_mtok")?,
        cache_write_1h: amount(&fields, "cache_write_1h_nanousd_per_mtok")?,
        reasoning: amount(&fields, "reasoning_nanousd_per_mtok")?,
        audio_input: amount(&fields, "audio_input_nanousd_per_mtok")?,
        audio_output: amount(&fields, "audio_output_nanousd_per_mtok")?,
        long_context: fields.fields("long_context")?.map(long_context).transpose()?,
    };
    fields.finish()?;
    Ok(price)
}

fn long_context(fields: Fields<'_>) -> Checked<LongContextPrice> {
    let price = LongContextPrice {
        above_tokens: fields.need("above_tokens")?.integer(1..=TOKENS_MAX)?,
        input: needed(&fields, "input_nanousd_per_mtok")?,
        output: needed(&fields, "output_nanousd_per_mtok")?,
        cache_read: amount(&fields, "cache_read_nanousd_per_mtok")?,
    };
    fields.finish()?;
    Ok(price)
}

fn needed(fields: &Fields<'_>, key: &'static str) -> Checked<NanoUsd> {
    fields.need(key)?.integer(0..=MONEY_MAX).map(NanoUsd)
}

fn amount(fields: &Fields<'_>, key: &'static str) -> Checked<Option<NanoUsd>> {
    Ok(fields.integer(key, 0..=MONEY_MAX)?.map(NanoUsd))
}

pub(super) fn json(price: &Price) -> Value {
    let number = |amount: Option<NanoUsd>| amount.map(|amount| amount.0);
    let Price {
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h,
        reasoning,
        audio_input,
        audio_output,
        long_context,
    } = *price;
    json!({
        "input_nanousd_per_mtok": input.0,
        "output_nanousd_per_mtok": output.0,
        "cache_read_nanousd_per_mtok": number(cache_read),
        "cache_write_nanousd_per_mtok": number(cache_write),
        "cache_write_1h_nanousd_per_mtok": number(cache_write_1h),
        "reasoning_nanousd_per_mtok": number(reasoning),
        "audio_input_nanousd_per_mtok": number(audio_input),
        "audio_output_nanousd_per_mtok": number(audio_output),
        "long_context": long_context.map(|long| json!({
            "above_tokens": long.above_tokens,
            "input_nanousd_per_mtok": long.input.0,
            "output_nanousd_per_mtok": long.output.0,
            "cache_read_nanousd_per_mtok": number(long.cache_read),
        })),
    })
}
