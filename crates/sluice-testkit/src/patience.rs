//! The one clock of the tests: how long to wait for a fact before calling it missing.

use std::{future::Future, time::Duration};

/// How long a test waits for something that should happen, in seconds. Far above anything honest, so that a slow
/// machine fails no test.
pub const LIMIT_S: u64 = 60;

/// Awaits `fact`, or panics with its name after [`LIMIT_S`].
pub async fn within<T>(name: &str, fact: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(LIMIT_S), fact).await {
        Ok(value) => value,
        Err(_) => panic!("waited {LIMIT_S} s for: {name}"),
    }
}
