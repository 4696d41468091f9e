//! The closed list of things in which OpenAI-compatible vendors differ. A vendor row names the ones that apply to it;
//! a vendor that needs nothing new is a row and a vector, no code.

use serde::Deserialize;

/// A difference in what a vendor accepts; each is an edit of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestQuirk {
    /// `tools: []` is refused: it is left out, with `tool_choice` and `parallel_tool_calls`, which mean nothing then.
    NoEmptyTools,
    /// `stream_options` is never accepted.
    NoStreamOptions,
    /// `stream_options` is refused unless `stream` is true.
    StreamOptionsOnlyInStreams,
    /// Reasoning models (gpt-5 and later, the o-series) know the output limit only as `max_completion_tokens`.
    ReasoningModelsWantMaxCompletionTokens,
    /// The output limit is known as `max_tokens` alone.
    OnlyMaxTokens,
    /// `seed` is called `random_seed`.
    SeedIsRandomSeed,
    /// The role `developer` is unknown: it goes out as `system`.
    DeveloperIsSystem,
    /// `name` on a message that is not a tool's is refused.
    NoMessageName,
    /// Keys whose value is null are refused in messages.
    NoNullKeys,
    /// `content` that is a list of text parts is refused: it goes out as one string.
    TextPartsAsString,
}

/// A difference in how a vendor answers; a row that has one is relayed rewritten to the canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseQuirk {
    /// Usage stands elsewhere than in one last chunk with empty `choices`: on every chunk, on the chunk with the
    /// finish reason, inside a choice, or under `x_groq`. It is given once, at the end.
    UsagePlacement,
    /// Thinking comes as `reasoning`; its canonical name is `reasoning_content`.
    ReasoningField,
    /// `completion_tokens` leaves reasoning out although `total_tokens` counts it.
    ReasoningOutsideCompletion,
    /// Finish reasons beyond the official five, or `stop` after tool calls, or a finish reason on several chunks.
    FinishReasons,
    /// Tool calls without index, with the id or the name repeated or empty in later fragments, with arguments that
    /// are an object or null.
    ToolCalls,
    /// Empty strings where `null` or nothing is meant (`service_tier`, `system_fingerprint`, `finish_reason`).
    EmptyStrings,
    /// `object`, `id` or `created` missing or changing between chunks, the role repeated on every chunk.
    Envelope,
    /// `content` may be a list of typed parts, thinking among them.
    ContentParts,
    /// A failure may come with status 200, in `base_resp.status_code` or `error_code`.
    StatusInBody,
    /// Chunks repeat the whole message so far beside the delta.
    RepeatedMessage,
}
