//! The one place that starts tasks and threads: each of them is one that shutdown may leave behind, or waits for.

/// Runs a task on this worker. Shutdown does not wait for it.
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
pub(crate) fn spawn_local(task: impl Future<Output = ()> + 'static) {
    drop(tokio::task::spawn_local(task));
}

/// A task that somebody waits for.
pub(crate) type JoinTask = tokio::task::JoinHandle<()>;

/// Runs a task on the runtime of the caller, who waits for it.
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinTask {
    tokio::task::spawn(task)
}

/// Lets hyper start the tasks of an HTTP/2 connection on this worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        spawn_local(async move { drop(future.await) });
    }
}
