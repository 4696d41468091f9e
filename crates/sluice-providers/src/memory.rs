//! What has to be said again in the next turn, and which callers do not send back: the signatures of thinking.

use std::fmt;
use std::sync::{Arc, LazyLock};

/// A bounded memory over all requests. What it keeps may be forgotten at any time.
pub trait Memory: fmt::Debug + Send + Sync {
    /// What was kept for a tool call, by the id under which the caller knows it.
    fn recall(&self, call_id: &str) -> Option<String>;

    /// Keeps a text (a signature, or blocks that carry signatures, as JSON) for a tool call.
    fn keep(&self, call_id: &str, signature: &str);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug)]
pub struct Forgetful;

impl Forgetful {
    /// One for everybody.
    pub fn shared() -> &'static Arc<dyn Memory> {
        static SHARED: LazyLock<Arc<dyn Memory>> = LazyLock::new(|| Arc::new(Forgetful));
        &SHARED
    }
}

impl Memory for Forgetful {
    fn recall(&self, _: &str) -> Option<String> {
        None
    }

    fn keep(&self, _: &str, _: &str) {}
}
