//! What failures of Cohere mean. Source: Cohere's page on errors; a body is `{"message": …}`.

use sluice_chat::{Failure, FailureKind};

use crate::dialect::FailedAnswer;
use crate::openai::failure as common;

pub(super) fn of_answer(answer: &FailedAnswer<'_>) -> Failure {
    let failure = common::of_answer(answer);
    let lower = failure.error.message.to_ascii_lowercase();
    let kind = match answer.status {
        // Something said is on a list of what must not be said.
        498 => FailureKind::ContentPolicy,
        // A limit on the output beyond the model's is said with the same first words.
        400 | 422 if lower.contains("too many tokens") && lower.contains("in the prompt") => {
            FailureKind::ContextLength
        }
        _ => return failure,
    };
    let words = match kind {
        FailureKind::ContentPolicy => "content_policy_violation",
        _ => "context_length_exceeded",
    };
    let said = common::of_stated(400, words, &failure.error.message);
    Failure { kind, error: said.error, ..failure }
}
