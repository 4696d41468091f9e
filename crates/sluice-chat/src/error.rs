//! The error body of the API: `{"error":{"message","type","param","code"}}`, all four keys always there.
//!
//! Source: the 400 and 429 bodies of the requirement pages; OpenAI's types and codes.

use std::borrow::Cow;

use serde_json::Value;

/// Error types (`error.type`) that Sluicegate itself writes.
pub mod kind {
    pub const INVALID_REQUEST: &str = "invalid_request_error";
    pub const INSUFFICIENT_QUOTA: &str = "insufficient_quota";
    pub const RATE_LIMIT: &str = "rate_limit_error";
    pub const UPSTREAM: &str = "upstream_error";
    pub const SERVER: &str = "server_error";
    pub const SERVICE_UNAVAILABLE: &str = "service_unavailable_error";
}

/// One API error, without its HTTP status: the status is the business of the one file that maps errors to HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// English text for a person.
    pub message: String,
    /// `error.type`, one of [`kind`] or what an upstream said.
    pub kind: Cow<'static, str>,
    /// Path of the offending field, such as `messages[2].content[0].type`.
    pub param: Option<String>,
    /// Machine-readable code, such as `invalid_api_key`.
    pub code: Option<Cow<'static, str>>,
}

impl ApiError {
    /// An `invalid_request_error` with a code and no `param`.
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(kind::INVALID_REQUEST, code, message)
    }

    /// An error of the given type and code, without `param`.
    pub fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Cow::Borrowed(kind),
            param: None,
            code: Some(Cow::Borrowed(code)),
        }
    }

    /// The same error, pointing at a field.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The JSON body of an error response, and equally the `data:` of an error event.
    pub fn to_json(&self) -> Vec<u8> {
        let body = serde_json::json!({ "error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }});
        body.to_string().into_bytes()
    }

    /// Reads the error that an upstream put into `value`, tolerant of every shape seen in the wild: an object
    /// under `error`, a bare string under `error`, `message`/`detail` at the top, numeric codes.
    /// `None` when nothing in it reads as an error.
    pub fn from_upstream(value: &Value) -> Option<Self> {
        let error = value.get("error").filter(|e| !e.is_null());
        let source = match error {
            Some(Value::String(text)) => return Some(Self::upstream_text(text.clone())),
            Some(object @ Value::Object(_)) => object,
            Some(_) => return Some(Self::upstream_text("the upstream reported an error".to_owned())),
            None => value,
        };
        let text = |key: &str| match source.get(key) {
            Some(Value::String(s)) if !s.is_empty() => Some(s.clone()),
            Some(Value::Number(n)) => Some(n.to_string()),
            _ => None,
        };
        let message = text("message").or_else(|| text("detail")).or_else(|| text("msg"));
        if error.is_none() && message.is_none() {
            return None;
        }
        Some(Self {
            message: message.unwrap_or_else(|| "the upstream reported an error".to_owned()),
            kind: text("type").map_or(Cow::Borrowed(kind::UPSTREAM), Cow::Owned),
            param: text("param"),
            code: text("code").map(Cow::Owned),
        })
    }

    fn upstream_text(message: String) -> Self {
        Self { message, kind: Cow::Borrowed(kind::UPSTREAM), param: None, code: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: Option<(&str, &str, Option<&str>, Option<&str>)>) {
        let value: Value = serde_json::from_str(input).unwrap();
        let got = ApiError::from_upstream(&value);
        let got = got.as_ref().map(|e| (&*e.message, &*e.kind, e.param.as_deref(), e.code.as_deref()));
        assert_eq!(got, expect, "{input}");
    }

    #[test]
    fn upstream_errors_of_every_shape() {
        check(
            r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#,
            Some(("m", "t", Some("p"), Some("c"))),
        );
        check(r#"{"error":{"message":"m","code":42}}"#, Some(("m", "upstream_error", None, Some("42"))));
        check(r#"{"error":"boom"}"#, Some(("boom", "upstream_error", None, None)));
        check(r#"{"error":true}"#, Some(("the upstream reported an error", "upstream_error", None, None)));
        check(r#"{"error":null,"choices":[]}"#, None);
        check(r#"{"detail":"not found"}"#, Some(("not found", "upstream_error", None, None)));
        check(r#"{"choices":[]}"#, None);
        check(r#"[1]"#, None);
    }

    #[test]
    fn the_body_has_all_four_keys() {
        let json = String::from_utf8(ApiError::invalid("empty_array", "no \"messages\"").to_json()).unwrap();
        assert_eq!(
            json,
            r#"{"error":{"message":"no \"messages\"","type":"invalid_request_error","param":null,"code":"empty_array"}}"#
        );
    }
}
