//! Sending together what is ready together.
//!
//! A worker that finds many requests ready does one after the other. Were each sent on as soon as it is, the process at
//! the other end would be woken for each alone, and often fall asleep again in between; waking it costs this side more
//! than all that it does itself for a small request. So whoever is about to send lets the others who are ready come as
//! far first: then all of them send, and what they wrote into the journal meanwhile is one `write`. Nobody waits for
//! anything that is not ready: where nobody else is, this is one more look at the request.

use std::task::{Context, Poll};

/// Ends when every task of this thread that is ready now has had its turn.
pub(crate) async fn behind_the_others() {
    let mut has_waited = false;
    std::future::poll_fn(|cx: &mut Context<'_>| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        // The runtime takes tasks in the order in which they were woken.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use tokio::task::LocalSet;

    use super::*;

    #[test]
    fn whoever_is_ready_comes_as_far_first() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let order = Rc::new(RefCell::new(String::new()));
        let tasks = LocalSet::new();
        let enter = tasks.enter();
        for name in ['a', 'b', 'c'] {
            let order = Rc::clone(&order);
            crate::tasks::spawn_local(async move {
                order.borrow_mut().push(name);
                behind_the_others().await;
                order.borrow_mut().push(name.to_ascii_uppercase());
            });
        }
        drop(enter);
        runtime.block_on(tasks);
        assert_eq!(*order.borrow(), "abcABC");
    }
}
