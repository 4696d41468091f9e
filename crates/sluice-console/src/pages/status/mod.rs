//! Status: this node, the nodes beside it, what they depend on, and how targets do.

mod texts;

use askama::Template;
use serde::Deserialize;

use self::texts::T;
use crate::{
    Action, Answers, Problem, Rendered, Visit, Want,
    html::Html,
    pages::{
        health::{self, Health, Words},
        overview::attention::{self, Item},
        problem,
    },
    shell::Shell,
    texts::fill,
};

#[derive(Template)]
#[template(path = "status.html")]
struct View<'a> {
    shell: Shell<'a>,
    t: &'static T,
    h: &'static Words,
    status: Status,
    health: Health,
    attention: Result<Vec<Item>, Problem>,
    may_write: bool,
}

#[derive(Debug, Deserialize)]
struct Status {
    node: Node,
    #[serde(default)]
    nodes: Vec<Other>,
    #[serde(default)]
    journal: Journal,
    #[serde(default)]
    leases: Leases,
    #[serde(default)]
    database: Database,
    #[serde(default)]
    redis: Redis,
    #[serde(default)]
    overload: Overload,
}

/// The process that was asked.
#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    version: Option<String>,
    started_at: Option<String>,
    uptime_seconds: Option<u64>,
    #[serde(default)]
    phase: String,
    workers: Option<u64>,
    listen: Option<String>,
    admin_listen: Option<String>,
    #[serde(default)]
    tls: bool,
}

/// Who shares the database.
#[derive(Debug, Deserialize)]
struct Other {
    id: String,
    #[serde(default)]
    alive: bool,
    seen_at: Option<String>,
    #[serde(default)]
    leased_nanousd: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Journal {
    bytes: u64,
    unread_records: u64,
    unread_bytes: u64,
    unposted_requests: u64,
    oldest_unposted_seconds: Option<f64>,
    reservations_open: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Leases {
    held_nanousd: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Database {
    engine: String,
    schema_version: Option<u64>,
    is_away: bool,
    last_contact_at: Option<String>,
    failures: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Redis {
    configured: bool,
    reachable: Option<bool>,
    nodes: Option<u64>,
    failures: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Overload {
    running: u64,
    queued: u64,
    limit: Option<u64>,
    shed: u64,
}

/// Text and kind of a badge.
type Badge = (&'static str, &'static str);

pub(crate) fn wants(_visit: &Visit<'_>) -> Vec<Want> {
    vec![health::want()]
}

pub(crate) fn render(visit: &Visit<'_>, answers: &Answers) -> Rendered {
    let t = T::of(visit.language);
    let status = match answers.read::<Status>("status") {
        Ok(status) => status,
        Err(problem) => return problem::render(visit, &problem),
    };
    let shell = Shell::new(visit, t.title);
    Rendered::of(&View {
        h: Words::here(&shell),
        shell,
        t,
        health: health::read(answers).unwrap_or_default(),
        attention: attention::told(visit, answers),
        may_write: visit.who.can(Action::WriteGateway),
        status,
    })
}

impl View<'_> {
    fn phase(&self) -> Badge {
        match self.status.node.phase.as_str() {
            "serving" => (self.t.serving, "good"),
            "leaving" => (self.t.leaving, "warn"),
            _ => (self.t.closed, "bad"),
        }
    }

    fn database(&self) -> Badge {
        if self.status.database.is_away { (self.t.away, "bad") } else { (self.t.reachable, "good") }
    }

    fn redis(&self) -> Badge {
        match (self.status.redis.configured, self.status.redis.reachable) {
            (false, _) => (self.t.not_configured, "plain"),
            (true, Some(true)) => (self.t.reachable, "good"),
            (true, _) => (self.t.away, "bad"),
        }
    }

    fn engine(&self) -> &str {
        match self.status.database.engine.as_str() {
            "postgresql" => "PostgreSQL",
            "sqlite" => "SQLite",
            other => other,
        }
    }

    fn uptime(&self) -> Html {
        self.shell.duration(self.status.node.uptime_seconds.map(|seconds| seconds as f64 * 1_000.0))
    }

    fn lag(&self) -> Html {
        self.shell.duration(self.status.journal.oldest_unposted_seconds.map(|seconds| seconds * 1_000.0))
    }

    /// Whether a node holds money that only its being written off gives back.
    fn may_write_off(&self, node: &Other) -> bool {
        self.may_write && !node.alive && node.leased_nanousd > 0
    }

    fn write_off_sure(&self, node: &Other) -> String {
        fill(self.t.write_off_sure, &[&node.id])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Language, Page, Role, test_visit::TestVisit};

    fn whole() -> Value {
        json!({
            "node": { "id": "node-<1>", "version": "0.1.0", "started_at": "2026-11-21T11:00:00Z",
                      "uptime_seconds": 3_600, "phase": "serving", "workers": 2, "listen": "0.0.0.0:8080",
                      "admin_listen": "127.0.0.1:8081", "tls": true },
            "nodes": [
                { "id": "node-<1>", "alive": true, "seen_at": "2026-11-21T12:00:00Z", "leased_nanousd": 5_000_000_000_u64 },
                { "id": "gone", "alive": false, "seen_at": "2026-11-20T12:00:00Z", "leased_nanousd": 7_000_000_000_u64 },
            ],
            "journal": { "bytes": 4096, "unread_records": 3, "unread_bytes": 99, "unposted_requests": 2,
                         "oldest_unposted_seconds": 0.4, "reservations_open": 1 },
            "leases": { "held_nanousd": 5_000_000_000_u64 },
            "database": { "engine": "postgresql", "schema_version": 7, "is_away": false,
                          "last_contact_at": "2026-11-21T12:00:00Z", "failures": 0 },
            "redis": { "configured": true, "reachable": false, "nodes": 2, "failures": 4 },
            "overload": { "running": 12, "queued": 1, "limit": null, "shed": 0 },
            "targets": [{ "provider": "p", "upstream_model": "u", "state": "open", "models": ["m"], "reason": "timeout" }],
            "attention": [{ "kind": "breaker_open", "severity": "critical", "object": "target", "object_id": "p/u",
                            "message": "It is <open>.", "since": null }],
        })
    }

    fn check(role: Role, status: &Value, has: &[&str], lacks: &[&str]) {
        for language in Language::ALL {
            let mut owned = TestVisit::new(Page::Status).language(language);
            owned.who.role = role;
            let visit = owned.visit();
            let html = render(&visit, &Answers::new().with("status", status.clone())).html;
            for text in has {
                assert!(html.contains(text), "{language:?}: no {text} in {html}");
            }
            for text in lacks {
                assert!(!html.contains(text), "{language:?}: {text} in {html}");
            }
        }
    }

    #[test]
    fn everything_is_told() {
        let write_off = "data-api=\"POST /admin/v1/nodes/gone/write-off\"";
        check(
            Role::Owner,
            &whole(),
            &[
                "node-&#60;1&#62;",
                "It is &#60;open&#62;.",
                "href=\"/providers/p\"",
                "href=\"/models/m\"",
                "PostgreSQL",
                "<code>timeout</code>",
                "$7.00",
                "1 h 0 min",
                write_off,
                "badge bad",
            ],
            &["<1>", "<open>", "nodes/node-"],
        );
        check(Role::Viewer, &whole(), &["$7.00"], &[write_off]);
        let mut little = json!({ "node": { "id": "n", "phase": "closed" } });
        check(Role::Owner, &little, &["badge bad"], &[write_off]);
        little["database"] = json!({ "is_away": true });
        check(Role::Owner, &little, &["badge bad"], &[]);
    }
}
