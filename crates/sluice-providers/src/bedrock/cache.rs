//! Marks for the prompt cache: `cache_control` and `prompt_cache_breakpoint` as `cachePoint` blocks.

use serde_json::{Map, Value, json};

use crate::asked::Dropped;

/// Points in one request, by the limits of Claude and Nova.
const POINTS_MAX: u32 = 4;

/// The points of one request.
#[derive(Debug)]
pub(super) struct CachePoints {
    /// The model has a prompt cache; others refuse a point.
    allowed: bool,
    written: u32,
}

impl CachePoints {
    pub(super) fn new(allowed: bool) -> Self {
        Self { allowed, written: 0 }
    }

    /// Takes the mark out of what stands beside a part, a message or a tool. One that cannot be kept is reported.
    pub(super) fn take(
        &mut self,
        rest: &mut Map<String, Value>,
        path: &str,
        dropped: &mut Dropped,
    ) -> Option<Value> {
        let mut point = None;
        for name in ["cache_control", "prompt_cache_breakpoint"] {
            let Some(mark) = rest.shift_remove(name).filter(|mark| !mark.is_null()) else { continue };
            if !self.allowed || self.written >= POINTS_MAX || point.is_some() {
                dropped.add(format!("{path}.{name}"));
                continue;
            }
            self.written += 1;
            let ttl = mark.get("ttl").and_then(Value::as_str).filter(|ttl| matches!(*ttl, "5m" | "1h"));
            point = Some(match ttl {
                // Five minutes are the default, which not every model lets be said.
                Some("1h") => json!({ "cachePoint": { "type": "default", "ttl": "1h" } }),
                _ => json!({ "cachePoint": { "type": "default" } }),
            });
        }
        point
    }
}
