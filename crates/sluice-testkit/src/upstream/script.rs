//! What an upstream does with one request.

use bytes::Bytes;

use crate::gate::Gate;

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes the bytes at once.
    Write(Bytes),
    /// Writes the bytes in pieces of `size` bytes, each with a write of its own.
    Pieces { bytes: Bytes, size: usize },
    /// Goes on when the gate is open.
    Wait(Gate),
    /// Opens the gate: everything before this step is with the kernel.
    Note(Gate),
    /// Ends our side (FIN) and waits for the peer to end its own.
    Fin,
    /// Resets the connection (RST).
    Reset,
    /// Does nothing more, for ever; the connection stays open.
    Stall,
}

/// The steps of one answer. After the last one the connection waits for its next request.
#[derive(Clone, Debug, Default)]
pub struct Script(pub Vec<Step>);

impl Script {
    /// No step yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    fn step(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }

    /// Adds [`Step::Write`].
    #[must_use]
    pub fn write(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Write(bytes.into()))
    }

    /// Adds [`Step::Pieces`].
    #[must_use]
    pub fn pieces(self, size: usize, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Pieces { bytes: bytes.into(), size })
    }

    /// Adds [`Step::Wait`].
    #[must_use]
    pub fn wait(self, gate: &Gate) -> Self {
        self.step(Step::Wait(gate.clone()))
    }

    /// Adds [`Step::Note`].
    #[must_use]
    pub fn note(self, gate: &Gate) -> Self {
        self.step(Step::Note(gate.clone()))
    }

    /// Adds [`Step::Fin`].
    #[must_use]
    pub fn fin(self) -> Self {
        self.step(Step::Fin)
    }

    /// Adds [`Step::Reset`].
    #[must_use]
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Adds [`Step::Stall`].
    #[must_use]
    pub fn stall(self) -> Self {
        self.step(Step::Stall)
    }
}
