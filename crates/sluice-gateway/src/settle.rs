//! Last stage but one: what a request is held to have used, and what that costs.

use sluice_chat::{Usage, scan::RequestScan};
use sluice_ledger::{Charge, UsageSource, estimate};

use crate::{accounting, snapshot::Target};

/// What was seen of an answer. Made by the relay alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// The upstream's own count, if it gave one.
    pub(crate) reported: Option<Usage>,
    /// It gave counts that cannot be, such as negative ones.
    pub(crate) absurd: bool,
    /// Bytes of content that came.
    pub(crate) content_bytes: u64,
}

impl Meter {
    /// Something of an answer was delivered.
    pub(crate) fn has_content(&self) -> bool {
        self.content_bytes > 0 || self.reported.is_some()
    }
}

/// The size of a request, as far as an estimate needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PromptSize {
    tokens: u64,
}

impl PromptSize {
    pub(crate) fn of(scan: &RequestScan) -> Self {
        Self { tokens: accounting::prompt_estimate(scan) }
    }
}

/// Where nothing is known of a model: beyond any context there is.
const SANE_TOKENS: u64 = 20_000_000;

/// What `target` can have said at most; a count beyond it was not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sane {
    pub(crate) context_length: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) choices: u64,
}

impl Sane {
    pub(crate) fn of(target: &Target, choices: u32) -> Self {
        Self {
            context_length: target.facts.context_length,
            max_output_tokens: target.facts.max_output_tokens,
            choices: u64::from(choices.max(1)),
        }
    }

    fn holds(&self, usage: &Usage) -> bool {
        let within = |most: Option<u64>, times: u64, tokens: u64| {
            tokens <= most.unwrap_or(SANE_TOKENS).saturating_mul(times)
        };
        within(self.context_length, 1, usage.prompt_tokens)
            && within(self.max_output_tokens, self.choices, usage.completion_tokens)
    }
}

/// The tokens of an answer, and whether the upstream's count was thrown away: its own count where there is one that
/// can be, our estimate where there is none.
pub(crate) fn usage(meter: &Meter, prompt: PromptSize, sane: &Sane) -> (Usage, UsageSource, bool) {
    match meter.reported {
        Some(usage) if sane.holds(&usage) => (usage, UsageSource::Provider, meter.absurd),
        reported => {
            let usage = Usage {
                prompt_tokens: prompt.tokens,
                completion_tokens: estimate::text_tokens(meter.content_bytes, 0),
                ..Usage::default()
            };
            (usage, UsageSource::Estimated, meter.absurd || reported.is_some())
        }
    }
}

/// What is charged for an answer of `target`, and whether the upstream's count was absurd.
pub(crate) fn charge(
    meter: &Meter,
    prompt: PromptSize,
    target: &Target,
    choices: u32,
    interrupted: bool,
) -> (Charge, bool) {
    let (usage, mut source, absurd) = usage(meter, prompt, &Sane::of(target, choices));
    if interrupted && source == UsageSource::Estimated {
        source = UsageSource::Interrupted;
    }
    let cost = target.priced.as_ref().map(|priced| priced.cost(&usage));
    (Charge { usage, source, cost }, absurd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_reported_or_estimated() {
        let check = |reported: Option<u64>, content_bytes, tokens: (u64, u64), source, absurd| {
            let usage_of = |n| Usage { prompt_tokens: n, completion_tokens: n, ..Usage::default() };
            let meter = Meter { reported: reported.map(usage_of), absurd: false, content_bytes };
            let sane = Sane { context_length: Some(100), max_output_tokens: Some(50), choices: 2 };
            let (got, from, thrown_away) = usage(&meter, PromptSize { tokens: 3 }, &sane);
            assert_eq!(
                ((got.prompt_tokens, got.completion_tokens), from, thrown_away),
                (tokens, source, absurd)
            );
        };
        check(Some(7), 100, (7, 7), UsageSource::Provider, false);
        check(Some(0), 100, (0, 0), UsageSource::Provider, false);
        check(Some(100), 8, (100, 100), UsageSource::Provider, false);
        check(Some(101), 8, (3, 2), UsageSource::Estimated, true);
        check(None, 100, (3, 25), UsageSource::Estimated, false);
        let negative = Meter { absurd: true, content_bytes: 8, ..Meter::default() };
        let (got, from, thrown_away) = usage(&negative, PromptSize { tokens: 3 }, &Sane::default());
        assert_eq!((got.completion_tokens, from, thrown_away), (2, UsageSource::Estimated, true));
        let unknown = Sane { choices: 1, ..Sane::default() };
        let usage_of = |n| Usage { prompt_tokens: n, ..Usage::default() };
        assert!(unknown.holds(&usage_of(SANE_TOKENS)) && !unknown.holds(&usage_of(1 << 60)));
    }
}
