//! The places where Claude answers, and in what they differ: the path, who names the model, and how streams come.

use std::borrow::Cow;

use crate::provider::encoded_segment;

/// Where a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Anthropic's own API, and what is compatible with it.
    Direct,
    /// InvokeModel of Amazon Bedrock.
    Bedrock,
    /// rawPredict of Google's Vertex AI.
    Vertex,
}

/// The version of the API that is spoken: the newest one would refuse sampling parameters for every model.
pub(super) const VERSION: &str = "2023-06-01";

impl Route {
    /// The path below the endpoint's prefix.
    pub(super) fn path(self, model: &str, stream: bool) -> Cow<'static, str> {
        match (self, stream) {
            (Self::Direct, _) => Cow::Borrowed("/messages"),
            (Self::Bedrock, false) => format!("/model/{}/invoke", encoded_segment(model)).into(),
            (Self::Bedrock, true) => {
                format!("/model/{}/invoke-with-response-stream", encoded_segment(model)).into()
            }
            (Self::Vertex, stream) => {
                let name = model.rsplit('/').next().unwrap_or(model);
                // The date of a model stands behind an `@`, as it is in Google's own addresses.
                let name = encoded_segment(name).replace("%40", "@");
                let verb = if stream { "streamRawPredict" } else { "rawPredict" };
                format!("/publishers/anthropic/models/{name}:{verb}").into()
            }
        }
    }

    /// `anthropic_version` in the body, where the platform wants it there.
    pub(super) fn version_in_body(self) -> Option<&'static str> {
        match self {
            Self::Direct => None,
            Self::Bedrock => Some("bedrock-2023-05-31"),
            Self::Vertex => Some("vertex-2023-10-16"),
        }
    }

    /// Whether media may be named by URL.
    pub(super) fn takes_urls(self) -> bool {
        self == Self::Direct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |route: Route, model: &str, stream: bool, expect: &str| {
            assert_eq!(route.path(model, stream), expect, "{model}");
        };
        check(Route::Direct, "claude-opus-4-5", true, "/messages");
        let bedrock = "us.anthropic.claude-3-haiku-20240307-v1:0";
        check(Route::Bedrock, bedrock, false, "/model/us.anthropic.claude-3-haiku-20240307-v1%3A0/invoke");
        let arn = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2";
        let path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fanthropic.claude-v2/invoke-with-response-stream";
        check(Route::Bedrock, arn, true, path);
        let path = "/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict";
        check(Route::Vertex, "publishers/anthropic/models/claude-sonnet-4@20250514", false, path);
        let path = "/publishers/anthropic/models/claude-opus-4-6:streamRawPredict";
        check(Route::Vertex, "anthropic/claude-opus-4-6", true, path);
    }
}
