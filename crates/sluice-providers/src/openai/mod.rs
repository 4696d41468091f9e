//! Chat Completions as an upstream dialect.

mod decode;
mod encode;
pub(crate) mod exact;
pub(crate) mod failure;
mod messages;
pub(crate) mod normal;
mod peek;
mod recurring;
mod repair;
pub(crate) mod stream;
mod template;
mod tool_calls;
mod usage;
pub(crate) mod whole;

use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, Failure};

use crate::dialect::{Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer};

/// The dialect of OpenAI and of everything compatible with it.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn encode(&self, call: &Call<'_>) -> Result<Encoded, ApiError> {
        encode::encode(call)
    }

    fn decoder(&self, terms: &DecoderTerms<'_>) -> Box<dyn Decoder> {
        if terms.streaming {
            Box::new(decode::StreamDecoder::new())
        } else {
            Box::new(decode::WholeDecoder::new())
        }
    }

    fn failure(&self, answer: &FailedAnswer<'_>) -> Failure {
        failure::of_answer(answer)
    }

    fn takes(&self, _: &RequestScan) -> Result<(), &'static str> {
        Ok(())
    }
}
