//! How targets and providers do, as this node sees them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::{Value, json};
use sluice_routing::Standing;

use super::Moment;
use crate::{admin::requests::ms, fleet::Told, metrics, worker::Shared};

/// All of them.
pub(super) struct Seen {
    pub(super) targets: Vec<TargetSeen>,
    pub(super) providers: Vec<ProviderSeen>,
}

/// One upstream model, at one provider with one credential.
pub(super) struct TargetSeen {
    pub(super) provider: String,
    pub(super) upstream_model: String,
    /// Which of the provider's credentials, counted from 0.
    credential: usize,
    /// The models that have it.
    models: Vec<String>,
    pub(super) told: Told,
}

/// What the calls of a provider came to within the last ten minutes.
#[derive(Default)]
pub(super) struct ProviderSeen {
    pub(super) name: String,
    pub(super) calls: u32,
    pub(super) failures: u32,
}

/// Targets of the models that the operator named, each once: models may share it. What callers name as `provider/model`
/// is not among them: they could make as many as they like.
pub(super) fn seen(shared: &Shared, moment: Moment) -> Seen {
    let snapshot = shared.snapshot.load();
    let mut targets: Vec<TargetSeen> = Vec::new();
    let mut places = HashMap::new();
    let mut credentials: HashMap<(String, String), usize> = HashMap::new();
    for model in snapshot.models() {
        for target in &model.targets {
            let Some(health) = &target.health else { continue };
            if let Some(place) = places.get(&Arc::as_ptr(health)) {
                let known: Option<&mut TargetSeen> = targets.get_mut(*place);
                if let Some(known) = known.filter(|known| !known.models.contains(&model.name)) {
                    known.models.push(model.name.clone());
                }
                continue;
            }
            places.insert(Arc::as_ptr(health), targets.len());
            let provider = target.upstream.provider().name().to_owned();
            let upstream_model = target.model.name().to_owned();
            let credential = credentials.entry((provider.clone(), upstream_model.clone())).or_default();
            targets.push(TargetSeen {
                provider,
                upstream_model,
                credential: *credential,
                models: vec![model.name.clone()],
                told: health.told(moment.now),
            });
            *credential += 1;
        }
    }
    let mut providers: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for target in &targets {
        let (calls, failures) = providers.entry(&target.provider).or_default();
        *calls = calls.saturating_add(target.told.recent.0);
        *failures = failures.saturating_add(target.told.recent.1);
    }
    let providers = providers
        .into_iter()
        .map(|(name, (calls, failures))| ProviderSeen { name: name.to_owned(), calls, failures })
        .collect();
    Seen { targets, providers }
}

/// `null` where there were no calls.
fn share(failures: u32, calls: u32) -> Option<f64> {
    (calls > 0).then(|| f64::from(failures) / f64::from(calls))
}

impl ProviderSeen {
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "calls": self.calls,
            "failures": self.failures,
            "error_share": share(self.failures, self.calls),
        })
    }
}

impl TargetSeen {
    /// `closed`, `open`, or `half_open`: the next call, or one that is under way, says whether it is well again.
    pub(super) fn state(&self) -> &'static str {
        match (self.told.standing, self.told.opened_at) {
            (Standing::Ready | Standing::Cooling(_), _) => "closed",
            (Standing::Probe, _) => "half_open",
            (Standing::Open(_), _) => "open",
        }
    }

    pub(super) fn json(&self, moment: Moment) -> Value {
        let Told { cooling_until, standing, opened_at, load, first_token_p95, recent, last_failure } =
            self.told;
        let until = match standing {
            Standing::Open(until) => Some(until),
            _ => None,
        };
        let p95 = first_token_p95.map(|time| ms(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)));
        json!({
            "provider": self.provider,
            "upstream_model": self.upstream_model,
            "credential": self.credential,
            "models": self.models,
            "state": self.state(),
            "since": opened_at.and_then(|at| moment.written(at)),
            "until": until.and_then(|at| moment.written(at)),
            "cooling_until": cooling_until.and_then(|at| moment.written(at)),
            "reason": last_failure.map(|(kind, _)| metrics::reason(kind)),
            "failed_at": last_failure.and_then(|(_, at)| moment.written(at)),
            "first_token_p95_ms": p95,
            "in_flight": load.in_flight,
            "limit": Some(load.limit).filter(|limit| *limit < u32::MAX),
            "calls": recent.0,
            "failures": recent.1,
            "error_share": share(recent.1, recent.0),
        })
    }
}
