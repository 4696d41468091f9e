//! What can go wrong with the journal. Every text says what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A failure of the journal as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The disk refused.
    #[error("cannot {doing} {path}: {reason}; check that the disk has room and that the directory is ours")]
    Io { doing: &'static str, path: PathBuf, reason: String },
    /// Another process has it.
    #[error(
        "the journal {dir} is in use by another process: stop it, or give this one a data directory of its own"
    )]
    Locked { dir: PathBuf },
    /// Something that was on the disk is not there any more.
    #[error(
        "the journal is damaged: {file} at byte {offset}: {lost}. `sluicegate journal inspect` shows what is \
         there. Put the file back from a copy, or accept the loss with `sluicegate journal inspect --accept-loss`, \
         which sets copies of the damaged files aside"
    )]
    Damaged { file: PathBuf, offset: u64, lost: String },
    /// A bound that cannot work.
    #[error("the journal cannot be kept like this: {0}")]
    Options(String),
    /// Epochs rise.
    #[error(
        "the journal has seen epoch {newest}, so a run of epoch {epoch} is not a new one: use a later epoch"
    )]
    OldEpoch { epoch: u32, newest: u32 },
    /// One run, one start.
    #[error("the journal was started already: open it again for another run")]
    Started,
    /// The last sync of a run failed, or an earlier one.
    #[error("the journal could not be brought to the disk: {0}; check the disk before the next start")]
    Poisoned(String),
}

impl JournalError {
    /// For `map_err`: what was being done with which file.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { doing, path, reason: error.to_string() }
    }
}

/// Why a record was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// What room there is belongs to the ends of open reservations.
    #[error("the journal is full: bring the database back, so that it can be posted, or give it more room")]
    Full,
    /// The disk has failed; what was written before may not survive a power loss.
    #[error("the disk of the journal has failed: check it, then start again")]
    Poisoned,
}
