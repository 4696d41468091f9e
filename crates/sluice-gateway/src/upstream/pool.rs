//! Idle connections of one worker, per place. The last one put back is the first one taken: the others age and go.

use std::{cell::RefCell, collections::HashMap, sync::Arc, time::Instant};

use crate::{bounds, upstream::io::Connection};

/// Idle HTTP/1.1 connections by place (`scheme://host:port`).
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: RefCell<HashMap<Arc<str>, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A connection to `place` on which nothing has happened since its last answer.
    pub(crate) fn take(&self, place: &str) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let stack = idle.get_mut(place)?;
        while let Some(Idle { mut connection, .. }) = stack.pop() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn put(&self, place: &Arc<str>, mut connection: Connection, now: Instant) {
        connection.reused = true;
        let mut idle = self.idle.borrow_mut();
        let idle_here = Idle { connection, since: now };
        match idle.get_mut(place) {
            Some(stack) if stack.len() < bounds::POOL_IDLE_COUNT => stack.push(idle_here),
            Some(_) => {}
            None => {
                idle.insert(Arc::clone(place), vec![idle_here]);
            }
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.idle.borrow().values().map(Vec::len).sum()
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.idle.borrow_mut().retain(|_, stack| {
            stack.retain(|idle| now.duration_since(idle.since) < bounds::POOL_IDLE);
            !stack.is_empty()
        });
    }
}
