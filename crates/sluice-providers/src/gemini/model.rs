//! What is known of a Gemini model by its name: generations differ in what they accept, and answer 400 to the rest.

use std::borrow::Cow;

/// A generation, as far as requests differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Generation {
    /// 1.x and 2.0, and Gemma: no thinking, no JSON Schema fields, no ids in calls.
    Early,
    /// 2.5: thinking by a budget of tokens.
    TwoFive,
    /// 3 and later: thinking by a level, thought signatures required, calls with ids.
    Three,
}

/// A model, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Model<'a> {
    /// Without what leads to it (`models/`, `publishers/google/models/`, `google/`).
    name: &'a str,
    pub(super) generation: Generation,
    /// Major and minor number; 0.0 when the name has none.
    version: (u32, u32),
}

impl<'a> Model<'a> {
    pub(super) fn of(upstream_model: &'a str) -> Self {
        let name = upstream_model.rsplit('/').next().unwrap_or(upstream_model);
        let version = name.strip_prefix("gemini-").and_then(version);
        let generation = match version {
            Some(version) if version >= (3, 0) => Generation::Three,
            Some((2, 5)) => Generation::TwoFive,
            Some(_) => Generation::Early,
            None => unnumbered(name),
        };
        Self { name, generation, version: version.unwrap_or_default() }
    }

    fn is(&self, word: &str) -> bool {
        self.name.split(['-', '.', '@']).any(|part| part == word)
    }

    pub(super) fn is_pro(&self) -> bool {
        self.is("pro")
    }

    pub(super) fn is_flash_lite(&self) -> bool {
        self.is("flash") && self.is("lite")
    }

    fn is_flash(&self) -> bool {
        self.is("flash")
    }

    /// Whether the request may say how much it thinks.
    pub(super) fn thinking_can_be_asked(&self) -> bool {
        let speaks_or_paints = self.is("tts") || self.is("image") || self.is("audio");
        self.generation > Generation::Early && !speaks_or_paints
    }

    /// `MINIMAL` is a level of the flash models of 3.0 to 3.6 only.
    pub(super) fn has_minimal_level(&self) -> bool {
        self.is_flash() && (3, 0) <= self.version && self.version <= (3, 6)
    }

    /// Gemini 3 Pro itself has only LOW and HIGH.
    pub(super) fn has_medium_level(&self) -> bool {
        !(self.is_pro() && self.version == (3, 0))
    }

    /// These accept temperature, top_p and top_k, and ignore them.
    pub(super) fn ignores_sampling(&self) -> bool {
        (self.is_flash() && (3, 6) <= self.version) || (self.is_flash_lite() && self.version == (3, 5))
    }

    pub(super) fn takes_penalties(&self) -> bool {
        self.generation < Generation::Three && !(self.generation == Generation::TwoFive && self.is("preview"))
    }

    /// Functions whose parameters, and answers whose form, are given as JSON Schema instead of the older subset.
    pub(super) fn takes_json_schema(&self) -> bool {
        self.generation > Generation::Early
    }

    /// A public https address may stand in `fileData` at AI Studio.
    pub(super) fn fetches_https(&self) -> bool {
        self.generation > Generation::Early
    }
}

/// `2.5-flash` is (2, 5), `3-pro` is (3, 0).
fn version(rest: &str) -> Option<(u32, u32)> {
    let number = rest.split(['-', '@']).next().unwrap_or_default();
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Names without a number in the usual place.
fn unnumbered(name: &str) -> Generation {
    let early = ["gemma", "learnlm", "gemini-exp", "gemini-gemma", "gemini-pro", "text-", "chat-"];
    if let Some(version) = name.strip_prefix("gemini-robotics-er-").and_then(version) {
        return if version >= (2, 0) { Generation::Three } else { Generation::TwoFive };
    }
    if name.ends_with("-latest") || name.starts_with("gemini-omni") {
        return Generation::Three;
    }
    if early.iter().any(|prefix| name.starts_with(prefix)) {
        return Generation::Early;
    }
    // A tuned model by its number, or a name of a later day than this table.
    if name.starts_with("gemini-") { Generation::Three } else { Generation::TwoFive }
}

/// The path of a call below the endpoint's prefix, with its query. At Vertex the prefix names project and location.
pub(super) fn path(upstream_model: &str, vertex: bool, streaming: bool) -> String {
    let method = if streaming { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let whole = ["models/", "tunedModels/", "publishers/", "endpoints/", "dynamic/"];
    let name = upstream_model.trim_start_matches('/');
    let placed: Cow<'_, str> = match (vertex, whole.iter().any(|start| name.starts_with(start))) {
        (true, true) if name.starts_with("models/") => format!("publishers/google/{name}").into(),
        (_, true) => name.into(),
        (false, false) => format!("models/{name}").into(),
        (true, false) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) => {
            format!("endpoints/{name}").into()
        }
        (true, false) => {
            format!("publishers/google/models/{}", name.strip_prefix("google/").unwrap_or(name)).into()
        }
    };
    format!("/{}:{method}", escaped(&placed))
}

