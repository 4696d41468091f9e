//! Where an answer has its facts from, and how likely its tokens were.

use serde_json::{Value, json};

/// Texts are kept for the conversion of places up to this many bytes; beyond it places are not told.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The text of a choice so far: places in it are told in bytes of UTF-8, and wanted in characters.
#[derive(Debug, Default)]
pub(super) struct Written {
    text: String,
    too_long: bool,
}

impl Written {
    pub(super) fn push(&mut self, text: &str) {
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            self.too_long = true;
        }
        if !self.too_long {
            self.text.push_str(text);
        }
    }

    /// Characters before a place.
    fn characters(&self, bytes: u64) -> u64 {
        if self.too_long {
            return 0;
        }
        let end = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.text.len());
        // A place inside of a character counts as one before it.
        let before = self.text.as_bytes()[..end].iter().filter(|byte| (**byte & 0xC0) != 0x80).count() as u64;
        if self.text.is_char_boundary(end) { before } else { before.saturating_sub(1) }
    }

    fn annotation(&self, segment: Option<&Value>, url: &str, title: &str) -> Value {
        let place = |key: &str| {
            let bytes = segment.and_then(|segment| segment.get(key)).and_then(Value::as_u64).unwrap_or(0);
            self.characters(bytes)
        };
        let (start, end) = (place("startIndex"), place("endIndex"));
        json!({ "type": "url_citation", "url_citation": {
            "start_index": start, "end_index": end.max(start), "url": url, "title": title,
        }})
    }

    /// `groundingMetadata`: one annotation for each source of each supported segment; sources that support nothing
    /// in particular have no place.
    pub(super) fn grounded(&self, metadata: &Value) -> Vec<Value> {
        let list = |of: &Value, key: &str| of.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let chunks = list(metadata, "groundingChunks");
        let supports = list(metadata, "groundingSupports");
        let mut cited = vec![false; chunks.len()];
        let mut all = Vec::new();
        for support in &supports {
            let indices = list(support, "groundingChunkIndices");
            for index in
                indices.iter().filter_map(Value::as_u64).filter_map(|index| usize::try_from(index).ok())
            {
                let Some((url, title)) = chunks.get(index).and_then(source) else { continue };
                cited[index] = true;
                all.push(self.annotation(support.get("segment"), url, title));
            }
        }
        let uncited =
            chunks.iter().zip(cited).filter(|(_, cited)| !cited).filter_map(|(chunk, _)| source(chunk));
        all.extend(uncited.map(|(url, title)| self.annotation(None, url, title)));
        all
    }

    /// `citationMetadata`.
    pub(super) fn cited(&self, metadata: &Value) -> Vec<Value> {
        let list = ["citations", "citationSources"].iter().find_map(|key| metadata.get(*key)?.as_array());
        let one = |citation: &Value| {
            let url = citation.get("uri").and_then(Value::as_str).filter(|url| !url.is_empty())?;
            let title = citation.get("title").and_then(Value::as_str).unwrap_or_default();
            Some(self.annotation(Some(citation), url, title))
        };
        list.map(Vec::as_slice).unwrap_or_default().iter().filter_map(one).collect()
    }
}

/// Address and title of a source.
fn source(chunk: &Value) -> Option<(&str, &str)> {
    let source = ["web", "retrievedContext", "maps", "image"].iter().find_map(|kind| chunk.get(*kind))?;
    let text = |key: &str| source.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let url = text("uri").or_else(|| text("sourceUri"))?;
    Some((url, text("title").unwrap_or_default()))
}

/// `logprobsResult` as the API has it.
pub(super) fn logprobs(result: &Value) -> Option<Value> {
    let list = |of: &Value, key: &str| of.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let chosen = list(result, "chosenCandidates");
    let top = list(result, "topCandidates");
    let entry = |candidate: &Value| {
        let token = candidate.get("token").and_then(Value::as_str).unwrap_or_default();
        let logprob = candidate.get("logProbability").and_then(Value::as_f64).unwrap_or(0.0);
        json!({ "token": token, "logprob": logprob, "bytes": token.as_bytes() })
    };
    let content: Vec<Value> = chosen
        .iter()
        .enumerate()
        .map(|(position, candidate)| {
            let others = top.get(position).map(|all| list(all, "candidates")).unwrap_or_default();
            let mut entry_of = entry(candidate);
            entry_of["top_logprobs"] = others.iter().map(entry).collect();
            entry_of
        })
        .collect();
    (!content.is_empty()).then(|| json!({ "content": content, "refusal": null }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_characters() {
        let check = |text: &str, bytes: u64, expect: u64| {
            let mut written = Written::default();
            written.push(text);
            assert_eq!(written.characters(bytes), expect, "{text} {bytes}");
        };
        check("abc", 2, 2);
        check("abc", 9, 3);
        check("é中😀x", 2, 1);
        check("é中😀x", 5, 2);
        check("é中😀x", 9, 3);
        check("é中😀x", 10, 4);
        check("é中😀x", 3, 1);
        check("", 1, 0);
    }

    #[test]
    fn sources_without_a_place() {
        let metadata = json!({
            "groundingChunks": [{ "web": { "uri": "https://a.example", "title": "A" } }, { "web": {} }, { "maps": { "uri": "https://m.example" } }],
            "groundingSupports": [{ "segment": { "endIndex": 1 }, "groundingChunkIndices": [0, 7, -1] }],
        });
        let mut written = Written::default();
        written.push("ab");
        let of = |start: u64, end: u64, url: &str, title: &str| json!({ "type": "url_citation", "url_citation": { "start_index": start, "end_index": end, "url": url, "title": title } });
        let expect = [of(0, 1, "https://a.example", "A"), of(0, 0, "https://m.example", "")];
        assert_eq!(written.grounded(&metadata), expect);
        assert!(written.grounded(&json!([])).is_empty());
    }
}
