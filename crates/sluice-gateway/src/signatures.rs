//! What models want to have back with their tool calls, and callers mostly do not send back: the signatures of their
//! thinking. Kept for a while, and only for the key that the answer went to: an id that somebody else guesses brings
//! nothing.

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use sluice_providers::Memory;

use crate::bounds;

/// The signatures of all keys, on this node. When the young half is full it becomes the old one, which is forgotten.
#[derive(Default)]
pub(crate) struct Signatures(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    young: HashMap<Box<str>, Box<str>>,
    young_bytes: usize,
    old: HashMap<Box<str>, Box<str>>,
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signatures(..)")
    }
}

impl Signatures {
    /// Those of one key.
    pub(crate) fn of(self: &Arc<Self>, key_id: &str) -> Arc<dyn Memory> {
        Arc::new(OfKey { all: Arc::clone(self), key_id: key_id.to_owned() })
    }
}

/// Bytes that an entry takes beside its texts, roughly.
const ENTRY_BYTES: usize = 96;

impl Halves {
    fn keep(&mut self, name: Box<str>, signature: Box<str>) {
        let bytes = name.len() + signature.len() + ENTRY_BYTES;
        if bytes > bounds::SIGNATURE_BYTES {
            return;
        }
        if self.young_bytes + bytes > bounds::SIGNATURES_BYTES / 2 {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        // One that is kept anew counts twice until the half is full: the bound holds all the same.
        self.young_bytes += bytes;
        self.young.insert(name, signature);
    }

    fn recall(&self, name: &str) -> Option<String> {
        self.young.get(name).or_else(|| self.old.get(name)).map(|signature| signature.to_string())
    }
}

#[derive(Debug)]
struct OfKey {
    all: Arc<Signatures>,
    key_id: String,
}

impl OfKey {
    /// Ids of keys have no line ends.
    fn name(&self, call_id: &str) -> Box<str> {
        format!("{}\n{call_id}", self.key_id).into()
    }
}

impl Memory for OfKey {
    fn recall(&self, call_id: &str) -> Option<String> {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).recall(&self.name(call_id))
    }

    fn keep(&self, call_id: &str, signature: &str) {
        let (name, signature) = (self.name(call_id), signature.into());
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).keep(name, signature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_keys_own() {
        let all = Arc::new(Signatures::default());
        let (one, other) = (all.of("a"), all.of("b"));
        one.keep("call", "first");
        one.keep("call", "second");
        assert_eq!(one.recall("call").as_deref(), Some("second"));
        assert_eq!(one.recall("else"), None);
        assert_eq!(other.recall("call"), None);
    }

    #[test]
    fn it_is_bounded_and_the_oldest_go_first() {
        let all = Arc::new(Signatures::default());
        let key = all.of("a");
        key.keep("huge", &"x".repeat(bounds::SIGNATURE_BYTES));
        assert_eq!(key.recall("huge"), None);
        let large = "x".repeat(bounds::SIGNATURE_BYTES / 2);
        let fit = bounds::SIGNATURES_BYTES / bounds::SIGNATURE_BYTES * 2;
        for number in 0..3 * fit {
            key.keep(&number.to_string(), &large);
            assert!(key.recall(&number.to_string()).is_some());
        }
        let kept = (0..3 * fit).filter(|number| key.recall(&number.to_string()).is_some()).count();
        assert!((fit / 2 - 1..=fit).contains(&kept), "{kept} of {fit}");
        assert!(key.recall(&(3 * fit - fit / 4).to_string()).is_some());
        assert_eq!(key.recall("0"), None);
    }
}
