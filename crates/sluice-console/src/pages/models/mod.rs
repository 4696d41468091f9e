//! Models: names that callers use, the list and one of them.

mod form;
pub(crate) mod list;
pub(crate) mod one;
mod texts;

use serde::Deserialize;

use self::texts::T;
use crate::{Answers, List};

/// A model, as the admin API shows it. Who answers for it is only shown to operators.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
    pub(crate) price: Option<Price>,
    pub(crate) unpriced: Option<String>,
    #[serde(default)]
    pub(crate) timeouts: Timeouts,
    #[serde(default)]
    pub(crate) retry: Retry,
    #[serde(default)]
    pub(crate) hedge: Hedge,
    pub(crate) stream_repair: Option<String>,
    pub(crate) strict: Option<bool>,
    pub(crate) default_max_output_tokens: Option<u64>,
    pub(crate) context_length: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) capabilities: Option<Vec<String>>,
    pub(crate) origin: Option<String>,
}

/// Who answers, in the order of `priority`, spread by `weight` within it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Target {
    pub(crate) provider: String,
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) weight: Option<u64>,
    #[serde(default)]
    pub(crate) priority: u64,
    pub(crate) context_length: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) capabilities: Option<Vec<String>>,
}

impl Target {
    pub(crate) fn share(&self) -> u64 {
        self.weight.unwrap_or(1)
    }
}

/// Nano-dollars for a million tokens.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Price {
    pub(crate) input_nanousd_per_mtok: Option<u64>,
    pub(crate) output_nanousd_per_mtok: Option<u64>,
    pub(crate) cache_read_nanousd_per_mtok: Option<u64>,
    pub(crate) cache_write_nanousd_per_mtok: Option<u64>,
    pub(crate) cache_write_1h_nanousd_per_mtok: Option<u64>,
    pub(crate) reasoning_nanousd_per_mtok: Option<u64>,
    pub(crate) audio_input_nanousd_per_mtok: Option<u64>,
    pub(crate) audio_output_nanousd_per_mtok: Option<u64>,
    pub(crate) long_context: Option<LongContext>,
}

/// What prompts cost that are longer than that.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct LongContext {
    pub(crate) above_tokens: Option<u64>,
    pub(crate) input_nanousd_per_mtok: Option<u64>,
    pub(crate) output_nanousd_per_mtok: Option<u64>,
    pub(crate) cache_read_nanousd_per_mtok: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Timeouts {
    pub(crate) connect_ms: Option<u64>,
    pub(crate) first_token_ms: Option<u64>,
    pub(crate) idle_ms: Option<u64>,
    pub(crate) total_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Retry {
    pub(crate) max_attempts: Option<u64>,
    pub(crate) retry_after_wait_ms: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Hedge {
    pub(crate) enabled: Option<bool>,
    pub(crate) min_delay_ms: Option<u64>,
    pub(crate) budget_percent: Option<u64>,
}

impl Model {
    pub(crate) fn is_of_file(&self) -> bool {
        self.origin.as_deref() == Some("file")
    }

    pub(crate) fn is_free(&self) -> bool {
        self.unpriced.as_deref() == Some("free")
    }

    pub(crate) fn input(&self) -> Option<u64> {
        self.price.as_ref()?.input_nanousd_per_mtok
    }

    pub(crate) fn output(&self) -> Option<u64> {
        self.price.as_ref()?.output_nanousd_per_mtok
    }

    /// What it can do, in a line; empty where nobody says.
    pub(crate) fn capabilities_line(&self) -> String {
        self.capabilities.as_deref().unwrap_or_default().join(", ")
    }

    /// The rows of its price that are there, with their labels.
    pub(crate) fn prices(&self, t: &T) -> Vec<(&'static str, u64)> {
        let Some(price) = &self.price else { return Vec::new() };
        let all = [
            (t.input, price.input_nanousd_per_mtok),
            (t.output, price.output_nanousd_per_mtok),
            (t.cache_read, price.cache_read_nanousd_per_mtok),
            (t.cache_write, price.cache_write_nanousd_per_mtok),
            (t.cache_write_1h, price.cache_write_1h_nanousd_per_mtok),
            (t.reasoning, price.reasoning_nanousd_per_mtok),
            (t.audio_input, price.audio_input_nanousd_per_mtok),
            (t.audio_output, price.audio_output_nanousd_per_mtok),
        ];
        all.into_iter().filter_map(|(label, nano)| Some((label, nano?))).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// The providers that targets may name.
fn providers(answers: &Answers) -> Vec<String> {
    let list = answers.read::<List<Named>>("providers").map(|list| list.data).unwrap_or_default();
    list.into_iter().map(|provider| provider.name).collect()
}
