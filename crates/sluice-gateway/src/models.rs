//! `GET /v1/models` and `/v1/models/{id}`: what the key may use.

use serde_json::{Value, json};
use sluice_store::ModelCapabilities;

use crate::{
    authenticate::Caller,
    refusal::Refusal,
    snapshot::{Model, Snapshot, Target},
};

/// The list, in OpenAI's form.
pub(crate) fn list(caller: &Caller, snapshot: &Snapshot) -> Vec<u8> {
    let allowed = snapshot.models().filter(|model| caller.key().models.allows(&model.name));
    let data: Vec<Value> = allowed.map(|model| object(model, snapshot)).collect();
    json!({ "object": "list", "data": data }).to_string().into_bytes()
}

/// One model. The id may contain a slash, written as it is or as `%2F`.
pub(crate) fn one(caller: &Caller, snapshot: &Snapshot, id: &str) -> Result<Vec<u8>, Refusal> {
    let id = unescape(id).ok_or_else(|| Refusal::model_not_found(id))?;
    let model = snapshot.model(&id).ok_or_else(|| Refusal::model_not_found(&id))?;
    if !caller.key().models.allows(&id) {
        return Err(Refusal::model_not_allowed(&id));
    }
    Ok(object(&model, snapshot).to_string().into_bytes())
}

fn object(model: &Model, snapshot: &Snapshot) -> Value {
    let mut owners = model.targets.iter().map(|target| target.upstream.provider().name());
    let owner = owners.next().filter(|first| owners.all(|other| other == *first)).unwrap_or("sluicegate");
    let mut object = json!({
        "id": model.name, "object": "model", "created": snapshot.made_at, "owned_by": owner,
    });
    let facts = facts(model);
    if let Some(tokens) = facts.context_length {
        object["context_length"] = tokens.into();
    }
    if let Some(tokens) = facts.max_output_tokens {
        object["max_output_tokens"] = tokens.into();
    }
    if let Some(words) = facts.capabilities {
        object["capabilities"] = json!(words);
    }
    object
}

/// What holds whichever target answers: what the model's own settings say, else the least of what its targets can do.
/// Of a target of which nothing is known nothing can be said.
fn facts(model: &Model) -> ModelCapabilities {
    let own = &model.options.capabilities;
    let least = |of: fn(&Target) -> Option<u64>| {
        let all = model.targets.iter().map(of).collect::<Option<Vec<_>>>();
        all.and_then(|all| all.into_iter().min())
    };
    let shared = || {
        let mut words = model.targets.iter().map(|target| target.known.then(|| target.facts.flags()));
        let first = words.next()??;
        words.try_fold(first, |shared, words| {
            let words = words?;
            Some(shared.into_iter().filter(|word| words.contains(word)).collect::<Vec<_>>())
        })
    };
    ModelCapabilities {
        context_length: own.context_length.or_else(|| least(|target| target.facts.context_length)),
        max_output_tokens: own.max_output_tokens.or_else(|| least(|target| target.facts.max_output_tokens)),
        capabilities: own
            .capabilities
            .clone()
            .or_else(|| shared().map(|words| words.into_iter().map(str::to_owned).collect())),
    }
}

/// Undoes percent-encoding; `None` where it is not one or hides what is not UTF-8.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (rest, bytes) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |b: u8| char::from(b).to_digit(16);
                let byte = digit(*high)? * 16 + digit(*low)?;
                bytes.push(u8::try_from(byte).ok()?);
                (tail, bytes)
            }
            (b'%', _) => return None,
            (byte, tail) => {
                bytes.push(*byte);
                (tail, bytes)
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unescaped() {
        let check = |text, expect: Option<&str>| assert_eq!(unescape(text).as_deref(), expect, "{text}");
        check("sandbox/echo", Some("sandbox/echo"));
        check("sandbox%2Fecho", Some("sandbox/echo"));
        check("a%2fb%20", Some("a/b "));
        check("%e4%bd%a0", Some("你"));
        check("%", None);
        check("%4", None);
        check("%zz", None);
        check("%ff", None);
    }
}
