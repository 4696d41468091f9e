//! What is looked at when somebody asks for the metrics: what there is at that moment, and is counted by nobody.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Instant,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use sluice_routing::{Load, Standing};

use crate::{snapshot::Snapshot, worker::Shared};

/// A provider, and its name of a model.
type Name = (Arc<str>, Arc<str>);

/// How things stand at one moment.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// One of them for each credential.
    targets: BTreeMap<Name, Vec<(Standing, Load)>>,
    now: Option<Instant>,
    pub(super) request_body_bytes: usize,
    pub(super) repair_bytes: usize,
    pub(super) idempotent_answer_bytes: usize,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TargetLabels {
    provider: Arc<str>,
    upstream_model: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    provider: Arc<str>,
    upstream_model: Arc<str>,
    state: &'static str,
}

/// Every state that a target can be in.
const STATES: [&str; 4] = ["ready", "cooling", "open", "probe"];

fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Ready => "ready",
        Standing::Cooling(_) => "cooling",
        Standing::Open(_) => "open",
        Standing::Probe => "probe",
    }
}

impl Seen {
    #[cfg(test)]
    pub(super) fn at(now: Instant) -> Self {
        Self { now: Some(now), ..Self::default() }
    }

    /// Looks at everything.
    pub(crate) fn of(shared: &Shared, now: Instant) -> Self {
        let mut seen = Self {
            now: Some(now),
            request_body_bytes: shared.body_memory.used_bytes(),
            repair_bytes: shared.repair_memory.used_bytes(),
            idempotent_answer_bytes: shared.idempotency.kept_bytes(),
            ..Self::default()
        };
        seen.look_at(&shared.snapshot.load(), now);
        seen
    }

    /// The targets of the models that the operator named. What callers name as `provider/model` is not among them:
    /// they could make as many as they like.
    fn look_at(&mut self, snapshot: &Snapshot, now: Instant) {
        let mut known = HashSet::new();
        for target in snapshot.models().flat_map(|model| &model.targets) {
            let Some(health) = &target.health else { continue };
            // Models may share a target.
            if !known.insert(Arc::as_ptr(health)) {
                continue;
            }
            self.add(target.upstream.provider().name(), target.model.name(), health.seen(now));
        }
    }

    pub(super) fn add(&mut self, provider: &str, model: &str, state: (Standing, Load)) {
        self.targets.entry((provider.into(), model.into())).or_default().push(state);
    }

    /// As metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        let bytes = |bytes: usize| {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            gauge
        };
        registry.register(
            "request_body_bytes",
            "Large request bodies in memory",
            bytes(self.request_body_bytes),
        );
        registry.register(
            "repair_bytes",
            "Room that is kept for the repair of running streams",
            bytes(self.repair_bytes),
        );
        registry.register(
            "idempotent_answer_bytes",
            "Answers that are kept to be given again",
            bytes(self.idempotent_answer_bytes),
        );
        self.register_targets(registry);
    }

    fn register_targets(&self, registry: &mut Registry) {
        let states = Family::<StateLabels, Gauge>::default();
        let running = Family::<TargetLabels, Gauge>::default();
        let limits = Family::<TargetLabels, Gauge>::default();
        let rests = Family::<TargetLabels, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
        for ((provider, model), credentials) in &self.targets {
            let labels = TargetLabels { provider: provider.clone(), upstream_model: model.clone() };
            for word in STATES {
                let count = credentials.iter().filter(|(standing, _)| state(*standing) == word).count();
                let (provider, upstream_model) = (provider.clone(), model.clone());
                let labels = StateLabels { provider, upstream_model, state: word };
                states.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
            let under_way = credentials.iter().map(|(_, load)| i64::from(load.in_flight)).sum();
            running.get_or_create(&labels).set(under_way);
            if credentials.iter().all(|(_, load)| load.limit < u32::MAX) {
                let limit = credentials.iter().map(|(_, load)| i64::from(load.limit)).sum();
                limits.get_or_create(&labels).set(limit);
            }
            rests.get_or_create(&labels).set(self.longest_rest(credentials));
        }
        registry.register("targets", "Credentials of a target by how they stand", states);
        registry.register("target_calls_running", "Calls of a target under way", running);
        registry.register(
            "target_calls_limit",
            "How many calls of a target there may be at a time, where it has refused some",
            limits,
        );
        registry.register(
            "target_rest_seconds",
            "How long a target is not called any more, at most over its credentials",
            rests,
        );
    }

    fn longest_rest(&self, credentials: &[(Standing, Load)]) -> f64 {
        let rests = credentials.iter().map(|(standing, _)| match standing {
            Standing::Cooling(until) | Standing::Open(until) => {
                self.now.map_or(0.0, |now| until.saturating_duration_since(now).as_secs_f64())
            }
            Standing::Ready | Standing::Probe => 0.0,
        });
        rests.fold(0.0, f64::max)
    }
}
