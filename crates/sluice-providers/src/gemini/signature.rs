//! Thought signatures: opaque texts on parts of an answer, which later models want back with their calls.

use serde_json::{Map, Value, json};

/// What Google documents for calls whose signature nobody has: base64 of `skip_thought_signature_validator`.
pub(super) const SKIP: &str = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

/// Some gateways put the signature into the id of the call, behind these.
const IN_ID: &str = "__thought__";

/// The carrier of Google's own route for Chat Completions, which is ours too.
pub(super) fn extra_content(signature: &str) -> Value {
    json!({ "google": { "thought_signature": signature } })
}

pub(super) fn in_extra_content(rest: &Map<String, Value>) -> Option<String> {
    let signature = rest.get("extra_content")?.get("google")?.get("thought_signature")?.as_str()?;
    (!signature.is_empty()).then(|| signature.to_owned())
}

/// The id of a call without what was put behind it, and that.
pub(super) fn split_id(id: &str) -> (&str, Option<&str>) {
    match id.split_once(IN_ID) {
        Some((id, signature)) if !signature.is_empty() => (id, Some(signature)),
        _ => (id, None),
    }
}

/// The signature that a caller gave back with a call. `rest` and `inner` are the further fields of the call and of
/// its function.
pub(super) fn of_call(id: &str, rest: &Map<String, Value>, inner: &Map<String, Value>) -> Option<String> {
    let elsewhere = |fields: &Map<String, Value>| {
        let signature = fields.get("provider_specific_fields")?.get("thought_signature")?.as_str()?;
        (!signature.is_empty()).then(|| signature.to_owned())
    };
    in_extra_content(rest)
        .or_else(|| elsewhere(rest))
        .or_else(|| elsewhere(inner))
        .or_else(|| split_id(id).1.map(str::to_owned))
}

/// Later models refuse calls of the current turn without a signature; the first call of a batch carries it for all.
pub(super) fn complete(calls: &mut [Value]) {
    let signed = calls.iter().any(|part| part.get("thoughtSignature").is_some());
    if !signed && let Some(first) = calls.first_mut() {
        first["thoughtSignature"] = SKIP.into();
    }
}
