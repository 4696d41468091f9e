//! The one thread that talks to Redis about limits.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
    thread::JoinHandle,
};

use prometheus_client::metrics::gauge::Gauge;
use sluice_store::shared_limits::{Answers, Batch, Link, LinkError, Server};
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Books,
    limits::{Counters, Limit},
    shared_limits::{Ask, Sharing, Wanted},
};
use crate::{bounds, ids::IdMaker, metrics::Metrics, upstream::Tls};

/// Carries what requests ask of the server, and what they give back.
#[derive(Debug)]
pub(crate) struct Courier {
    server: Server,
    tls: Tls,
    /// What others know this process as. Another start has another name: what this one held ends with it.
    node: String,
    asks: mpsc::Receiver<Ask>,
    sharing: Arc<Sharing>,
    books: Arc<Books>,
    /// How many nodes share the limits, for whoever watches.
    nodes: Gauge,
    link: Option<Link>,
    /// What this node may hold slots of, as the server has been told.
    held: HashMap<Arc<str>, Arc<Counters>>,
    /// Whether anybody has been told how things stand.
    reported: bool,
}

/// The thread of a courier.
#[derive(Debug)]
pub(crate) struct CourierThread {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Why the server gave nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it has not answered within {0} ms")]
    Late(u128),
}

impl Courier {
    /// A courier and what requests need of it.
    ///
    /// # Errors
    /// The system gives no random bits.
    pub(crate) fn new(
        server: Server,
        tls: Tls,
        books: &Arc<Books>,
        metrics: &Metrics,
    ) -> io::Result<(Arc<Sharing>, Self)> {
        let (sharing, asks) = Sharing::new(metrics.redis_failures.clone());
        let courier = Self {
            server,
            tls,
            node: IdMaker::from_os()?.random_hex(),
            asks,
            sharing: Arc::clone(&sharing),
            books: Arc::clone(books),
            nodes: metrics.redis_nodes.clone(),
            link: None,
            held: HashMap::new(),
            reported: false,
        };
        Ok((sharing, courier))
    }

