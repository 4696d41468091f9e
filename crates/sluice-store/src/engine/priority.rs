//! Threads that may wait leave the processor to those that may not: rows are written behind the requests that they tell
//! of, and pages can wait for what they show. A lease and a claim are waited for, a quarter of a second at most, and far
//! less is what a third of the weight costs them.

use std::{fs, io};

use rustix::process::{Pid, getpriority_process, setpriority_process};

/// By how much threads that look after the books are nicer than the rest of the process, in the kernel's steps from -20
/// to 19 (`setpriority(2)`): about a third of its weight where both want the processor. Much nicer ones would hold back
/// the books of a busy machine.
pub const BOOKS_NICER: i32 = 5;
const NICEST: i32 = 19;

/// How nice a thread of the store is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priority {
    nice: i32,
}

impl Priority {
    /// Seen from the thread that asks.
    pub(super) fn behind_this_thread() -> Self {
        let nice = getpriority_process(None).unwrap_or_default();
        Self { nice: (nice + BOOKS_NICER).min(NICEST) }
    }

    /// Gives it to the threads of this process whose names begin so. Without success where the system does not let it:
    /// they are only in the way then.
    pub(super) fn give_to(self, name: &str) {
        for thread in threads(name).unwrap_or_default() {
            let _ = setpriority_process(Some(thread), self.nice);
        }
    }
}

/// The threads of this process whose names begin so.
fn threads(name: &str) -> io::Result<Vec<Pid>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc/self/task")?.flatten() {
        // One that has ended meanwhile has no name.
        let is_one = fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.starts_with(name));
        let id = entry.file_name().to_str().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        threads.extend(id.filter(|_| is_one));
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqlite::{Local, THREADS};

    #[tokio::test]
    async fn threads_of_a_file_are_nicer_than_others() {
        // Beside other tests there may be threads of other files, and some that end.
        let nice = |thread| getpriority_process(Some(thread)).ok();
        let own = getpriority_process(None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let _open = Local::open(&dir.path().join("db")).await.unwrap();
        let found: Vec<i32> = threads(THREADS).unwrap().into_iter().filter_map(nice).collect();
        assert!(
            !found.is_empty() && found.iter().all(|nice| *nice == (own + BOOKS_NICER).min(NICEST)),
            "{found:?}"
        );
        assert_eq!(getpriority_process(None).unwrap(), own);
    }
}
