//! Rows of requests.

pub(super) mod get;
pub(super) mod list;
pub(super) mod tail;

use serde_json::{Number, Value, json};
use sluice_store::{
    books::{AttemptDetails, Details},
    query::RequestRow,
};

use super::query::moment_of_ms;

/// A duration in milliseconds, with up to three decimal places.
pub(super) fn ms(us: u64) -> Value {
    if us.is_multiple_of(1_000) {
        return Value::from(us / 1_000);
    }
    Number::from_f64(us as f64 / 1_000.0).map_or(Value::Null, Value::Number)
}

/// A row in the columns of the API. Where the details of a request were lost theirs are null.
fn shown(row: &RequestRow) -> Value {
    let details = row.details.as_ref();
    let number = |of: fn(&Details) -> Option<u64>| details.and_then(of).map(ms);
    let flags =
        [(row.flags.absurd, "absurd"), (row.flags.excess, "excess"), (row.flags.unconfirmed, "unconfirmed")];
    let flags: Vec<&str> = flags.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect();
    let trace_id = details.map(|details| details.trace_id.as_str()).filter(|id| !id.is_empty());
    json!({
        "request_id": row.request.text(),
        "trace_id": trace_id,
        "created_at": moment_of_ms(row.unix_ms),
        "key_id": row.key,
        "project_id": row.project,
        "model": row.model,
        "provider": row.provider,
        "upstream_model": row.upstream_model,
        "status": details.map(|details| details.status).filter(|status| *status > 0),
        "error_code": details.and_then(|details| details.error_code.as_deref()),
        "stream": row.stream,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "usage_source": row.usage_source,
        "reserved_nanousd": row.reserved.0,
        "charged_nanousd": row.charged.map(|charged| charged.0),
        "price_version": row.price_version,
        "queue_ms": number(|details| details.queue_us),
        "first_token_ms": number(|details| details.first_token_us),
        "total_ms": number(|details| Some(details.total_us)),
        "repaired": details.is_some_and(|details| details.repaired),
        "hedged": details.is_some_and(|details| details.hedged),
        "flags": flags,
        "wasted_nanousd": details.map_or(0, |details| details.wasted.0),
        "attempts": details.map_or_else(Vec::new, |details| details.attempts.iter().map(attempt).collect()),
    })
}

fn attempt(attempt: &AttemptDetails) -> Value {
    json!({
        "provider": attempt.provider,
        "upstream_model": attempt.upstream_model,
        "started_at": moment_of_ms(attempt.started_ms),
        "first_token_ms": attempt.first_token_us.map(ms),
        "ended_ms": ms(attempt.ended_us),
        "status": attempt.status,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "why": Some(attempt.why).filter(|why| !why.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use sluice_ledger::{NanoUsd, RequestId, record::Flags};

    use super::*;

    #[test]
    fn durations_are_milliseconds() {
        let check = |us, expect: &str| assert_eq!(ms(us).to_string(), expect);
        check(0, "0");
        check(1, "0.001");
        check(12_345, "12.345");
        check(12_000, "12");
    }

    #[test]
    fn rows_have_the_columns_of_the_api() {
        let mut row = RequestRow {
            request: RequestId([7; 16]),
            unix_ms: 1_795_219_200_007,
            key: "key_1".to_owned(),
            project: "default".to_owned(),
            model: "m".to_owned(),
            stream: true,
            provider: Some("p".to_owned()),
            upstream_model: Some("x".to_owned()),
            prompt_tokens: 1,
            completion_tokens: 2,
            cached_tokens: 3,
            cache_write_tokens: 4,
            reasoning_tokens: 5,
            usage_source: Some("provider".to_owned()),
            reserved: NanoUsd(6),
            charged: None,
            price_version: None,
            flags: Flags { excess: true, ..Flags::default() },
            failed: false,
            details: None,
        };
        let bare = shown(&row);
        let columns = "request_id trace_id created_at key_id project_id model provider upstream_model status \
                       error_code stream prompt_tokens completion_tokens cached_tokens cache_write_tokens \
                       reasoning_tokens usage_source reserved_nanousd charged_nanousd price_version queue_ms \
                       first_token_ms total_ms repaired hedged flags wasted_nanousd attempts";
        let found: Vec<&str> = bare.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, columns.split_whitespace().collect::<Vec<_>>());
        assert_eq!(
            (&bare["flags"], &bare["status"], &bare["total_ms"]),
            (&json!(["excess"]), &json!(null), &json!(null))
        );
        assert_eq!(bare["created_at"], "2026-11-21T00:00:00.007Z");
        row.details = Some(Details {
            trace_id: "t".to_owned(),
            status: 200,
            total_us: 1_500,
            attempts: vec![AttemptDetails { outcome: "ok", ended_us: 1_000, ..AttemptDetails::default() }],
            ..Details::default()
        });
        let whole = shown(&row);
        assert_eq!(
            (&whole["status"], &whole["total_ms"], &whole["queue_ms"]),
            (&json!(200), &json!(1.5), &json!(null))
        );
        let columns: Vec<&str> =
            whole["attempts"][0].as_object().unwrap().keys().map(String::as_str).collect();
        let expect = "provider upstream_model started_at first_token_ms ended_ms status outcome reason why";
        assert_eq!(columns, expect.split(' ').collect::<Vec<_>>());
    }
}
