//! The answers of vendors, each against what it means.

use super::*;

fn check(status: u16, body: &str, expect: &str) {
    check_after(None, status, body, expect);
}

fn check_after(retry_after_ms: Option<u64>, status: u16, body: &str, expect: &str) {
    let answer = FailedAnswer { status, content_type: None, retry_after_ms, body: body.as_bytes() };
    let failure = of_answer(&answer);
    assert_eq!(failure.status, Some(status), "{body}");
    assert_eq!(failure.retry_after_ms, retry_after_ms, "{body}");
    assert_eq!(shown(&failure), expect, "{status} {body}");
}

fn shown(failure: &Failure) -> String {
    let error = &failure.error;
    let [param, code] = [error.param.as_deref(), error.code.as_deref()].map(|part| part.unwrap_or("-"));
    format!("{:?} {} {param} {code}: {}", failure.kind, error.kind, error.message)
}

#[test]
fn openai() {
    check(
        400,
        r#"{"error":{"message":"m","type":"invalid_request_error","param":"temperature","code":"decimal_above_max_value"}}"#,
        "BadRequest invalid_request_error temperature decimal_above_max_value: m",
    );
    check(
        400,
        r#"{"error":{"message":"This model's maximum context length is 8 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        "ContextLength invalid_request_error messages context_length_exceeded: This model's maximum context length is 8 tokens.",
    );
    check(
        401,
        r#"{"error":{"message":"Incorrect API key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        "AuthRefused invalid_request_error - invalid_api_key: Incorrect API key",
    );
    check(
        404,
        r#"{"error":{"message":"no gpt-9","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
        "ModelMissing invalid_request_error - model_not_found: no gpt-9",
    );
    check(
        429,
        r#"{"error":{"message":"slow","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        "RateLimited requests - rate_limit_exceeded: slow",
    );
    check(
        429,
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        "BalanceGone insufficient_quota - insufficient_quota: You exceeded your current quota",
    );
    check(500, r#"{"error":{"message":"m","type":"server_error"}}"#, "ServerError server_error - -: m");
    check(
        503,
        r#"{"error":{"message":"m","type":"server_error","code":"slow_down"}}"#,
        "Overloaded server_error - slow_down: m",
    );
}

#[test]
fn other_vendors() {
    check(
        400,
        r#"{"error":{"code":"content_filter","message":"m","param":"prompt","type":null,"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        "ContentPolicy invalid_request_error prompt content_filter: m",
    );
    check(
        404,
        r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#,
        "ModelMissing upstream_error - DeploymentNotFound: m",
    );
    check(401, r#"{"error":{"code":"401","message":"m"}}"#, "AuthRefused upstream_error - -: m");
    check(402, r#"{"error":{"code":402,"message":"m"},"user_id":"u"}"#, "BalanceGone upstream_error - -: m");
    check(
        402,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error"}}"#,
        "BalanceGone unknown_error - -: Insufficient Balance",
    );
    check(
        400,
        r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error"}}"#,
        "ContentPolicy invalid_request_error - content_policy_violation: Content Exists Risk",
    );
    check(
        400,
        r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}"#,
        "ModelMissing invalid_request_error - -: Model Not Exist",
    );
    check(
        400,
        r#"{"error":{"message":"m","code":"Arrearage"},"request_id":"r"}"#,
        "BalanceGone upstream_error - Arrearage: m",
    );
    check(
        403,
        r#"{"error":{"message":"m","code":"AccountOverdueError"}}"#,
        "BalanceGone upstream_error - AccountOverdueError: m",
    );
    check(
        400,
        r#"{"error":{"message":"Range of input length should be [1, 9]","code":"InvalidParameter"}}"#,
        "ContextLength invalid_request_error messages context_length_exceeded: Range of input length should be [1, 9]",
    );
    check(
        400,
        r#"{"error":{"type":"invalid_request_error","message":"Your request exceeded model token limit: 8 (requested: 9)"}}"#,
        "ContextLength invalid_request_error messages context_length_exceeded: Your request exceeded model token limit: 8 (requested: 9)",
    );
}

#[test]
fn vendors_with_shapes_of_their_own() {
    check(
        400,
        r#"{"error":{"code":"1301","message":"m"}}"#,
        "ContentPolicy invalid_request_error - content_policy_violation: m",
    );
    check(429, r#"{"error":{"code":"1113","message":"m"}}"#, "BalanceGone upstream_error - 1113: m");
    check(429, r#"{"error":{"code":"1302","message":"m"}}"#, "RateLimited upstream_error - 1302: m");
    check(
        400,
        r#"{"code":"invalid-argument","error":"bad thing"}"#,
        "BadRequest invalid_request_error - invalid-argument: bad thing",
    );
    check(
        422,
        r#"{"object":"error","message":{"detail":[{"loc":["body","messages",0,"name"],"msg":"Extra inputs"}]},"type":"invalid_request_error"}"#,
        "BadRequest invalid_request_error messages[0].name -: Extra inputs",
    );
    check(
        422,
        r#"{"detail":[{"loc":["body","top_p"],"msg":"too large"}]}"#,
        "BadRequest invalid_request_error top_p -: too large",
    );
    check(
        400,
        r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
        "BadRequest BadRequestError - -: m",
    );
    check(
        503,
        r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
        "Overloaded unavailable_error - -: Loading model",
    );
    check(
        403,
        r#"{"error":{"code":403,"message":"m","metadata":{"reasons":["violence"]}}}"#,
        "ContentPolicy invalid_request_error - content_policy_violation: m",
    );
    check(
        400,
        r#"[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum","status":"INVALID_ARGUMENT"}}]"#,
        "ContextLength invalid_request_error messages context_length_exceeded: The input token count (9) exceeds the maximum",
    );
    check(498, r#"{"error":{"message":"m","type":"capacity"}}"#, "Overloaded capacity - -: m");
    check(
        529,
        r#"{"error":{"message":"m","type":"overloaded_error"}}"#,
        "Overloaded overloaded_error - -: m",
    );
    check(413, r#"{"error":{"message":"m"}}"#, "BadRequest invalid_request_error - -: m");
}

#[test]
fn answers_that_are_not_json() {
    check(
        502,
        "<html>Bad gateway</html>",
        "ServerError upstream_error - -: the upstream answered 502 with an HTML page",
    );
    check(
        400,
        "<html>400</html>",
        "BadResponse upstream_error - -: the upstream answered 400 with an HTML page",
    );
    check(500, "upstream connect error", "ServerError upstream_error - -: upstream connect error");
    check(500, "", "ServerError upstream_error - -: the upstream answered 500");
    check(404, "page not found", "ModelMissing upstream_error - -: page not found");
    check(301, "", "BadResponse upstream_error - -: the upstream answered with a redirect (301)");
    check(400, "{}", "BadRequest invalid_request_error - -: the upstream answered 400");
    check(500, "[]", "ServerError upstream_error - -: []");
}

#[test]
fn answers_with_a_status_of_success() {
    let check = |content_type: &str, body: &str, expect: &str| {
        let body = body.as_bytes();
        let answer =
            FailedAnswer { status: 200, content_type: Some(content_type), retry_after_ms: None, body };
        let failure = of_answer(&answer);
        assert_eq!(format!("{:?} {}", failure.status, shown(&failure)), expect, "{answer:?}");
    };
    let json = "application/json";
    check(json, r#"{"error":{"message":"m","code":429}}"#, "Some(429) RateLimited upstream_error - -: m");
    check(
        json,
        r#"{"error":{"message":"m","type":"invalid_request_error"}}"#,
        "Some(400) BadRequest invalid_request_error - -: m",
    );
    check(
        json,
        "{}",
        "None BadResponse upstream_error - upstream_bad_response: the upstream's answer has no choices",
    );
    check(
        "text/html",
        "x",
        "None BadResponse upstream_error - upstream_bad_response: the upstream answered with an HTML page",
    );
    check(
        "text/plain",
        "",
        "None BadResponse upstream_error - upstream_bad_response: the upstream's answer is empty",
    );
}

#[test]
fn errors_in_place_of_a_chunk() {
    let check = |error: &str, expect: &str| {
        let failure = of_error_event(&serde_json::from_str(error).unwrap());
        assert_eq!(format!("{:?} {}", failure.status, shown(&failure)), expect, "{error}");
    };
    check(r#"{"message":"m","type":"server_error"}"#, "None ServerError server_error - -: m");
    check(r#"{"message":"m","code":429}"#, "Some(429) RateLimited upstream_error - -: m");
    check(r#"{"message":"m","code":"502"}"#, "Some(502) ServerError upstream_error - -: m");
    check(
        r#"{"message":"m","code":"rate_limit_exceeded"}"#,
        "None RateLimited upstream_error - rate_limit_exceeded: m",
    );
    check(r#"{"message":"m","type":"overloaded_error"}"#, "None Overloaded overloaded_error - -: m");
    check(r#"{"message":"m","type":"insufficient_quota"}"#, "None BalanceGone insufficient_quota - -: m");
    check(
        r#"{"message":"m","type":"invalid_request_error"}"#,
        "Some(400) BadRequest invalid_request_error - -: m",
    );
    check(
        r#"{"message":"m","code":"DataInspectionFailed"}"#,
        "Some(400) ContentPolicy invalid_request_error - content_policy_violation: m",
    );
    check(r#""boom""#, "None ServerError upstream_error - -: boom");
}

/// What callers write comes back in messages, above all as the value that was refused.
/// One error of an upstream, its message and `param` as given; `rest` are further pairs.
fn told(status: u16, message: &str, param: &str, rest: &str, expect: FailureKind) {
    let body = format!(
        r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":{param}{rest}}}}}"#
    );
    let answer = FailedAnswer { status, content_type: None, retry_after_ms: None, body: body.as_bytes() };
    assert_eq!(of_answer(&answer).kind, expect, "{status} {body}");
}

#[test]
fn text_of_the_caller_decides_nothing() {
    let words = [
        "insufficient_quota",
        "billing_hard_limit_reached",
        "arrearage",
        "AccountOverdue",
        "model_not_found",
        "DeploymentNotFound",
        "invalid_model",
        "invalid_api_key",
        "API_KEY_INVALID",
        "authentication_error",
        "content_filter",
        "content_policy",
        "ResponsibleAIPolicyViolation",
        "DataInspectionFailed",
        "context_length_exceeded",
        "exceed_context_size",
        "flagged_input",
        "rate_limit",
        "overloaded",
    ];
    for word in words {
        for status in [400, 422] {
            told(status, &format!("Invalid value: '{word}'"), "null", "", FailureKind::BadRequest);
            told(status, &format!("Invalid value: '{word}'"), "\"user\"", "", FailureKind::BadRequest);
        }
        told(403, &format!("no '{word}'"), "null", "", FailureKind::AuthRefused);
        told(429, &format!("no '{word}'"), "null", "", FailureKind::RateLimited);
    }
    let phrases = [
        "Exceeded your current quota",
        "Insufficient balance",
        "insufficient credits",
        "model not found",
        "Model does not exist",
        "not a valid model id",
        "Incorrect API key provided",
        "API key not valid",
    ];
    for phrase in phrases {
        for status in [400, 422] {
            for param in ["\"metadata.a\"", "\"tools[0].function.name\"", "\"user\""] {
                told(status, &format!("bad '{phrase}'"), param, "", FailureKind::BadRequest);
            }
        }
    }
    for code in ["insufficient_quota", "model_not_found", "invalid_api_key", "1113", "1211"] {
        for status in [400, 422] {
            told(status, "m", "\"user\"", &format!(r#","code":"{code}""#), FailureKind::BadRequest);
        }
    }
}

#[test]
fn what_an_upstream_says_itself_decides() {
    told(400, "m", "\"model\"", r#","code":"model_not_found""#, FailureKind::ModelMissing);
    told(400, "Model not found", "\"model\"", "", FailureKind::ModelMissing);
    // Proxies write the absence of a field as a word.
    told(400, "Model not found", "\"None\"", "", FailureKind::ModelMissing);
    told(400, "m", "null", r#","code":"insufficient_quota""#, FailureKind::BalanceGone);
    told(
        400,
        "m",
        "null",
        r#","innererror":{"code":"ResponsibleAIPolicyViolation"}"#,
        FailureKind::ContentPolicy,
    );
    told(400, "This prompt is too long", "\"messages\"", "", FailureKind::ContextLength);
}

#[test]
fn refused_credentials_may_be_a_400() {
    check(
        400,
        r#"{"error":{"message":"Incorrect API key provided: sk-x.","type":"invalid_request_error","param":null}}"#,
        "AuthRefused invalid_request_error - -: Incorrect API key provided: sk-x.",
    );
    check(
        400,
        r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: x***y."}"#,
        "AuthRefused upstream_error - Client specified an invalid argument: Incorrect API key provided: x***y.",
    );
    check(
        400,
        r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
        "AuthRefused upstream_error - -: API key not valid. Please pass a valid API key.",
    );
    check(
        400,
        r#"{"error":{"code":"API_KEY_INVALID","message":"m"}}"#,
        "AuthRefused upstream_error - API_KEY_INVALID: m",
    );
    check(
        400,
        r#"{"error":{"code":400,"message":"m","status":"API_KEY_INVALID"}}"#,
        "AuthRefused upstream_error - -: m",
    );
    check(
        422,
        r#"{"error":{"code":"invalid_api_key","message":"m"}}"#,
        "AuthRefused upstream_error - invalid_api_key: m",
    );
    check(400, "Incorrect API key provided", "AuthRefused upstream_error - -: Incorrect API key provided");
}

#[test]
fn a_quota_that_comes_back_is_a_rate() {
    let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let shown = "insufficient_quota - insufficient_quota: You exceeded your current quota";
    check_after(None, 429, quota, &format!("BalanceGone {shown}"));
    check_after(Some(1500), 429, quota, &format!("RateLimited {shown}"));
    check_after(Some(1500), 403, quota, &format!("BalanceGone {shown}"));
    let google = r#"[{"error":{"code":429,"message":"You exceeded your current quota","status":"RESOURCE_EXHAUSTED"}}]"#;
    check_after(Some(0), 429, google, "RateLimited upstream_error - -: You exceeded your current quota");
    check_after(Some(1500), 500, "", "ServerError upstream_error - -: the upstream answered 500");
}
