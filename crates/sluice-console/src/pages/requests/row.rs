//! A request as the admin API tells it.

use serde::Deserialize;

/// One request. What the API may leave out is `None`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    pub(super) request_id: String,
    pub(super) trace_id: Option<String>,
    pub(super) created_at: String,
    pub(super) key_id: String,
    pub(super) project_id: String,
    /// As asked for; empty where none was named.
    pub(super) model: String,
    pub(super) provider: Option<String>,
    pub(super) upstream_model: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) error_code: Option<String>,
    pub(super) stream: bool,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) cache_write_tokens: u64,
    pub(super) reasoning_tokens: u64,
    pub(super) usage_source: Option<String>,
    pub(super) reserved_nanousd: i64,
    pub(super) charged_nanousd: Option<i64>,
    pub(super) price_version: Option<String>,
    pub(super) queue_ms: Option<f64>,
    pub(super) first_token_ms: Option<f64>,
    pub(super) total_ms: Option<f64>,
    pub(super) repaired: bool,
    pub(super) hedged: bool,
    pub(super) flags: Vec<String>,
    pub(super) wasted_nanousd: i64,
    pub(super) attempts: Vec<Attempt>,
}

/// One call of a target.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) provider: String,
    pub(super) upstream_model: String,
    pub(super) started_at: Option<String>,
    pub(super) first_token_ms: Option<f64>,
    pub(super) ended_ms: f64,
    pub(super) status: Option<u16>,
    /// `ok`, `failed` or `cancelled`.
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    /// Why it was made; rows of earlier releases do not say.
    #[serde(default)]
    pub(super) why: Option<String>,
}

/// How a request ended, for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    /// An answer began, and an error event or a broken connection ended it.
    Broken,
    /// The caller left before the end.
    Left,
    /// Refused before any target was called.
    Refused,
    /// Targets were called, and none answered.
    Failed,
    /// What is known of it was lost with the process.
    Unknown,
}

impl Row {
    pub(super) fn end(&self) -> End {
        match self.status {
            None => End::Unknown,
            Some(status) if status >= 400 && self.attempts.is_empty() => End::Refused,
            Some(status) if status >= 400 => End::Failed,
            _ if self.error_code.is_some() => End::Broken,
            _ if self.usage_source.as_deref() == Some("interrupted") => End::Left,
            _ => End::Answered,
        }
    }

    /// The class of its badge.
    pub(super) fn class(&self) -> &'static str {
        match (self.end(), self.status) {
            (End::Answered, _) => "good",
            (End::Left | End::Unknown, _) => "",
            (_, Some(400..=499)) => "warn",
            _ => "bad",
        }
    }

    /// The status, or a dash.
    pub(super) fn status_text(&self) -> String {
        self.status.map_or_else(|| "–".to_owned(), |status| status.to_string())
    }

    /// Tokens of the answer for each second in which it came: of streams that took long enough to say.
    pub(super) fn tokens_per_second(&self) -> Option<f64> {
        let span = self.total_ms? - self.first_token_ms?;
        let worth = self.stream && span >= 50.0 && self.completion_tokens > 1;
        worth.then(|| self.completion_tokens as f64 * 1000.0 / span)
    }
}

impl Attempt {
    /// The class of its badge and of its bar.
    pub(super) fn class(&self) -> &'static str {
        match self.outcome.as_str() {
            "ok" => "good",
            "failed" => "bad",
            _ => "idle",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A request as the API tells it: answered at once by the only target, with `changes`.
    pub(in crate::pages::requests) fn sample(changes: &Value) -> Value {
        let mut row = json!({
            "request_id": "req_01a1fd9936507c968a3c46367c91c0fb",
            "trace_id": "6436721a04af05988b59c3b7b453ccac",
            "created_at": "2026-11-21T10:13:58.992Z",
            "key_id": "key_1",
            "project_id": "search",
            "model": "fast",
            "provider": "acme",
            "upstream_model": "gpt-x",
            "status": 200,
            "error_code": null,
            "stream": true,
            "prompt_tokens": 1200,
            "completion_tokens": 340,
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "usage_source": "provider",
            "reserved_nanousd": 561150,
            "charged_nanousd": 384000,
            "price_version": "set-2970da20",
            "queue_ms": 0.25,
            "first_token_ms": 340.5,
            "total_ms": 2040.5,
            "repaired": false,
            "hedged": false,
            "flags": [],
            "wasted_nanousd": 0,
            "attempts": [attempt(&json!({}))],
        });
        merge(&mut row, changes);
        row
    }

    /// A call that was answered, with `changes`.
    pub(in crate::pages::requests) fn attempt(changes: &Value) -> Value {
        let mut attempt = json!({
            "provider": "acme",
            "upstream_model": "gpt-x",
            "started_at": "2026-11-21T10:13:58.992Z",
            "first_token_ms": 340,
            "ended_ms": 2040,
            "status": 200,
            "outcome": "ok",
            "reason": null,
            "why": "first",
        });
        merge(&mut attempt, changes);
        attempt
    }

    fn merge(whole: &mut Value, changes: &Value) {
        let (Value::Object(whole), Value::Object(changes)) = (whole, changes) else { return };
        whole.extend(changes.clone());
    }

    #[test]
    fn requests_end_in_one_way() {
        let check = |changes: Value, expect: (End, &str)| {
            let row: Row = serde_json::from_value(sample(&changes)).unwrap();
            assert_eq!((row.end(), row.class()), expect, "{changes}");
        };
        check(json!({}), (End::Answered, "good"));
        check(json!({ "error_code": "upstream_truncated" }), (End::Broken, "bad"));
        check(json!({ "usage_source": "interrupted" }), (End::Left, ""));
        check(json!({ "status": null, "attempts": [] }), (End::Unknown, ""));
        check(
            json!({ "status": 402, "error_code": "insufficient_quota", "attempts": [] }),
            (End::Refused, "warn"),
        );
        check(json!({ "status": 503, "attempts": [] }), (End::Refused, "bad"));
        check(json!({ "status": 400 }), (End::Failed, "warn"));
        check(json!({ "status": 502, "error_code": "upstream_bad_response" }), (End::Failed, "bad"));
    }

    #[test]
    fn speed_is_told_of_streams_that_took_long_enough() {
        let check = |changes: Value, expect: Option<f64>| {
            let row: Row = serde_json::from_value(sample(&changes)).unwrap();
            assert_eq!(row.tokens_per_second(), expect);
        };
        check(json!({}), Some(200.0));
        check(json!({ "stream": false }), None);
        check(json!({ "total_ms": 341.0 }), None);
        check(json!({ "first_token_ms": null }), None);
        check(json!({ "completion_tokens": 1 }), None);
    }
}