/// Percent-encodes what cannot stand in a path; a name cannot climb out of its place either.
fn escaped(path: &str) -> String {
    let segment = |segment: &str| match segment {
        "." | ".." | "" => "%2E".repeat(segment.len()),
        _ => segment.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b if b.is_ascii_alphanumeric() || b"-._~@".contains(&b) => out.push(char::from(b)),
                b => out.push_str(&format!("%{b:02X}")),
            }
            out
        }),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations() {
        let check = |name: &str, expect| assert_eq!(Model::of(name).generation, expect, "{name}");
        check("gemini-1.5-pro-002", Generation::Early);
        check("gemini-2.0-flash", Generation::Early);
        check("gemma-3-27b-it", Generation::Early);
        check("models/gemini-2.5-flash", Generation::TwoFive);
        check("publishers/google/models/gemini-2.5-pro", Generation::TwoFive);
        check("google/gemini-2.5-flash-lite-preview-09-2025", Generation::TwoFive);
        check("gemini-robotics-er-1.5-preview", Generation::TwoFive);
        check("1234567890", Generation::TwoFive);
        check("gemini-3-pro-preview", Generation::Three);
        check("gemini-3.7-flash", Generation::Three);
        check("gemini-4-argon", Generation::Three);
        check("gemini-flash-latest", Generation::Three);
        check("gemini-robotics-er-2-preview", Generation::Three);
    }

    #[test]
    fn what_models_have() {
        let check = |name: &str, expect: &str| {
            let model = Model::of(name);
            let words = [
                ("think", model.thinking_can_be_asked()),
                ("minimal", model.has_minimal_level()),
                ("ignores", model.ignores_sampling()),
                ("penalties", model.takes_penalties()),
            ];
            let has: Vec<_> = words.into_iter().filter(|(_, has)| *has).map(|(word, _)| word).collect();
            assert_eq!(has.join(" "), expect, "{name}");
        };
        check("gemini-2.0-flash", "penalties");
        check("gemini-2.5-flash", "think penalties");
        check("gemini-2.5-flash-image", "penalties");
        check("gemini-2.5-flash-preview-09-2025", "think");
        check("gemini-3-flash-preview", "think minimal");
        check("gemini-3.1-pro-preview", "think");
        check("gemini-3.5-flash", "think minimal");
        check("gemini-3.5-flash-lite", "think minimal ignores");
        check("gemini-3.6-flash", "think minimal ignores");
        check("gemini-3.7-flash", "think ignores");
    }

    #[test]
    fn paths() {
        let check =
            |name: &str, vertex, expect: &str| assert_eq!(path(name, vertex, false), expect, "{name}");
        check("gemini-2.5-pro", false, "/models/gemini-2.5-pro:generateContent");
        check("models/gemini-2.5-pro", false, "/models/gemini-2.5-pro:generateContent");
        check("tunedModels/mine-1", false, "/tunedModels/mine-1:generateContent");
        check("gemini-2.5-pro", true, "/publishers/google/models/gemini-2.5-pro:generateContent");
        check("google/gemini-2.5-pro", true, "/publishers/google/models/gemini-2.5-pro:generateContent");
        check("4711", true, "/endpoints/4711:generateContent");
        check("endpoints/4711", true, "/endpoints/4711:generateContent");
        check("a b?c#d%é", false, "/models/a%20b%3Fc%23d%25%C3%A9:generateContent");
        check("../../v1/x", false, "/models/%2E%2E/%2E%2E/v1/x:generateContent");
        let stream = path("gemini-3-pro-preview", false, true);
        assert_eq!(stream, "/models/gemini-3-pro-preview:streamGenerateContent?alt=sse");
    }
}
