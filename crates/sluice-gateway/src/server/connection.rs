//! One connection from its first byte to its orderly end.

use std::{cell::RefCell, convert::Infallible, future::Future, net::IpAddr, pin::pin, rc::Rc, task::Poll};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::{
    bounds, clock,
    reply::{self, ReplyBody},
    server::{
        ConnectionState, Live, LiveGuard,
        body::RequestBody,
        http1,
        io::{ClientIo, ClientStream, linger},
    },
    tasks::LocalExecutor,
    worker::Worker,
};

/// What answers the requests of a listener.
pub(crate) trait Service: Clone + 'static {
    /// Answers one request; every failure is an answer too.
    fn answer(
        self,
        connection: Rc<ConnectionState>,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Response<ReplyBody>> + 'static;
}

/// Serves one accepted connection to its end.
pub(super) async fn serve<S: Service>(accepted: Accepted, service: S, tls: Option<TlsAcceptor>) {
    let Accepted { worker, tcp, state, _guard } = accepted;
    // Portions of a stream are small and must not wait for one another.
    let _ = tcp.set_nodelay(true);
    let (stream, http2) = match tls {
        None => (ClientStream::Plain(tcp), false),
        Some(acceptor) => {
            match Box::pin(tokio::time::timeout(bounds::FIRST_BYTE, acceptor.accept(tcp))).await {
                Ok(Ok(tls)) => {
                    state.over_tls();
                    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                    (ClientStream::Tls(Box::new(tls)), http2)
                }
                // No TLS, or not in time: there is nobody to answer.
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let stream = Rc::new(RefCell::new(stream));
    let io = ClientIo::new(&stream, &state);
    if http2 {
        state.without_head_clock();
        Box::pin(drive_http2(TokioIo::new(io), service, &state)).await;
    } else {
        http1::drive(io, service, &worker, &state).await;
    }
    if let Some(stream) = Rc::into_inner(stream) {
        Box::pin(linger(stream.into_inner())).await;
    }
}

/// A connection that was accepted, and is one of the living from then on.
pub(super) struct Accepted {
    worker: Rc<Worker>,
    tcp: TcpStream,
    state: Rc<ConnectionState>,
    _guard: LiveGuard,
}

impl Accepted {
    pub(super) fn new(worker: &Rc<Worker>, tcp: TcpStream, peer: IpAddr) -> Self {
        let state = ConnectionState::new(clock::now());
        state.comes_from(peer);
        let guard = Live::join(worker, &state);
        Self { worker: Rc::clone(worker), tcp, state, _guard: guard }
    }
}

/// Whether a connection must now learn that the gateway leaves. One that has not sent its first request yet may have
/// done so by now: it is answered first.
fn must_be_told(state: &ConnectionState, told: bool) -> bool {
    state.is_draining() && !told && !state.awaits_first_request()
}

async fn drive_http2<S: Service>(
    io: impl hyper::rt::Read + hyper::rt::Write + Unpin,
    service: S,
    state: &Rc<ConnectionState>,
) {
    let answer = answer_with(service, state);
    let connection = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds::H2_STREAMS)
        .initial_stream_window_size(bounds::H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(bounds::H2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(bounds::H2_SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(bounds::HEADER_BYTES).unwrap_or(u32::MAX))
        .serve_connection(io, answer);
    let mut connection = pin!(connection);
    let mut told = false;
    std::future::poll_fn(|cx| {
        state.driven_by(cx);
        let mut over = connection.as_mut().poll(cx).is_ready();
        if !over && must_be_told(state, told) {
            told = true;
            connection.as_mut().graceful_shutdown();
            over = connection.as_mut().poll(cx).is_ready();
        }
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn answer_with<S: Service>(
    service: S,
    state: &Rc<ConnectionState>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<ReplyBody>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<ReplyBody>, Infallible>> + 'static,
> {
    let state = Rc::clone(state);
    service_fn(move |request: Request<Incoming>| {
        let answer = Box::pin(service.clone().answer(Rc::clone(&state), request.map(RequestBody::Http2)));
        async move { Ok::<_, Infallible>(reply::spread(answer.await)) }
    })
}

#[cfg(test)]
mod tests {
    use tokio::{sync::Notify, task::LocalSet};

    use super::*;
    use crate::tasks;

    /// Paths of requests that ended, and whether a panic was under way.
    type Ends = Rc<RefCell<Vec<(String, bool)>>>;

    /// Notes the end of its request as an exchange does.
    struct End(String, Ends);

    impl Drop for End {
        fn drop(&mut self) {
            self.1.borrow_mut().push((self.0.clone(), std::thread::panicking()));
        }
    }

    #[derive(Clone)]
    struct Stage {
        ends: Ends,
        gate: Rc<Notify>,
    }

    impl Service for Stage {
        async fn answer(self, _: Rc<ConnectionState>, request: Request<RequestBody>) -> Response<ReplyBody> {
            let path = request.uri().path().to_owned();
            let _end = End(path.clone(), self.ends);
            assert_ne!(path, "/breaks", "on purpose");
            self.gate.notified().await;
            Response::new(ReplyBody::whole("fine".to_owned()))
        }
    }

    /// `Exchange` takes a panic under way when it is dropped for one of its own.
    #[tokio::test]
    async fn a_panic_in_one_stream_ends_no_other() {
        let stage = Stage { ends: Ends::default(), gate: Rc::new(Notify::new()) };
        let (near, far) = tokio::io::duplex(1 << 16);
        let serve = stage.clone();
        let talk = async {
            let state = ConnectionState::new(clock::now());
            tasks::spawn_local(async move { drive_http2(TokioIo::new(far), serve, &state).await });
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(near)).await.unwrap();
            tasks::spawn_local(async move { drop(connection.await) });
            let request = |path: &str| Request::get(format!("http://h{path}")).body(String::new()).unwrap();
            let waits = sender.send_request(request("/waits"));
            let breaks = sender.send_request(request("/breaks"));
            assert!(breaks.await.is_err());
            stage.gate.notify_one();
            assert_eq!(waits.await.unwrap().status(), 200);
        };
        LocalSet::new().run_until(talk).await;
        assert_eq!(*stage.ends.borrow(), [("/breaks".to_owned(), true), ("/waits".to_owned(), false)]);
    }
}
