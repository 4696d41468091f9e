//! What the generations of Claude take, by their names. Source: Anthropic's pages on models, extended and adaptive
//! thinking, effort, structured outputs and prefilling; `GET /v1/models/{id}` says the same of one model.

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It does not.
    Never,
    /// With a budget of tokens.
    Budget,
    /// With a budget, or as it sees fit.
    Either,
    /// As it sees fit, and not at all when told so.
    Adaptive,
    /// It always does, as it sees fit.
    Always,
}

/// What sets a model apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) thinking: Thinking,
    /// It knows the effort `xhigh` beside low, medium, high and max.
    pub(super) xhigh: bool,
    /// It takes `temperature`, `top_p` and `top_k`.
    pub(super) sampling: bool,
    /// It takes `temperature` and `top_p` together.
    pub(super) both_samplings: bool,
    /// A call of a tool can be demanded.
    pub(super) forced_tools: bool,
    /// It has structured outputs, and strict tools.
    pub(super) schemas: bool,
    /// It takes the role `system` inside a conversation.
    pub(super) late_system: bool,
    /// Tokens of an answer at most.
    pub(super) max_output_tokens: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Haiku,
    Sonnet,
    Opus,
    /// Fable and Mythos.
    Fable,
}

/// A version as `(major, minor)`.
type Version = (u32, u32);

/// A name that is not understood is taken for a model of a generation of which nothing is refused here.
const UNKNOWN: Model = Model {
    thinking: Thinking::Adaptive,
    xhigh: true,
    sampling: true,
    both_samplings: true,
    forced_tools: true,
    schemas: true,
    late_system: false,
    max_output_tokens: 32_000,
};

impl Model {
    /// A model by any of its names: `claude-opus-4-5-20251101`, `eu.anthropic.claude-3-haiku-20240307-v1:0`,
    /// `claude-sonnet-4@20250514`.
    pub(super) fn of(name: &str) -> Self {
        let Some((family, version)) = family_and_version(name) else { return UNKNOWN };
        let thinking = thinking(family, version);
        let sampling = match family {
            Family::Fable => false,
            Family::Opus => version < (4, 7),
            Family::Sonnet | Family::Haiku => version < (5, 0),
        };
        Self {
            thinking,
            xhigh: !sampling,
            sampling,
            both_samplings: version < (4, 1),
            forced_tools: match family {
                Family::Fable => version < (5, 1),
                Family::Haiku => true,
                Family::Opus | Family::Sonnet => version < (5, 5),
            },
            schemas: match family {
                Family::Opus => version >= (4, 1),
                _ => version >= (4, 5),
            },
            late_system: match family {
                Family::Opus => version >= (4, 8),
                Family::Haiku => version >= (5, 5),
                Family::Sonnet | Family::Fable => version >= (5, 0),
            },
            max_output_tokens: max_output_tokens(family, version),
        }
    }
}

fn thinking(family: Family, version: Version) -> Thinking {
    match (family, version) {
        (Family::Fable, _) => Thinking::Always,
        (_, version) if version < (3, 7) => Thinking::Never,
        (_, version) if version < (4, 6) => Thinking::Budget,
        (Family::Haiku, _) => Thinking::Adaptive,
        (_, version) if version < (4, 7) => Thinking::Either,
        (_, version) if version < (5, 5) => Thinking::Adaptive,
        _ => Thinking::Always,
    }
}

fn max_output_tokens(family: Family, version: Version) -> u64 {
    match (family, version) {
        (_, version) if version < (3, 5) => 4_096,
        (_, version) if version < (3, 7) => 8_192,
        (Family::Opus, version) if version < (4, 5) => 32_000,
        (_, version) if version < (4, 6) => 64_000,
        _ => 128_000,
    }
}

/// `None` for a name that has no family of ours in it.
fn family_and_version(name: &str) -> Option<(Family, Version)> {
    let name = name.to_ascii_lowercase();
    let (_, name) = name.rsplit_once("claude-")?;
    let words: Vec<&str> = name.split(['-', '@', ':', '.', '_']).collect();
    let (at, family) = words.iter().enumerate().find_map(|(at, word)| {
        let family = match *word {
            "haiku" => Family::Haiku,
            "sonnet" => Family::Sonnet,
            "opus" => Family::Opus,
            "fable" | "mythos" => Family::Fable,
            _ => return None,
        };
        Some((at, family))
    })?;
    // Numbers of one or two digits; dates have eight. Up to 3.7 they stand before the family.
    let number = |word: &&str| word.parse::<u32>().ok().filter(|_| word.len() <= 2);
    let behind: Vec<u32> = words[at + 1..].iter().map_while(number).collect();
    let numbers = if behind.is_empty() { words[..at].iter().map_while(number).collect() } else { behind };
    let version = match (numbers.first(), family) {
        (Some(major), _) => (*major, numbers.get(1).copied().unwrap_or(0)),
        // Previews have no number; they are of the newest generation.
        (None, Family::Fable) => (5, 0),
        (None, _) => return None,
    };
    Some((family, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expect: &str) {
        let model = Model::of(name);
        let flags = [
            (model.xhigh, "xhigh"),
            (model.sampling, "sampling"),
            (model.both_samplings, "both"),
            (model.forced_tools, "forced"),
            (model.schemas, "schemas"),
            (model.late_system, "late_system"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
        let got = format!("{:?} {} {}", model.thinking, model.max_output_tokens, flags.join(" "));
        assert_eq!(got, expect, "{name}");
    }

    #[test]
    fn generations() {
        check("claude-3-haiku-20240307", "Never 4096 sampling both forced");
        check("anthropic.claude-3-5-sonnet-20241022-v2:0", "Never 8192 sampling both forced");
        check("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "Budget 64000 sampling both forced");
        check("claude-sonnet-4@20250514", "Budget 64000 sampling both forced");
        check("claude-opus-4-20250514", "Budget 32000 sampling both forced");
        check("claude-opus-4-1", "Budget 32000 sampling forced schemas");
        check("claude-sonnet-4-5-20250929", "Budget 64000 sampling forced schemas");
        check("claude-haiku-4-5", "Budget 64000 sampling forced schemas");
        check("claude-opus-4-5", "Budget 64000 sampling forced schemas");
        check("claude-opus-4-6-20260205", "Either 128000 sampling forced schemas");
        check("global.anthropic.claude-sonnet-4-6", "Either 128000 sampling forced schemas");
        check("claude-opus-4-7", "Adaptive 128000 xhigh forced schemas");
        check("claude-opus-4-8", "Adaptive 128000 xhigh forced schemas late_system");
        check("claude-sonnet-5", "Adaptive 128000 xhigh forced schemas late_system");
        check("claude-haiku-5-5", "Adaptive 128000 xhigh forced schemas late_system");
        check("claude-opus-5-5", "Always 128000 xhigh schemas late_system");
        check("claude-fable-5", "Always 128000 xhigh forced schemas late_system");
        check("claude-mythos-preview", "Always 128000 xhigh forced schemas late_system");
        check("claude-fable-5-1", "Always 128000 xhigh schemas late_system");
        check("claude-sonnet-latest", "Adaptive 32000 xhigh sampling both forced schemas");
        check("my-deployment", "Adaptive 32000 xhigh sampling both forced schemas");
    }
}
