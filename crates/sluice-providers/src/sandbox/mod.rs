//! The sandbox: a provider that answers from the request alone, for trying every field of the API and every fault of
//! an upstream without one.
//!
//! It is a pure function from a request and the number of the attempt to a script, in the dialect of OpenAI, that
//! the gateway plays in place of a socket: decoding, relaying and attempts are the real path.
//!
//! A *token* of the sandbox is a word together with the white space before it; white space that ends a text is a
//! token too. Prompt tokens are the tokens of all text in the messages.

mod answer;

mod call;
mod conversation;
mod dice;
mod error;
mod escape;
mod fault;
mod logprob;
mod prose;
mod request;
mod schema;
mod script;
mod search;
mod sound;
mod stream;
mod text;
mod whole;

use bytes::Bytes;

pub use fault::Faults;
use request::Request;
pub use script::Script;

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing happens for so many milliseconds.
    WaitMs(u64),
    /// The head of the answer. `retry_after_s` is its `Retry-After`, in seconds.
    Head { status: u16, content_type: &'static str, retry_after_s: Option<u64> },
    /// A piece of the body; of a stream exactly one event.
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

/// The script of one attempt (the first is 1) at a request. `fault_header` is the value of `x-sandbox-fault`.
pub fn play(request_body: &[u8], model: &str, fault_header: Option<&str>, attempt: u32) -> Script {
    match Request::read(request_body, model, fault_header, attempt) {
        Ok(request) => Script::of(&request),
        Err(refusal) => Script::of_refusal(&refusal),
    }
}

#[cfg(test)]
mod feature_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod test_rig;
#[cfg(test)]
mod tests;
