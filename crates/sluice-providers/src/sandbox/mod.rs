//! The sandbox: a provider that answers from the request alone, for trying every field of the API and every fault of
//! an upstream without one.
//!
//! It is a pure function from a request and the number of the attempt to a script, in the dialect of OpenAI, that
//! the gateway plays in place of a socket.

use bytes::Bytes;
use sluice_chat::ApiError;

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing happens for so many milliseconds.
    WaitMs(u64),
    /// The head of the answer.
    Head { status: u16, content_type: &'static str, retry_after_s: Option<u64> },
    /// A piece of the body.
    Bytes(Bytes),
    /// The body is complete.
    End,
    /// The connection breaks.
    Reset,
    /// Nothing ever comes again, and the connection stays open.
    Silent,
}

/// The models, without the provider's name.
pub fn models() -> &'static [&'static str] {
    &["echo", "text"]
}

/// What goes wrong on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {}

impl Faults {
    /// Reads a list such as `status=429, retry_after=2, once`.
    ///
    /// # Errors
    /// A 400 that names the first word that is not known or whose value cannot be.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let _ = text;
        Ok(Self {})
    }
}

/// The script of one attempt (the first is 1) at a request. `fault_header` is the value of `x-sandbox-fault`.
pub fn play(request_body: &[u8], model: &str, fault_header: Option<&str>, attempt: u32) -> Vec<Step> {
    let _ = (request_body, model, fault_header, attempt);
    vec![Step::End]
}
