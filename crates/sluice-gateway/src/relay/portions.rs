//! What can go to the socket without hyper.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::{Relay, State};
use crate::server::Portions;

impl Portions for Relay {
    fn poll_portion(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !matches!(self.state, State::Relaying) {
            return Poll::Ready(None);
        }
        match ready!(self.poll_step(cx)) {
            Some(Ok(bytes)) if matches!(self.state, State::Relaying) => Poll::Ready(Some(bytes)),
            Some(Ok(bytes)) => {
                // It goes out in one write with the end behind it.
                self.next -= 1;
                self.out[self.next] = bytes;
                Poll::Ready(None)
            }
            // hyper asks again and is told the same.
            None | Some(Err(_)) => Poll::Ready(None),
        }
    }
}
