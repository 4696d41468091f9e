//! What a request may cost at most, and how many tokens it is counted as before the true number is known.

use std::sync::Arc;

use sluice_chat::{Usage, scan::RequestScan};
use sluice_ledger::{KeyHash, NanoUsd, Price, estimate};

use crate::bounds;

/// A price and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Priced {
    pub(crate) price: Price,
    pub(crate) version: Arc<str>,
}

impl Priced {
    /// Costs nothing.
    pub(crate) fn free() -> Self {
        Self { price: Price::default(), version: "free".into() }
    }

    /// Set by an operator. The version is a fingerprint: the same prices have the same one.
    pub(crate) fn configured(price: Price) -> Self {
        let digest = KeyHash::of(&format!("{price:?}"));
        let [a, b, c, d, ..] = digest.as_bytes();
        Self { price, version: format!("set-{a:02x}{b:02x}{c:02x}{d:02x}").into() }
    }

    pub(crate) fn cost(&self, usage: &Usage) -> NanoUsd {
        // Beyond the range of the type no budget is large enough.
        self.price.cost(usage).unwrap_or(NanoUsd(u64::MAX))
    }
}

/// Tokens of the prompt, at most: every byte of text and schemas may be one, each message adds its frame.
fn prompt_tokens_max(scan: &RequestScan) -> u64 {
    let frames = u64::from(scan.message_count) * bounds::MESSAGE_FRAME_TOKENS;
    estimate::prompt_bound(scan.text_bytes.saturating_add(scan.schema_bytes), scan.media_parts)
        .saturating_add(frames)
}

/// What a request costs at most where `priced` is charged, each choice has at most `output_tokens`, and the prompt no
/// more than `context_length`, where that is known: a count beyond it is not taken from an upstream. `None`: more than
/// any budget has.
pub(crate) fn bound(
    priced: &Priced,
    scan: &RequestScan,
    output_tokens: u64,
    context_length: Option<u64>,
) -> Option<NanoUsd> {
    let output = output_tokens.saturating_mul(u64::from(scan.n));
    priced.price.bound(prompt_tokens_max(scan).min(context_length.unwrap_or(u64::MAX)), output)
}

/// Tokens that a request takes from its limits before it is sent.
pub(crate) fn tokens(scan: &RequestScan, output_tokens: u64) -> u64 {
    prompt_estimate(scan).saturating_add(output_tokens.min(bounds::LIMIT_OUTPUT_TOKENS))
}

/// Tokens of the prompt as they are probably counted.
pub(crate) fn prompt_estimate(scan: &RequestScan) -> u64 {
    estimate::prompt_tokens(scan.text_bytes.saturating_add(scan.schema_bytes), 0, scan.media_parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_bounded_by_what_the_model_can_read() {
        let check = |parts: usize, context_length: Option<u64>, expect: u64| {
            let part = r#"{"type":"image_url","image_url":{"url":"https://x/"}}"#;
            let body = format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":[{}]}}]}}"#,
                vec![part; parts].join(",")
            );
            let scan = sluice_chat::scan::scan(body.as_bytes()).unwrap();
            let dollar_a_token =
                Priced::configured(Price { input: NanoUsd(1_000_000_000_000_000), ..Price::default() });
            let bound = bound(&dollar_a_token, &scan, 5, context_length).unwrap();
            assert_eq!(bound.0 / 1_000_000_000, expect, "{parts} {context_length:?}");
        };
        let frame = bounds::MESSAGE_FRAME_TOKENS + estimate::ADDED_TOKENS_MAX;
        check(2, None, 2 * estimate::MEDIA_PART_TOKENS_MAX + frame);
        check(2, Some(8_192), 8_192);
        check(2, Some(1_000_000), 2 * estimate::MEDIA_PART_TOKENS_MAX + frame);
    }
}
