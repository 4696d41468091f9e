//! What the whole-binary tests and the benchmarks are made of: a scripted upstream on raw sockets, a raw HTTP/1.1
//! client, the gateway as a child process, and a load generator. Never shipped.
//!
//! Nothing here sleeps to "let things happen": a test waits for facts (a request arrived, a connection was closed, a
//! line was logged), and the only clock is the generous one of [`patience::within`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "test support: a panic with a good text is how a test fails, and clocks and tasks are its tools"
)]

pub mod answers;
pub mod bench_upstream;
pub mod client;
pub mod gate;
pub mod load;
pub mod patience;
pub mod process;
pub mod service_account;
pub mod services;
pub mod tls;
pub mod upstream;
