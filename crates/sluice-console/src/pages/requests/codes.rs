//! Codes of errors and of failed attempts, in words.

use crate::Language;

/// One line says what happened, and where it helps what to do.
struct Said {
    codes: &'static [&'static str],
    en: &'static str,
    zh: &'static str,
}

const fn said(codes: &'static [&'static str], en: &'static str, zh: &'static str) -> Said {
    Said { codes, en, zh }
}

/// What happened before any target was called, or beside all of them.
const OWN: &[Said] = &[
    said(
        &["insufficient_quota"],
        "The budget of the key or its project has less left than the request may cost.",
        "密钥或项目的预算余额低于该请求可能产生的最高费用。",
    ),
    said(
        &["rate_limit_exceeded", "rate_limited"],
        "A rate limit was reached: of the key, its project, its model, or of the provider.",
        "触发速率限制：来自密钥、项目、模型或供应商。",
    ),
    said(&["model_not_found"], "There is no model of this name.", "不存在该名称的模型。"),
    said(&["model_not_allowed"], "The key may not use this model.", "该密钥无权使用此模型。"),
    said(
        &["model_not_priced"],
        "The key has a budget, and the model has no price.",
        "密钥设有预算，但该模型没有价格。",
    ),
    said(
        &["unsupported_parameter", "unsupported_value", "unsupported"],
        "No target of the model honours a field of the request.",
        "模型的所有目标都不支持请求中的某个字段。",
    ),
    said(
        &["invalid_image_url"],
        "Media named by a URL could not be fetched for the provider.",
        "无法为供应商获取 URL 指向的媒体文件。",
    ),
    said(
        &[
            "invalid_json",
            "missing_required_parameter",
            "invalid_type",
            "invalid_value",
            "empty_array",
            "array_above_max_length",
            "string_above_max_length",
            "object_above_max_properties",
            "integer_below_min_value",
            "decimal_below_min_value",
            "integer_above_max_value",
            "decimal_above_max_value",
            "duplicate_parameter",
        ],
        "The request itself is not valid; the answer named the field.",
        "请求本身无效，响应中已指明出错的字段。",
    ),
    said(&["request_too_large"], "The request body is too large.", "请求体过大。"),
    said(&["request_timeout"], "The request body came too slowly.", "请求体发送过慢。"),
    said(
        &["server_is_overloaded", "overloaded"],
        "The gateway or the target was overloaded.",
        "网关或目标过载。",
    ),
    said(
        &["accounting_unavailable"],
        "The database or the journal could not take the request.",
        "数据库或日志无法记录该请求。",
    ),
    said(
        &["idempotency_key_reused"],
        "The idempotency key had come before with another body.",
        "该幂等键此前已用于不同的请求体。",
    ),
    said(
        &["idempotency_replay_unavailable"],
        "It repeats a request whose answer can not be given again.",
        "该请求重复了先前的请求，而先前的响应无法再次给出。",
    ),
    said(&["internal_error"], "A fault of the gateway.", "网关内部错误。"),
    said(
        &["server_shutdown", "shutdown"],
        "The gateway was stopped before the answer was complete.",
        "响应完成前网关已停止。",
    ),
];

/// What targets did.
const UPSTREAM: &[Said] = &[
    said(
        &["upstream_auth", "auth_refused"],
        "The provider refused our credentials: check its key.",
        "供应商拒绝了我们的凭证：请检查供应商密钥。",
    ),
    said(
        &["upstream_model_not_found", "model_missing"],
        "The provider does not have the model: check the target.",
        "供应商没有该模型：请检查目标配置。",
    ),
    said(
        &["upstream_balance", "balance_gone"],
        "The account at the provider is empty.",
        "供应商账户余额不足。",
    ),
    said(
        &["upstream_unreachable", "unreachable", "reset"],
        "The connection was refused or broke before the answer.",
        "连接被拒绝，或在响应之前中断。",
    ),
    said(&["upstream_tls", "tls"], "The TLS handshake failed.", "TLS 握手失败。"),
    said(
        &["upstream_bad_response", "bad_response", "upstream_error"],
        "The provider failed, or sent an answer that is none.",
        "供应商出错，或返回了无效的响应。",
    ),
    said(&["server_error"], "The provider had an error of its own.", "供应商内部错误。"),
    said(
        &["upstream_timeout", "first_token_timeout", "total_timeout", "connect_timeout"],
        "No answer came in time.",
        "未在规定时间内得到响应。",
    ),
    said(
        &["upstream_stalled", "stalled"],
        "The stream went silent and was given up.",
        "流式响应长时间无数据，已放弃。",
    ),
    said(
        &["upstream_truncated", "truncated"],
        "The provider ended or broke the stream too early.",
        "供应商过早结束或中断了流式响应。",
    ),
    said(
        &["upstream_bad_event", "bad_event"],
        "The stream had an event that is not JSON.",
        "流中出现了不是 JSON 的事件。",
    ),
    said(&["event_too_large"], "An event of the stream was too large.", "流中的某个事件过大。"),
    said(
        &["diverged"],
        "It was to go on with a broken answer, and said something else.",
        "本应续写已中断的响应，但内容与已发送的部分不一致。",
    ),
    said(
        &["context_length", "context_length_exceeded"],
        "The prompt is too long for this model.",
        "提示词超出模型的上下文长度。",
    ),
    said(
        &["content_policy", "content_filter", "content_policy_violation"],
        "The provider refused the content.",
        "供应商拒绝了该内容。",
    ),
    said(&["bad_request"], "The provider refused the request as it is.", "供应商拒绝了该请求。"),
];

/// A code in words; `None`: it is the provider's own, or new.
pub(super) fn words(code: &str, language: Language) -> Option<&'static str> {
    let said = OWN.iter().chain(UPSTREAM).find(|said| said.codes.contains(&code))?;
    Some(match language {
        Language::English => said.en,
        Language::Chinese => said.zh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_said_once_and_in_both_languages() {
        let mut seen = std::collections::BTreeSet::new();
        for said in OWN.iter().chain(UPSTREAM) {
            assert!(said.codes.iter().all(|code| seen.insert(*code)), "{:?}", said.codes);
            assert!(said.en.ends_with('.') && said.zh.ends_with('。'), "{:?}", said.codes);
        }
        assert_eq!(words("diverged", Language::Chinese).map(|text| text.starts_with("本应")), Some(true));
        assert_eq!(words("quota_of_acme", Language::English), None);
    }

    #[test]
    fn codes_of_the_documents_are_known() {
        let documents =
            [include_str!("../../../../../docs/errors.md"), include_str!("../../../../../docs/streams.md")];
        // Those that no request of a key can end with.
        let never = [
            "invalid_http",
            "invalid_api_key",
            "unknown_url",
            "method_not_allowed",
            "unsupported_media_type",
            "headers_too_large",
            "invalid_request_error",
        ];
        let mut known = 0;
        for line in documents.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            // `status | type | code` in the one, `code | what` in the others.
            let cell = if cells.len() > 5 { cells[3] } else { cells[1] };
            for code in cell.split(", ").filter_map(|code| code.strip_prefix('`')?.strip_suffix('`')) {
                assert!(
                    never.contains(&code) || words(code, Language::English).is_some(),
                    "{code} has no words"
                );
                known += 1;
            }
        }
        assert!(known > 40, "{known}");
    }
}
