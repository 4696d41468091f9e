//! A gate that a script waits at and a test opens, or the other way round.

use tokio::sync::watch;

use crate::patience;

/// Closed at first, open for ever once opened. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is open, for as long as it takes.
    pub async fn opened(&self) {
        let mut open = self.0.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }

    /// Waits until it is open, or fails the test with `name`.
    pub async fn passed(&self, name: &str) {
        patience::within(name, self.opened()).await;
    }
}
