//! `GET /admin/v1/status`: how this node and what it depends on stand, and what wants an operator's eyes.

mod attention;
mod targets;

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use serde_json::{Value, json};
use sluice_store::Store;

use self::targets::Seen;
use super::{
    call::{Call, Reply},
    nodes,
    query::moment_of_ms,
    refuse::Checked,
};
use crate::{
    clock,
    worker::{Phase, Shared},
};

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Instant,
    unix_ms: u64,
}

impl Moment {
    /// An instant as the API writes it.
    fn written(&self, at: Instant) -> Option<String> {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let unix_ms = match at.checked_duration_since(self.now) {
            Some(ahead) => self.unix_ms.saturating_add(ms(ahead)),
            None => self.unix_ms.saturating_sub(ms(self.now.saturating_duration_since(at))),
        };
        moment_of_ms(unix_ms)
    }
}

pub(super) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let shared = &call.shared;
    let moment = Moment { now: clock::now(), unix_ms: call.unix_ms };
    let seen = targets::seen(shared, moment);
    // Where the database is away that is what there is to tell.
    let nodes = call.store().nodes().await.unwrap_or_default();
    let schema = call.store().schema_version().await.ok();
    let attention = attention::list(call, moment, &seen, &nodes).await;
    let Seen { targets, providers } = seen;
    Ok(Reply::ok(json!({
        "node": node(shared, moment),
        "nodes": nodes.iter().map(|row| nodes::shown(row, call.unix_ms)).collect::<Vec<_>>(),
        "journal": journal(shared),
        "leases": { "held_nanousd": count(&shared.metrics.leased_nanousd) },
        "database": database(shared, moment, schema),
        "redis": redis(shared),
        "overload": overload(shared),
        "targets": targets.iter().map(|target| target.json(moment)).collect::<Vec<_>>(),
        "providers": providers.iter().map(targets::ProviderSeen::json).collect::<Vec<_>>(),
        "attention": attention,
    })))
}

fn count(gauge: &Gauge) -> i64 {
    gauge.get().max(0)
}

fn node(shared: &Shared, moment: Moment) -> Value {
    let about = &shared.about;
    let phase = match (shared.books.is_open(), *shared.phase.borrow()) {
        (false, _) => "closed",
        (true, Phase::Leaving) => "leaving",
        (true, Phase::Serving) => "serving",
    };
    json!({
        "id": about.node,
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": moment_of_ms(about.started_ms),
        "uptime_seconds": moment.unix_ms.saturating_sub(about.started_ms) / 1_000,
        "phase": phase,
        "workers": about.workers,
        "listen": about.data_addr.to_string(),
        "admin_listen": about.admin_addr.to_string(),
        "tls": shared.tls.load().is_some(),
    })
}

fn journal(shared: &Shared) -> Value {
    let metrics = &shared.metrics;
    json!({
        "bytes": count(&metrics.journal_bytes),
        "unread_records": count(&metrics.journal_unread_records),
        "unread_bytes": count(&metrics.journal_unread_bytes),
        "unposted_requests": count(&metrics.journal_unposted),
        "oldest_unposted_seconds": metrics.journal_lag_seconds.get(),
        "reservations_open": count(&metrics.reservations_open),
    })
}

fn database(shared: &Shared, moment: Moment, schema: Option<i64>) -> Value {
    let silent = shared.books.silent_for(moment.now);
    json!({
        "engine": if shared.books.store.is_shared() { "postgresql" } else { "sqlite" },
        "schema_version": schema,
        "is_away": schema.is_none() || shared.books.may_be_stale(moment.now),
        "last_contact_at": moment.now.checked_sub(silent).and_then(|at| moment.written(at)),
        "failures": shared.metrics.database_failures.get(),
    })
}

fn redis(shared: &Shared) -> Value {
    let sharing = shared.sharing.as_ref();
    json!({
        "configured": sharing.is_some(),
        "reachable": sharing.map(|sharing| !sharing.is_away()),
        "nodes": sharing.map(|sharing| sharing.nodes()),
        "failures": shared.metrics.redis_failures.get(),
    })
}

fn overload(shared: &Shared) -> Value {
    json!({
        "running": count(&shared.metrics.running),
        "queued": count(&shared.metrics.queued),
        "limit": shared.about.allowed(),
        "shed": shared.metrics.shed.get(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_by_the_other_clock() {
        let now = clock::now() + Duration::from_secs(3_600);
        let moment = Moment { now, unix_ms: 1_795_219_200_000 };
        let check = |at, expect: &str| assert_eq!(moment.written(at).as_deref(), Some(expect));
        check(now, "2026-11-21T00:00:00.000Z");
        check(now + Duration::from_millis(1_500), "2026-11-21T00:00:01.500Z");
        check(now - Duration::from_secs(60), "2026-11-20T23:59:00.000Z");
    }
}
