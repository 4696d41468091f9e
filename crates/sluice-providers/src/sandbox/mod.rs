//! The sandbox: a provider that answers from the request alone, for trying every field of the API and every fault of
//! an upstream without one.
//!
//! It is a pure function from a request and the number of the attempt to a script, in the dialect of OpenAI, that
//! the gateway plays in place of a socket: decoding, relaying and attempts are the real path.
//!
//! A *token* of the sandbox is a word together with the white space before it; white space that ends a text is a
//! token too. Prompt tokens are the tokens of all text in the messages.

mod answer;
mod error;
mod fault;
mod prose;
mod request;
mod script;

use bytes::Bytes;

pub use fault::Faults;
use request::Request;

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

/// What the sandbox does, step by step.
#[derive(Debug)]
pub struct Script {
    steps: std::vec::IntoIter<Step>,
}

impl Iterator for Script {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.steps.next()
    }
}

/// The models, without the provider's name.
pub fn models() -> &'static [&'static str] {
    &["echo", "text"]
}

/// The script of one attempt (the first is 1) at a request. `fault_header` is the value of `x-sandbox-fault`.
pub fn play(request_body: &[u8], model: &str, fault_header: Option<&str>, attempt: u32) -> Script {
    let made = Request::read(request_body, model, fault_header, attempt);
    let steps = match made {
        Ok(request) => script::of(&request, &answer::Answer::of(&request)),
        Err(refusal) => script::of_refusal(&refusal),
    };
    Script { steps: steps.into_iter() }
}

#[cfg(test)]
mod tests;
