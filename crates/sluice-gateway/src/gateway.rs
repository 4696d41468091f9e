//! A running gateway: its workers, its two listeners, and its way from start to end.

use std::{cell::RefCell, io, net::SocketAddr, rc::Rc, sync::Arc, thread::JoinHandle, time::Duration};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sluice_store::{Store, StoreError, journal::Writer};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Mutex, oneshot, watch},
};

use crate::{
    about::About,
    access::{self, Access, link::Link},
    access_log::{Log, LogSink},
    accounting::{self, Books, BooksError, Courier, CourierThread, Ledger, Opened, Registry, Sharing},
    bounds, clock,
    config::{AccessLogFormat, Config},
    fleet::Healths,
    idempotency,
    ids::IdMaker,
    memory,
    metrics::Metrics,
    overload::{self, Admission},
    request_body::BodyMemory,
    routes::{Listener, Routes},
    server::{self, CurrentTls, Live, TlsError},
    snapshot::{Parts, Snapshot, SnapshotError},
    tasks::{self, JoinTask},
    tokens::Tokens,
    traces::{self, ExporterThread},
    upstream::{Connections, Tls},
    worker::{Phase, Shared, Snapshots, Worker},
};

/// Why a gateway does not start, or does not take new settings.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Catalog(#[from] SnapshotError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("TLS towards providers is not available: {0}")]
    UpstreamTls(rustls::Error),
    #[error(transparent)]
    Books(#[from] BooksError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    data_addr: SocketAddr,
    admin_addr: SocketAddr,
    threads: Vec<JoinHandle<()>>,
    log_thread: Option<JoinHandle<()>>,
    courier: Option<CourierThread>,
    exporter: Option<ExporterThread>,
    desk: Beside,
    /// Asks for idempotency keys, and gives them back.
    keeper: Beside,
    /// The token of the link by which the first owner comes in.
    link: Option<String>,
}

/// A task beside the workers.
#[derive(Debug)]
struct Beside {
    task: JoinTask,
    /// Tells it that every worker has ended.
    stop: oneshot::Sender<()>,
}

