//! The whole binary, from outside: real sockets, a scripted upstream, nothing but the public interface.
//!
//! Expectations come from the interface and behaviour documents. Tests wait for facts and never for time to pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic with a good text is how a test fails"
)]

mod access;
mod accounting;
mod admin;
mod anthropic;
mod api_document;
mod attempts;
mod browser;
mod caller_leaves;
mod canary;
mod command_line;
mod console;
mod credentials;
mod crowds;
mod curl;
mod drains;
mod errors;
mod event_streams;
mod fields;
mod figures;
mod first_run;
mod gemini;
mod headers;
mod http1;
mod idempotency;
mod inline_media;
mod inputs;
mod lifecycle;
mod logs;
mod models_list;
mod numbers;
mod odd_peers;
mod own_formats;
mod pages;
mod pass_through;
mod rig;
mod samples;
mod sandbox;
mod sdk;
mod shared_limits;
mod slow_readers;
mod smuggling;
mod stream_endings;
mod tls;
mod traces;
mod upstream_faults;
mod usage;