    /// Starts its thread. When this returns the first try to reach the server is over.
    ///
    /// # Errors
    /// There is no thread or no runtime to be had.
    pub(crate) async fn start(self) -> io::Result<CourierThread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (tried, first_try) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("limits".to_owned())
            .spawn(move || runtime.block_on(self.run(tried, stopped)))?;
        // A thread that has ended has tried all it could.
        let _ = first_try.await;
        Ok(CourierThread { stop, thread })
    }

    async fn run(mut self, tried: oneshot::Sender<()>, mut stop: oneshot::Receiver<()>) {
        let mut beat = interval(bounds::REDIS_BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is there at once.
        beat.tick().await;
        self.beat().await;
        // Whoever started this may have gone.
        let _ = tried.send(());
        let mut asks = Vec::new();
        loop {
            tokio::select! {
                biased;
                _ = &mut stop => break,
                _ = beat.tick() => self.beat().await,
                _ = self.asks.recv_many(&mut asks, bounds::LIMIT_BATCH) => self.serve(&mut asks).await,
            }
        }
        self.leave().await;
    }

    /// Says that this node lives and what it holds; connects first where there is no connection.
    async fn beat(&mut self) {
        if self.link.is_none() {
            match timeout(bounds::REDIS_DIAL, dial(&self.server, &self.tls, &self.node)).await {
                Ok(Ok(link)) => self.link = Some(link),
                Ok(Err(trouble)) => return self.lost(&trouble),
                Err(_) => return self.lost(&Trouble::Late(bounds::REDIS_DIAL.as_millis())),
            }
            // What was granted here meanwhile the server does not know of.
            self.held.extend(self.books.registry.running());
        }
        match self.say_what_is_held().await {
            Ok(nodes) => self.found(nodes),
            Err(trouble) => self.lost(&trouble),
        }
    }

    async fn say_what_is_held(&mut self) -> Result<u32, Trouble> {
        let mut batch = Batch::default();
        batch.beat(bounds::REDIS_NODE_MS);
        let nodes = self.exchange(&batch).await?.nodes()?;
        let mut none = Vec::new();
        let held: Vec<_> =
            self.held.iter().map(|(key, counters)| (Arc::clone(key), counters.slots.used())).collect();
        for some in held.chunks(bounds::LIMIT_BATCH) {
            let mut batch = Batch::default();
            for (key, count) in some {
                batch.hold(key, *count);
                if *count == 0 {
                    none.push(Arc::clone(key));
                }
            }
            self.exchange(&batch).await?;
        }
        none.iter().for_each(|key| drop(self.held.remove(key)));
        Ok(nodes)
    }

    /// Carries a batch there and the answers back.
    async fn serve(&mut self, asks: &mut Vec<Ask>) {
        if self.link.is_none() {
            // Whoever waits sees that there is no answer.
            asks.clear();
            return;
        }
        let mut batch = Batch::default();
        self.say_what_was_touched(asks, &mut batch);
        let mut waiting: Vec<Wanted> = Vec::new();
        for ask in asks.drain(..) {
            match ask {
                Ask::Take(wanted) if wanted.is_forgotten() => {}
                Ask::Take(wanted) => {
                    wanted.write(&mut batch);
                    waiting.push(wanted);
                }
                Ask::Ended(ended) => ended.write(&mut batch, self.sharing.nodes()),
            }
        }
        if batch.is_empty() {
            return;
        }
        let mut answers = match self.exchange(&batch).await {
            Ok(answers) => answers,
            Err(trouble) => return self.lost(&trouble),
        };
        for wanted in waiting {
            match answers.taken(wanted.rates()) {
                Ok(taken) => wanted.answer(&taken, &self.sharing),
                Err(error) => return self.lost(&error.into()),
            }
        }
    }

    /// Says first how many slots this node holds of every limit that the batch is about: a count, not a difference, so
    /// that nothing that was lost on the way stays lost.
    fn say_what_was_touched(&mut self, asks: &[Ask], batch: &mut Batch) {
        let mut said: HashSet<&Arc<str>> = HashSet::new();
        let limits = |ask: &'_ Ask| match ask {
            Ask::Take(wanted) => Arc::clone(wanted.limits()),
            Ask::Ended(ended) => Arc::clone(&ended.limits),
        };
        let touched: Vec<Arc<[Limit]>> = asks.iter().map(limits).collect();
        for limit in touched.iter().flat_map(|limits| limits.iter()).filter(|limit| limit.parallel.is_some())
        {
            let (key, counters) = (&limit.counters.keys.slots, &limit.counters);
            if said.insert(key) {
                batch.hold(key, counters.slots.used());
                self.held.entry(Arc::clone(key)).or_insert_with(|| Arc::clone(counters));
            }
        }
    }

    async fn exchange(&mut self, batch: &Batch) -> Result<Answers, Trouble> {
        let Some(link) = &mut self.link else {
            return Err(Trouble::Unreachable("there is no connection".to_owned()));
        };
        match timeout(bounds::REDIS_ANSWER, link.exchange(batch)).await {
            Ok(answers) => Ok(answers?),
            Err(_) => Err(Trouble::Late(bounds::REDIS_ANSWER.as_millis())),
        }
    }

    /// The server does not answer: from now on this node counts for itself.
    fn lost(&mut self, trouble: &Trouble) {
        self.link = None;
        self.sharing.failures.inc();
        self.nodes.set(0);
        if self.sharing.set_away(true) || !self.reported {
            self.reported = true;
            tracing::warn!(
                server = %self.server,
                "limits are not shared: {trouble}; this node holds to its share of them until Redis answers"
            );
        }
    }

    fn found(&mut self, nodes: u32) {
        self.sharing.set_nodes(nodes);
        self.nodes.set(i64::from(nodes));
        if self.sharing.set_away(false) {
            self.reported = true;
            tracing::info!(server = %self.server, nodes, "limits are shared");
        }
    }

    /// Nothing runs any more. What is left to correct is, as far as there is time.
    async fn leave(&mut self) {
        let mut asks = Vec::new();
        while let Ok(ask) = self.asks.try_recv() {
            asks.push(ask);
        }
        self.serve(&mut asks).await;
        let mut batch = Batch::default();
        batch.leave();
        // Without it the others see in a few seconds that this node is gone.
        let _ = self.exchange(&batch).await;
    }
}

impl CourierThread {
    /// Ends it, and waits for that. Blocks.
    pub(crate) fn stop(self) {
        // One that has ended needs no stop, and one that panicked has said so.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

async fn dial(server: &Server, tls: &Tls, node: &str) -> Result<Link, Trouble> {
    let tls = server.tls().then_some(tls);
    let stream = crate::upstream::connect_plain(server.host(), server.port(), tls)
        .await
        .map_err(|error| Trouble::Unreachable(crate::upstream::plain(&error)))?;
    Ok(Link::begin(server, stream, node).await?)
}
