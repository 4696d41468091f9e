//! Whole answers with a success status.

use bytes::Bytes;
use serde_json::{Map, Value};
use sluice_chat::Failure;

use super::failure;
use super::normal::content_bytes;
use super::peek;
use super::repair::{Repairer, Repairs};
use super::usage::RawTally;
use crate::passage::WholeAnswer;
use crate::vendor::VendorRow;

/// The answer as it came.
pub(crate) fn exact(body: Bytes) -> Result<WholeAnswer, Failure> {
    let facts = peek::facts_of_bytes(&body).ok_or_else(|| failure::of_no_completion(&body))?;
    if let Some(error) = &facts.error {
        return Err(failure::of_error_event(error));
    }
    if facts.choices.is_empty() {
        return Err(failure::of_no_completion(&body));
    }
    let (usage, usage_absurd) = RawTally::read_whole(facts.other_usages, facts.usage);
    Ok(WholeAnswer { body, usage, usage_absurd, content_bytes: facts.content_bytes })
}

/// The answer in the canonical form.
pub(crate) fn normalised(row: &VendorRow, body: &[u8]) -> Result<WholeAnswer, Failure> {
    let (mut answer, repairer) = repaired(Repairs::of(row), body)?;
    let (usage, usage_absurd) = repairer.tally.read();
    let content_bytes = content_bytes(&answer, "message").unwrap_or(0);
    if let Some(usage) = repairer.tally.canonical() {
        answer.insert("usage".to_owned(), usage);
    }
    let body = Bytes::from(Value::Object(answer).to_string());
    Ok(WholeAnswer { body, usage, usage_absurd, content_bytes })
}

/// Reads a whole body and repairs it.
pub(super) fn repaired(repairs: Repairs, body: &[u8]) -> Result<(Map<String, Value>, Repairer), Failure> {
    let Ok(Value::Object(answer)) = serde_json::from_slice::<Value>(body) else {
        return Err(failure::of_no_completion(body));
    };
    let mut repairer = Repairer::new(repairs, true);
    match repairer.repair(answer)? {
        Some(answer) if repairer.any_choice() => Ok((answer, repairer)),
        _ => Err(failure::of_no_completion(body)),
    }
}