impl Beside {
    fn start<F: Future<Output = ()> + Send + 'static>(work: impl FnOnce(oneshot::Receiver<()>) -> F) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { task: tasks::spawn(work(stopped)), stop }
    }

    async fn end(self) {
        // It ends when it is told to, or has ended.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// What a thread is started with.
struct Post {
    name: String,
    listener: std::net::TcpListener,
    kind: Listener,
    journal: Writer,
    terms: Terms,
}

/// What is the same for all threads.
#[derive(Clone)]
struct Terms {
    shared: Arc<Shared>,
    sink: LogSink,
    log: AccessLogFormat,
    tls: Tls,
    grace: Duration,
    max_connections: usize,
    max_running: usize,
}

impl Gateway {
    /// Opens the books, binds both listeners and starts the workers. When it returns, requests are answered. The task
    /// that keeps the books runs on the runtime from which this is called.
    ///
    /// # Errors
    /// Names the address, file or object that stands in the way; nothing is left running then.
    pub async fn start(config: &Config, ledger: &Ledger) -> Result<Self, StartError> {
        let workers = config.workers.unwrap_or_else(cores).max(1);
        let tls = config.tls.as_ref().map(server::acceptor).transpose()?;
        let upstream_tls = Tls::new(config.native_roots).map_err(StartError::UpstreamTls)?;
        let listen = |address: SocketAddr, count| {
            server::bind(address, count).map_err(|source| StartError::Listen { address, source })
        };
        let data = listen(config.listen, workers)?;
        let admin = listen(config.admin_listen, 1)?;
        let address =
            |listeners: &[std::net::TcpListener]| listeners[0].local_addr().map_err(StartError::Thread);
        let (data_addr, admin_addr) = (address(&data)?, address(&admin)?);
        let (catalog, version) = ledger.store.load_catalog_and_version().await?;
        let metrics = Metrics::new();
        let writers = u16::try_from(data.len() + admin.len()).unwrap_or(u16::MAX);
        // The settings are tried before the books are opened: a run that cannot begin leaves no trace in them.
        let registry = Registry::default();
        let (healths, tokens) = (Arc::new(Healths::default()), Tokens::default());
        let parts = Parts { metrics: &metrics, registry: &registry, healths: &healths, tokens: &tokens };
        Snapshot::new(config, catalog.clone(), &parts, clock::unix_ms())?;
        let Opened { books, writers, desk } = accounting::open(ledger, writers, version).await?;
        let (table, keeper) = idempotency::open(ledger.store.clone(), desk.session());
        let parts = Parts { registry: &books.registry, ..parts };
        let snapshot = Snapshot::new(config, catalog, &parts, clock::unix_ms())?;
        snapshot.publish();
        let (tracer, exporter) =
            traces::start(config.otel.as_ref(), &upstream_tls, &metrics).map_err(StartError::Thread)?;
        let (sharing, courier) = share_limits(config, &upstream_tls, &books, &metrics).await?;
        let link = first_link(ledger).await?;
        let shared = Arc::new(Shared {
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            metrics,
            tracer,
            healths,
            tokens,
            signatures: Arc::default(),
            body_memory: BodyMemory::new(memory::share_bytes(bounds::BODY_MEMORY_PERCENT)),
            repair_memory: BodyMemory::new(memory::share_bytes(bounds::REPAIR_MEMORY_PERCENT)),
            tls: ArcSwapOption::from(tls),
            phase: watch::Sender::new(Phase::Serving),
            admin_token: config.admin_token.clone(),
            data_addr,
            access: Access::new(link.as_deref().map(Link::new)),
            books,
            sharing,
            idempotency: table,
            changing: Mutex::default(),
            about: About::new(ledger.node.clone(), clock::unix_ms(), (data_addr, admin_addr), data.len()),
            config: ArcSwap::from_pointee(config.clone()),
        });
        let (sink, log_thread) = LogSink::start().map_err(StartError::Thread)?;
        let terms = Terms {
            shared: Arc::clone(&shared),
            sink,
            log: config.access_log,
            tls: upstream_tls,
            grace: Duration::from_millis(config.shutdown_grace_ms),
            max_connections: connections_per_listener(data.len()),
            max_running: overload::most(workers),
        };
        let open_metrics = config.admin_listen.ip().is_loopback();
        let listeners = data.into_iter().map(|l| (l, Listener::Data));
        let listeners = listeners.chain(admin.into_iter().map(|l| (l, Listener::Admin { open_metrics })));
        let threads = start_threads(&terms, listeners.zip(writers)).map_err(StartError::Thread)?;
        let desk = Beside::start(|stop| desk.run(Arc::clone(&shared), stop));
        let keeper = Beside::start(|stop| keeper.run(Arc::clone(&shared), stop));
        let log_thread = Some(log_thread);
        Ok(Self { shared, data_addr, admin_addr, threads, log_thread, courier, exporter, desk, keeper, link })
    }

    /// Where the data plane listens.
    pub fn data_addr(&self) -> SocketAddr {
        self.data_addr
    }

    /// Where the admin listener is.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Takes new settings, and the catalog as the database has it now. Requests that are running keep the old ones.
    /// What is bound at the start (addresses, workers, the form of the access log, the admin token) stays as it was.
    ///
    /// # Errors
    /// What can not be used; then nothing has changed.
    pub async fn reload(&self, config: &Config) -> Result<(), StartError> {
        let _alone = self.shared.changing.lock().await;
        let catalog = self.shared.books.store.load_catalog().await?;
        let snapshot = Snapshot::new(config, catalog, &self.shared.parts(), clock::unix_ms())?;
        let tls = config.tls.as_ref().map(server::acceptor).transpose()?;
        self.shared.config.store(Arc::new(config.clone()));
        snapshot.publish();
        self.shared.snapshot.store(Arc::new(snapshot));
        // Whether there is TLS at all is decided at the start.
        if tls.is_some() && self.shared.tls.load().is_some() {
            self.shared.tls.store(tls);
        }
        Ok(())
    }

    /// The path of the link by which the first owner signs in; `None`: there are users already. It is good until it was
    /// used, or this process ends.
    pub fn sign_in_link(&self) -> Option<String> {
        self.link.as_ref().map(|token| format!("/sign-in/link/{token}"))
    }

    /// The configuration file was read again; `refused`: why it was not taken.
    pub fn file_was_read(&self, refused: Option<String>) {
        self.shared.about.file_was_read(refused.map(|why| (clock::unix_ms(), why)));
    }

    /// Begins to leave: readiness fails, after the time of grace the listeners close, running requests finish.
    pub fn shutdown(&self) {
        self.shared.phase.send_replace(Phase::Leaving);
    }

    /// Waits until every worker is done and the books are closed. Call [`Gateway::shutdown`] first.
    pub async fn join(self) {
        let Self { threads, log_thread, courier, exporter, desk, keeper, .. } = self;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads.into_iter().chain(log_thread) {
                // A worker that panicked has said so; the others are still waited for.
                let _ = thread.join();
            }
            if let Some(courier) = courier {
                courier.stop();
            }
            if let Some(exporter) = exporter {
                exporter.stop();
            }
        });
        let _ = joined.await;
        tokio::join!(keeper.end(), desk.end());
    }
}

