//! Which targets of a model can take a request.

use sluice_chat::{ApiError, scan::RequestScan};
use sluice_providers::dialect;
use smallvec::SmallVec;

use crate::{
    accounting,
    snapshot::{Model, Target},
};

/// Indexes of targets, in the order of the model.
pub(crate) type Targets = SmallVec<[usize; 4]>;

/// Something that a request needs, and the type of content part that asks for it, where it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    /// The word of `capabilities`.
    capability: &'static str,
    /// The field of the request.
    param: &'static str,
    part: Option<&'static str>,
}

/// Why a target is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    /// Its dialect has no words for this field.
    Unspeakable(&'static str),
    /// The operator's list of what it can do does not have this.
    Lacking(Need),
}

/// The targets that can take a request. Where the operator says what a target can do, that holds; the bundled table only
/// knows what is there, and makes for an order: [`is_likely`].
///
/// # Errors
/// The 400 that names what none of them can take.
pub(crate) fn targets(model: &Model, scan: &RequestScan, body: &[u8]) -> Result<Targets, ApiError> {
    let all = 0..model.targets.len();
    let able: Targets = all.filter(|index| unfit(&model.targets[*index], scan).is_none()).collect();
    if able.is_empty() { Err(none_takes(model, scan, body)) } else { Ok(able) }
}

/// Whether what is known of a target speaks for it: the others come after all that are. Both the table and the estimate
/// of the prompt may be wrong.
pub(crate) fn is_likely(target: &Target, scan: &RequestScan) -> bool {
    let fits = target.facts.context_length.is_none_or(|most| accounting::prompt_estimate(scan) <= most);
    fits && (!target.known || needs(scan).all(|need| has(target, need)))
}

/// What a request needs that not every model has.
fn needs(scan: &RequestScan) -> impl Iterator<Item = Need> {
    let features = &scan.features;
    let need = |capability, param, part| Need { capability, param, part };
    let tools = if features.legacy_functions { "functions" } else { "tools" };
    let tools = features.tools.then(|| need("tools", tools, None));
    let image = features.image.then(|| need("vision", "messages", Some("image_url")));
    let audio = features.input_audio.then(|| need("audio", "messages", Some("input_audio")));
    tools.into_iter().chain(image).chain(audio)
}

fn has(target: &Target, need: Need) -> bool {
    let facts = &target.facts;
    match need.capability {
        "tools" => facts.tools,
        "vision" => facts.vision,
        _ => facts.audio,
    }
}

/// Targets of the caller's own dialect have words for everything that a scan accepts; the sandbox knows which content
/// parts there are.
fn unspeakable(target: &Target, scan: &RequestScan) -> Option<&'static str> {
    let provider = target.upstream.provider();
    if provider.is_sandbox() {
        return scan.features.unknown_part.map(|_| "messages");
    }
    dialect(provider.row(), target.model.name()).takes(scan).err()
}

fn unfit(target: &Target, scan: &RequestScan) -> Option<Unfit> {
    if let Some(param) = unspeakable(target, scan) {
        return Some(Unfit::Unspeakable(param));
    }
    if !target.declared {
        return None;
    }
    needs(scan).find(|need| !has(target, *need)).map(Unfit::Lacking)
}

fn none_takes(model: &Model, scan: &RequestScan, body: &[u8]) -> ApiError {
    let unfit = model.targets.iter().find_map(|target| unfit(target, scan));
    match (unfit, scan.features.unknown_part) {
        (Some(Unfit::Unspeakable("messages")), Some((message, part))) => {
            let param = format!("messages[{message}].content[{part}].type");
            let text = format!(
                "Invalid value for '{param}': no target of this model knows this type of content part."
            );
            ApiError::invalid("invalid_value", text).with_param(param)
        }
        (Some(Unfit::Unspeakable(param)), _) => {
            let text = format!("Unsupported value: no target of this model can take this '{param}'.");
            ApiError::invalid("unsupported_value", text).with_param(param)
        }
        (Some(Unfit::Lacking(need)), _) => {
            let param =
                need.part.and_then(|part| place_of(body, part)).unwrap_or_else(|| need.param.to_owned());
            let text = format!(
                "Unsupported value: no target of this model can take '{param}' (its capabilities do not list '{}').",
                need.capability
            );
            ApiError::invalid("unsupported_value", text).with_param(param)
        }
        (None, _) => {
            ApiError::invalid("unsupported_parameter", "No target of this model can take this request.")
        }
    }
}

/// Where the first content part of a type stands.
fn place_of(body: &[u8], part: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let messages = body.get("messages")?.as_array()?;
    messages.iter().enumerate().find_map(|(m, message)| {
        let parts = message.get("content")?.as_array()?;
        let at = parts.iter().position(|found| found["type"] == part)?;
        Some(format!("messages[{m}].content[{at}].type"))
    })
}
