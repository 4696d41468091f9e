//! HTTP/1.1 from callers: one request after the other, each answered before the next one is read.

mod answer;
mod body;
mod head;
mod wire;

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use http::{Request, Response};

pub use self::head::fuzz as fuzz_head;
use self::{
    answer::{Asked, Sending},
    head::{BodyLength, RequestHead},
    wire::{NoHead, Wire},
};
pub(super) use self::{body::Body, head::HeadFault};
use crate::{
    reply::ReplyBody,
    server::{
        ConnectionState, Service, body::RequestBody, caller_watch::CallerWatch, io::ClientIo, unparsed,
    },
    worker::Worker,
};

/// Answers requests until the connection is over, or is to be ended.
pub(super) async fn drive<S: Service>(
    io: ClientIo,
    service: S,
    worker: &Rc<Worker>,
    state: &Rc<ConnectionState>,
) {
    let wire = Rc::new(RefCell::new(Wire::new(worker, state, io)));
    let connection = Connection { wire, worker, state };
    let mut watch = CallerWatch::default();
    loop {
        let head = match connection.head().await {
            Ok(head) => head,
            Err(NoHead::Over) => return,
            Err(NoHead::Fault(fault)) => return connection.refuse(fault).await,
        };
        let asked = Asked::new(&head.parts.method, head.parts.version, head.keep_alive);
        let request = connection.request(head);
        let answer = Box::pin(service.clone().answer(Rc::clone(state), request));
        let Some(response) = connection.answered(answer, &mut watch).await else { return };
        if !connection.sent(response, asked, &mut watch).await {
            return;
        }
    }
}

struct Connection<'a> {
    wire: Rc<RefCell<Wire>>,
    worker: &'a Rc<Worker>,
    state: &'a Rc<ConnectionState>,
}

impl Connection<'_> {
    async fn head(&self) -> Result<RequestHead, NoHead> {
        let bytes = std::future::poll_fn(|cx| {
            self.state.driven_by(cx);
            self.wire.borrow_mut().poll_head(cx)
        });
        head::parse(&bytes.await?, self.worker.room_for_headers()).map_err(NoHead::Fault)
    }

    fn request(&self, head: RequestHead) -> Request<RequestBody> {
        let RequestHead { parts, length, expects_continue, .. } = head;
        let body = match length {
            BodyLength::Known(0) => RequestBody::Empty,
            length => {
                self.wire.borrow_mut().body_open = true;
                RequestBody::Http1(Body::new(&self.wire, length, expects_continue))
            }
        };
        Request::from_parts(parts, body)
    }

    /// What is answered; `None` where the caller does not wait for it.
    async fn answered(
        &self,
        mut answer: Pin<Box<impl Future<Output = Response<ReplyBody>>>>,
        watch: &mut CallerWatch,
    ) -> Option<Response<ReplyBody>> {
        std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending if self.has_left(watch, cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Sends an answer. Whether another request may follow.
    async fn sent(&self, response: Response<ReplyBody>, asked: Asked, watch: &mut CallerWatch) -> bool {
        // The rest of a body that nobody wants is not read as the next request.
        let has_room = !self.state.is_draining() && !self.worker.live.is_crowded();
        let may_follow = asked.keep_alive && !self.wire.borrow().body_open && has_room;
        let mut sending = Sending::new(response, Asked { keep_alive: may_follow, ..asked });
        let sent = std::future::poll_fn(|cx| {
            self.state.driven_by(cx);
            let sent = sending.poll(self.worker, &mut self.wire.borrow_mut(), cx);
            match sent {
                Poll::Ready(sent) => Poll::Ready(sent.is_ok()),
                // Once all of an answer was taken, half a connection is enough to send it.
                Poll::Pending if !self.state.is_idle() && self.has_left(watch, cx) => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        });
        sent.await && sending.keep_alive()
    }

    fn has_left(&self, watch: &mut CallerWatch, cx: &mut Context<'_>) -> bool {
        let mut wire = self.wire.borrow_mut();
        match wire.io().is_plain() {
            true => watch.sees_departure(self.state, wire.io(), cx),
            false => wire.reads_end(cx),
        }
    }

    /// Answers what is no request.
    async fn refuse(&self, fault: HeadFault) {
        let answer = unparsed::answer(self.worker, fault);
        self.wire.borrow_mut().send_large([answer.into()]);
        // Whoever takes nothing is cut; there is nothing else to be done for it.
        let _ = std::future::poll_fn(|cx| self.wire.borrow_mut().poll_sent(cx)).await;
    }
}