/// The token of a link to sign in by, as long as nobody can sign in otherwise.
async fn first_link(ledger: &Ledger) -> Result<Option<String>, StartError> {
    if ledger.store.has_users().await? {
        return Ok(None);
    }
    let token = access::new_token().map_err(|error| StartError::Thread(io::Error::other(error)))?;
    Ok(Some(token))
}

/// Begins to share limits where the settings say with whom. A server that does not answer is no reason not to start.
async fn share_limits(
    config: &Config,
    tls: &Tls,
    books: &Arc<Books>,
    metrics: &Metrics,
) -> Result<(Option<Arc<Sharing>>, Option<CourierThread>), StartError> {
    let Some(server) = config.redis.clone() else { return Ok((None, None)) };
    let (sharing, courier) = Courier::new(server, tls.clone(), books, metrics).map_err(StartError::Thread)?;
    let thread = courier.start().await.map_err(StartError::Thread)?;
    Ok((Some(sharing), Some(thread)))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many connections one listener takes: half of the descriptors, less a reserve, as each may need another one
/// towards an upstream. The soft limit is raised to the hard one first.
fn connections_per_listener(listeners: usize) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Without permission the soft limit stays, and is what is read next.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    let each = limit.saturating_sub(bounds::FD_RESERVE) / 2 / listeners as u64;
    usize::try_from(each).unwrap_or(usize::MAX).clamp(16, 1 << 20)
}

fn start_threads(
    terms: &Terms,
    posts: impl Iterator<Item = ((std::net::TcpListener, Listener), Writer)>,
) -> io::Result<Vec<JoinHandle<()>>> {
    posts
        .enumerate()
        .map(|(index, ((listener, kind), journal))| {
            let name = if kind == Listener::Data { format!("worker-{index}") } else { "admin".to_owned() };
            start_thread(Post { name, listener, kind, journal, terms: terms.clone() })
        })
        .collect()
}

fn start_thread(post: Post) -> io::Result<JoinHandle<()>> {
    let name = post.name.clone();
    // What can fail fails here, not in the thread.
    let ids = IdMaker::from_os()?;
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all().event_interval(61);
    std::thread::Builder::new().name(name).spawn(move || match runtime.build_local(LocalOptions::default()) {
        Ok(runtime) => runtime.block_on(run(post, ids)),
        Err(error) => tracing::error!(%error, "a worker could not start its runtime"),
    })
}

async fn run(post: Post, ids: IdMaker) {
    let listener = match tokio::net::TcpListener::from_std(post.listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a worker could not use its listener"),
    };
    let terms = post.terms;
    let shared = Arc::clone(&terms.shared);
    let snapshots = RefCell::new(Snapshots::new(Arc::clone(&shared.snapshot)));
    let worker = Rc::new(Worker {
        snapshots,
        shared: terms.shared,
        connections: Connections::new(terms.tls, &shared.metrics),
        ids,
        log: Log::new(terms.log, terms.sink),
        live: Live::default(),
        abandoned: Default::default(),
        spare_headers: Default::default(),
        date: RefCell::new(clock::http_date()),
        read_scratch: RefCell::new(vec![0; bounds::READ_AHEAD_BYTES].into()),
        leftovers: Default::default(),
        max_connections: terms.max_connections,
        journal: RefCell::new(post.journal),
        chunks: RefCell::default(),
        admission: Admission::new(terms.max_running),
    });
    worker.keep_house();
    let routes = Routes { worker: Rc::clone(&worker), listener: post.kind };
    let tls: CurrentTls = match post.kind {
        Listener::Data | Listener::Admin { open_metrics: false } => Rc::new(move || shared.tls.load_full()),
        // On loopback nobody reads along, and certificates are rarely made out to it.
        Listener::Admin { open_metrics: true } => Rc::new(|| None),
    };
    let mut phase = worker.shared.phase.subscribe();
    let leave = async {
        // The sender lives as long as the gateway.
        let _ = phase.wait_for(|phase| *phase == Phase::Leaving).await;
        tokio::time::sleep(terms.grace).await;
    };
    server::accept_until_stopped(&worker, routes, listener, tls, leave).await;
    worker.live.drain();
    if tokio::time::timeout(bounds::DRAIN, worker.live.none_left()).await.is_err() {
        worker.live.stop();
        // Long enough for an error event to reach whoever still reads.
        let _ = tokio::time::timeout(bounds::WRITE_STALL, worker.live.none_left()).await;
    }
    worker.tidy();
}
