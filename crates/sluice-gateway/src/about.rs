//! What this process is, for whoever asks.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

/// Facts of this process.
#[derive(Debug)]
pub(crate) struct About {
    /// The id of the node.
    pub(crate) node: String,
    /// When it was started, in milliseconds since the Unix epoch.
    pub(crate) started_ms: u64,
    pub(crate) workers: usize,
    pub(crate) data_addr: SocketAddr,
    pub(crate) admin_addr: SocketAddr,
    /// How many requests all workers together answer at a time, as they see it now.
    allowed: AtomicI64,
    /// Why the configuration file was not taken when it was last read, and when.
    refused_file: Mutex<Option<(u64, String)>>,
}

impl About {
    pub(crate) fn new(
        node: String,
        started_ms: u64,
        (data_addr, admin_addr): (SocketAddr, SocketAddr),
        workers: usize,
    ) -> Self {
        let (allowed, refused_file) = (AtomicI64::new(0), Mutex::default());
        Self { node, started_ms, workers, data_addr, admin_addr, allowed, refused_file }
    }

    /// A worker allows so many more requests than before, or fewer.
    pub(crate) fn allows(&self, more: i64) {
        self.allowed.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn allowed(&self) -> i64 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// The configuration file was read again; `refused`: why it was not taken, and when.
    pub(crate) fn file_was_read(&self, refused: Option<(u64, String)>) {
        *self.refused_file.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    pub(crate) fn refused_file(&self) -> Option<(u64, String)> {
        self.refused_file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
