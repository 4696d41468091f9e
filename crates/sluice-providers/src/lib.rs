//! Model providers without I/O: what to write to an upstream, how to read its answer, and what its failures mean.
//!
//! A *dialect* is a wire format, a *vendor* is a row of `vendors.toml` (base URL, authentication, relay mode and a
//! closed list of quirks), a *provider* is a vendor configured by an operator: one destination with the one
//! credential that may go there. The *sandbox* is a provider that answers from the request alone.
//!
//! Pure: no I/O, no clock, no randomness of its own.

pub mod anthropic;
mod asked;
pub mod aws_stream;
mod base64;
pub mod bedrock;
pub mod capability;
pub mod cohere;
pub mod credential;
pub mod dialect;
#[doc(hidden)]
pub mod fuzzing;
pub mod gemini;
pub mod handling;
mod hash;
pub mod media;
pub mod memory;
mod ndjson;
pub mod ollama;
pub mod openai;
pub mod passage;
pub mod provider;
pub mod quirk;
pub mod reading;
pub mod sandbox;
pub mod sigv4;
pub mod site;
pub mod splice;
pub mod transcript;
pub mod translated;
pub mod vendor;

pub use capability::{ModelFacts, facts};
pub use credential::{Credential, Source};
pub use dialect::{
    Call, Decoder, DecoderTerms, Dialect, Encoded, FailedAnswer, StreamType, UpstreamModel, dialect,
};
pub use handling::Handling;
pub use media::{Inlined, Media};
pub use memory::{Forgetful, Memory};
pub use passage::{Passage, Progress, WholeAnswer, whole_answer};
pub use provider::{Endpoint, Provider, ProviderError};
pub use quirk::{RequestQuirk, ResponseQuirk};
pub use reading::Reading;
pub use site::Site;
pub use splice::{Diverged, Splice, first_event};
pub use transcript::Transcript;
pub use vendor::{Auth, DialectKind, Relay, VendorRow, vendor, vendors};
