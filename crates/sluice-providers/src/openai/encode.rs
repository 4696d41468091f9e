//! Writing a request: the caller's bytes with the few edits that are meant.

use std::borrow::Cow;

use bytes::Bytes;
use sluice_chat::ApiError;
use sluice_chat::scan::RequestScan;
use sluice_chat::splice::{Edit, splice};
use smallvec::SmallVec;

use super::messages;
use crate::dialect::{Call, Encoded};
use crate::quirk::RequestQuirk;
use crate::reading::Reading;
use crate::vendor::Relay;

const MAX_TOKENS: &str = "max_tokens";
const MAX_COMPLETION_TOKENS: &str = "max_completion_tokens";

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, ApiError> {
    let mut edits =
        Edits { call, body: call.body, scan: call.scan, edits: SmallVec::new(), dropped: Vec::new() };
    edits.model();
    edits.output_limit();
    let asked = edits.stream_options();
    edits.tools();
    edits.seed();
    edits.refused_fields();
    let replaced = messages::edits(call.row, call.body, call.scan.messages);
    edits.edits.extend(replaced.into_iter().map(|(span, with)| Edit::Replace { span, with }));
    // A normalised stream shows usage to those who asked, whether or not the vendor gives it unasked.
    let unasked = asked || call.row.relay == Relay::Normalise;
    Ok(Encoded {
        path: Cow::Borrowed("/chat/completions"),
        headers: SmallVec::new(),
        body: splice(call.body, call.scan, &edits.edits),
        dropped: edits.dropped,
        hide_usage: call.scan.stream && !call.scan.include_usage && unasked,
        reading: Reading::default(),
    })
}

struct Edits<'a> {
    call: &'a Call<'a>,
    body: &'a [u8],
    scan: &'a RequestScan,
    edits: SmallVec<[Edit; 4]>,
    dropped: Vec<String>,
}

