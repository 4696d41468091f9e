//! Last stage but one: what a request is held to have used.

use sluice_chat::{Usage, scan::RequestScan};
use sluice_ledger::{Charge, UsageSource};

/// Bytes of text that count as one token where an upstream reports no usage.
const BYTES_PER_TOKEN: u64 = 4;

/// What was seen of an answer. Made by the relay alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// The upstream's own count, if it is sane.
    pub(crate) reported: Option<Usage>,
    /// Bytes of content that came.
    pub(crate) content_bytes: u64,
}

/// The size of a request, as far as an estimate needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PromptSize {
    text_bytes: u64,
}

impl PromptSize {
    pub(crate) fn of(scan: &RequestScan) -> Self {
        Self { text_bytes: scan.text_bytes }
    }
}

/// The upstream's count where there is one, our estimate where there is none.
pub(crate) fn charge(meter: &Meter, prompt: PromptSize, interrupted: bool) -> Charge {
    match meter.reported {
        Some(usage) => Charge { usage, source: UsageSource::Provider },
        None => {
            let usage = Usage {
                prompt_tokens: prompt.text_bytes.div_ceil(BYTES_PER_TOKEN),
                completion_tokens: meter.content_bytes.div_ceil(BYTES_PER_TOKEN),
                ..Usage::default()
            };
            let source = if interrupted { UsageSource::Interrupted } else { UsageSource::Estimated };
            Charge { usage, source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_reported_or_estimated() {
        let check = |reported: Option<u64>, content_bytes, interrupted, tokens: (u64, u64), source| {
            let usage = |n| Usage { prompt_tokens: n, completion_tokens: n, ..Usage::default() };
            let meter = Meter { reported: reported.map(usage), content_bytes };
            let got = charge(&meter, PromptSize { text_bytes: 9 }, interrupted);
            assert_eq!(
                ((got.usage.prompt_tokens, got.usage.completion_tokens), got.source),
                (tokens, source)
            );
        };
        check(Some(7), 100, false, (7, 7), UsageSource::Provider);
        check(Some(0), 100, false, (0, 0), UsageSource::Provider);
        check(None, 100, false, (3, 25), UsageSource::Estimated);
        check(None, 1, true, (3, 1), UsageSource::Interrupted);
    }
}
