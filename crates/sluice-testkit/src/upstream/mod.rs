//! A scripted upstream on raw sockets. Each request it gets is answered by the next script of its queue (or by the
//! default answer): raw bytes, pauses at gates, ends of every kind. It records each request as it came, and when its
//! peer closed a connection, as facts that a test can await.

mod connection;
mod request;
mod script;

pub use request::Request;
pub(crate) use request::headers as headers_of;
pub use script::{Script, Step};

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    net::TcpListener,
    sync::{Mutex as AsyncMutex, mpsc, watch},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{answers, patience, tls::Identity};

/// How the peer ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerClose {
    /// An orderly end (FIN, or close_notify and FIN).
    Fin,
    /// A reset, or an end in the middle of a TLS record.
    Reset,
    /// The script ended the connection before the peer did.
    OurOwn,
}

type Responder = Box<dyn Fn(&Request) -> Script + Send>;

struct State {
    scripts: VecDeque<Script>,
    responder: Responder,
    reset_accepts: usize,
    connections: usize,
    requests: usize,
}

struct Shared {
    state: Mutex<State>,
    arrived: mpsc::UnboundedSender<Request>,
    closed: watch::Sender<HashMap<usize, PeerClose>>,
    written_bytes: watch::Sender<HashMap<usize, u64>>,
    accepted: watch::Sender<usize>,
}

/// A listening upstream. It ends when it is dropped.
pub struct Upstream {
    addr: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
    requests: AsyncMutex<mpsc::UnboundedReceiver<Request>>,
    accepting: JoinHandle<()>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Listens in plain text on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// Listens with TLS, presenting `identity`.
    pub async fn start_tls(identity: &Identity) -> Self {
        Self::listen(Some(TlsAcceptor::from(identity.server_config()))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (arrived, requests) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                scripts: VecDeque::new(),
                responder: Box::new(answers::default_script),
                reset_accepts: 0,
                connections: 0,
                requests: 0,
            }),
            arrived,
            closed: watch::Sender::new(HashMap::new()),
            written_bytes: watch::Sender::new(HashMap::new()),
            accepted: watch::Sender::new(0),
        });
        let is_tls = tls.is_some();
        let accepting = tokio::spawn(connection::accept(listener, tls, Arc::clone(&shared)));
        Self { addr, tls: is_tls, shared, requests: AsyncMutex::new(requests), accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a provider's `base_url` should be, with `/v1`. Under TLS the host is `localhost`.
    #[must_use]
    pub fn base_url(&self) -> String {
        if self.tls {
            format!("https://localhost:{}/v1", self.addr.port())
        } else {
            format!("http://{}/v1", self.addr)
        }
    }

    /// Answers one more request with `script`; scripts are used in the order given.
    pub fn script(&self, script: Script) {
        self.shared.state().scripts.push_back(script);
    }

    /// Answers every request that has no script of its own with what `responder` makes of it.
    pub fn respond(&self, responder: impl Fn(&Request) -> Script + Send + 'static) {
        self.shared.state().responder = Box::new(responder);
    }

    /// Resets the next `count` connections as soon as they are accepted.
    pub fn reset_next_accepts(&self, count: usize) {
        self.shared.state().reset_accepts = count;
    }

    /// The next request that no test has taken yet, in order of arrival (of the whole body).
    pub async fn next_request(&self) -> Request {
        let mut requests = self.requests.lock().await;
        let next = patience::within("a request at the upstream", requests.recv()).await;
        next.expect("the sender lives as long as the upstream")
    }

    /// How many requests have arrived in all.
    #[must_use]
    pub fn requests_so_far(&self) -> usize {
        self.shared.state().requests
    }

    /// How many connections were accepted in all.
    #[must_use]
    pub fn connections_so_far(&self) -> usize {
        self.shared.state().connections
    }

    /// Waits until `count` connections were accepted in all.
    pub async fn accepted(&self, count: usize) {
        let mut accepted = self.shared.accepted.subscribe();
        let wait = accepted.wait_for(|&n| n >= count);
        patience::within("connections at the upstream", wait).await.unwrap();
    }

    /// Waits until the connection with this number (from 0, in order of acceptance) is over, and says how.
    pub async fn closed(&self, connection: usize) -> PeerClose {
        let mut closed = self.shared.closed.subscribe();
        let name = format!("the end of upstream connection {connection}");
        let seen = patience::within(&name, closed.wait_for(|all| all.contains_key(&connection))).await;
        seen.unwrap()[&connection]
    }

    /// Whether the connection with this number is over.
    #[must_use]
    pub fn is_closed(&self, connection: usize) -> bool {
        self.shared.closed.borrow().contains_key(&connection)
    }

    /// How many bytes the kernel has taken from this connection's scripts.
    #[must_use]
    pub fn written_bytes(&self, connection: usize) -> u64 {
        self.shared.written_bytes.borrow().get(&connection).copied().unwrap_or(0)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new connection, and whether it is to be reset at once.
    fn open_connection(&self) -> (usize, bool) {
        let mut state = self.state();
        let number = state.connections;
        state.connections += 1;
        let reset = state.reset_accepts > 0;
        state.reset_accepts = state.reset_accepts.saturating_sub(1);
        drop(state);
        self.accepted.send_replace(number + 1);
        (number, reset)
    }

    /// Records a request and picks its script.
    fn take_request(&self, mut request: Request) -> Script {
        let mut state = self.state();
        request.number = state.requests;
        state.requests += 1;
        let script = state.scripts.pop_front().unwrap_or_else(|| (state.responder)(&request));
        // Nobody listens any more once the upstream is dropped.
        let _ = self.arrived.send(request);
        script
    }
}

/// An address on which connections are refused for as long as the value lives: bound, never listening.
#[derive(Debug)]
pub struct Refusing {
    _socket: socket2::Socket,
    addr: SocketAddr,
}

impl Refusing {
    /// Takes a free port of 127.0.0.1.
    #[must_use]
    pub fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        Self { _socket: socket, addr }
    }

    /// What a provider's `base_url` should be.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }
}

impl Default for Refusing {
    fn default() -> Self {
        Self::new()
    }
}