impl Edits<'_> {
    fn wants(&self, quirk: RequestQuirk) -> bool {
        self.call.row.wants(quirk)
    }

    /// Indexes of the entries with this key; keys are compared unescaped.
    fn entries(&self, key: &str) -> SmallVec<[usize; 2]> {
        let is = |index: &usize| {
            let raw = self.scan.entries[*index].key.of(self.body);
            raw.get(1..raw.len().saturating_sub(1)) == Some(key.as_bytes())
                || (raw.contains(&b'\\') && serde_json::from_slice::<String>(raw).is_ok_and(|k| k == key))
        };
        (0..self.scan.entries.len()).filter(is).collect()
    }

    fn remove(&mut self, key: &str) -> bool {
        let found = self.entries(key);
        self.edits.extend(found.iter().map(|index| Edit::RemoveEntry { index: *index }));
        !found.is_empty()
    }

    /// The value of a field whose presence means something: there and not null.
    fn has(&self, key: &str) -> bool {
        self.entries(key).iter().any(|index| self.scan.entries[*index].value.of(self.body) != b"null")
    }

    fn set(&mut self, key: &str, value: &[u8]) {
        self.edits.push(Edit::set(self.body, self.scan, key, value));
    }

    fn model(&mut self) {
        if self.call.upstream_model.name() != self.scan.model {
            let with = self.call.upstream_model.json().clone();
            self.edits.push(Edit::Replace { span: self.scan.model_value, with });
        }
    }

    fn output_limit(&mut self) {
        let want_completion = self.wants(RequestQuirk::ReasoningModelsWantMaxCompletionTokens)
            && is_reasoning_model(self.call.upstream_model.name());
        let (old, new) = match (self.scan.max_tokens, self.scan.max_completion_tokens) {
            (Some(_), new) if want_completion => {
                ((MAX_TOKENS, self.scan.max_tokens), (MAX_COMPLETION_TOKENS, new))
            }
            (new, Some(_)) if self.wants(RequestQuirk::OnlyMaxTokens) => {
                ((MAX_COMPLETION_TOKENS, self.scan.max_completion_tokens), (MAX_TOKENS, new))
            }
            (None, None) => return self.inject_output_limit(want_completion),
            _ => return,
        };
        let ((_, Some(old)), (new_name, new)) = (old, new) else { return };
        let limit = self.scan.output_limit().unwrap_or(old.value);
        match new {
            // Both are there: the name that the upstream knows stays, with the limit that holds.
            Some(new) => {
                self.edits.push(Edit::RemoveEntry { index: old.entry });
                if new.value != limit {
                    let span = self.scan.entries[new.entry].value;
                    self.edits.push(Edit::Replace { span, with: Bytes::from(limit.to_string()) });
                }
            }
            None => {
                // The new name may stand there as null.
                self.remove(new_name);
                let span = self.scan.entries[old.entry].key;
                self.edits.push(Edit::Replace { span, with: Bytes::from(format!("\"{new_name}\"")) });
            }
        }
    }

    fn inject_output_limit(&mut self, want_completion: bool) {
        let Some(limit) = self.call.injected_output_limit else { return };
        let name = if want_completion { MAX_COMPLETION_TOKENS } else { MAX_TOKENS };
        self.set(name, limit.to_string().as_bytes());
    }

    /// Returns whether we ask for usage that the caller did not ask for.
    fn stream_options(&mut self) -> bool {
        // An upstream that is not to be asked is one that turned out not to know the field.
        let never = self.wants(RequestQuirk::NoStreamOptions) || !self.call.ask_usage;
        let only_in_streams = self.wants(RequestQuirk::StreamOptionsOnlyInStreams);
        if never || (only_in_streams && !self.scan.stream) {
            self.remove("stream_options");
            return false;
        }
        if !self.scan.stream || self.scan.include_usage {
            return false;
        }
        match self.scan.stream_options {
            Some(span) => {
                let with = with_include_usage(span.of(self.body));
                self.edits.push(Edit::Replace { span, with });
            }
            None => self.set("stream_options", br#"{"include_usage":true}"#),
        }
        true
    }

    fn tools(&mut self) {
        if self.wants(RequestQuirk::NoEmptyTools) && self.scan.features.empty_tools {
            for key in ["tools", "tool_choice", "parallel_tool_calls"] {
                self.remove(key);
            }
        }
    }

    /// The vendor's own name wins where both mean something; no key that we write stands there twice.
    fn seed(&mut self) {
        if !self.wants(RequestQuirk::SeedIsRandomSeed) {
            return;
        }
        let seeds = self.entries("seed");
        let Some((last, repeated)) = seeds.split_last() else { return };
        if self.has("random_seed") {
            self.remove("seed");
            return;
        }
        self.remove("random_seed");
        self.edits.extend(repeated.iter().map(|index| Edit::RemoveEntry { index: *index }));
        let span = self.scan.entries[*last].key;
        self.edits.push(Edit::Replace { span, with: Bytes::from_static(b"\"random_seed\"") });
    }

    fn refused_fields(&mut self) {
        for key in &self.call.row.refused_fields {
            let means_something = self.has(key);
            self.remove(key);
            if means_something {
                self.dropped.push(key.clone());
            }
        }
    }
}

/// `stream_options` with `include_usage: true`; its other options stay as they are.
fn with_include_usage(options: &[u8]) -> Bytes {
    let mut options: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(options).unwrap_or_default();
    options.insert("include_usage".to_owned(), true.into());
    Bytes::from(serde_json::Value::Object(options).to_string())
}

/// OpenAI's reasoning families, and the chat models named with them, which refuse `max_tokens`: gpt-5 and later,
/// and the o-series. (Azure's gpt-35 is 3.5.) Vendor prefixes and fine-tune prefixes (`ft:`) are looked through.
fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    if let Some(version) = name.strip_prefix("gpt-") {
        let digits = version.len() - version.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        return version[..digits].parse::<u32>().is_ok_and(|major| major >= 5 && major != 35);
    }
    let mut rest = name.strip_prefix('o').unwrap_or_default().chars();
    rest.next().is_some_and(|c| c.is_ascii_digit()) && rest.next().is_none_or(|c| c == '-')
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
