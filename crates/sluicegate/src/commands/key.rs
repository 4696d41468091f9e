//! `sluicegate key`: make, list and revoke keys through the admin API.

use hyper::Method;
use serde_json::{Map, Value, json};
use sluice_ledger::NanoUsd;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Failure,
    admin_api::{AdminApi, with_gateway},
    cli, complain, print,
    table::table,
};

pub(crate) fn run(arguments: &cli::Key) -> Result<(), Failure> {
    with_gateway(&arguments.admin, async |api| match &arguments.action {
        cli::KeyAction::Create(create) => made(&api, create).await,
        cli::KeyAction::List { json } => listed(&api, *json).await,
        cli::KeyAction::Revoke { key } => revoked(&api, key).await,
    })
}

async fn made(api: &AdminApi, create: &cli::KeyCreate) -> Result<(), Failure> {
    let key = api.call(Method::POST, "/keys", Some(&form(create))).await?;
    if create.json {
        return print_json(&key);
    }
    let text = |field: &str| key[field].as_str().unwrap_or_default().to_owned();
    complain(&format!("the key {} ({}) is there; its secret is shown this once:", text("name"), text("id")));
    print(&format!("{}\n", text("secret")))
}

/// What the admin API is asked for.
fn form(create: &cli::KeyCreate) -> Value {
    let cli::KeyCreate {
        name,
        project,
        models,
        rpm,
        tpm,
        parallel,
        budget_usd,
        budget_period,
        expires,
        json: _,
    } = create;
    let mut form = Map::new();
    form.insert("name".to_owned(), json!(name));
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            form.insert(key.to_owned(), value);
        }
    };
    add("project", project.as_ref().map(|project| json!(project)));
    add("models", models.as_ref().map(|models| json!(models)));
    let limits: Map<String, Value> = [("rpm", rpm), ("tpm", tpm), ("parallel", parallel)]
        .into_iter()
        .filter_map(|(key, limit)| Some((key.to_owned(), json!((*limit)?))))
        .collect();
    add("limits", (!limits.is_empty()).then(|| limits.into()));
    let budget = budget_usd.zip(budget_period.as_ref());
    add("budget", budget.map(|(limit, period)| json!({ "limit_nanousd": limit.0, "period": period })));
    add("expires_at", expires.as_ref().map(|moment| json!(moment)));
    Value::Object(form)
}

async fn listed(api: &AdminApi, as_json: bool) -> Result<(), Failure> {
    let keys = api.list("/keys").await?;
    if as_json {
        return print_json(&json!({ "data": keys, "next_cursor": null }));
    }
    let now = now();
    let rows: Vec<Vec<String>> = keys.iter().map(|key| row(key, now)).collect();
    print(&table(&["NAME", "ID", "SECRET", "PROJECT", "MODELS", "SPENT", "EXPIRES", "STATE"], &rows, &[]))
}

fn row(key: &Value, now: OffsetDateTime) -> Vec<String> {
    let text = |field: &str| key[field].as_str().unwrap_or_default().to_owned();
    let models: Vec<&str> =
        key["models"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let expires = key["expires_at"].as_str();
    let ended =
        expires.and_then(|end| OffsetDateTime::parse(end, &Rfc3339).ok()).is_some_and(|end| end <= now);
    let state = match (key["revoked"].as_bool(), ended) {
        (Some(true), _) => "revoked",
        (_, true) => "expired",
        _ if key["origin"] == "file" => "active, of the file",
        _ => "active",
    };
    vec![
        text("name"),
        text("id"),
        format!("{}…", text("prefix")),
        text("project"),
        models.join(","),
        spent(&key["budget"]),
        expires.unwrap_or("never").to_owned(),
        state.to_owned(),
    ]
}

/// What is spent of a budget, in dollars.
fn spent(budget: &Value) -> String {
    let dollars = |field: &str| budget[field].as_u64().map(|amount| NanoUsd(amount).dollars());
    match (dollars("spent_nanousd"), dollars("limit_nanousd"), budget["period"].as_str()) {
        (Some(spent), Some(limit), Some("total")) => format!("{spent} of {limit} USD"),
        (Some(spent), Some(limit), Some(period)) => format!("{spent} of {limit} USD a {period}"),
        _ => "no budget".to_owned(),
    }
}

async fn revoked(api: &AdminApi, key: &str) -> Result<(), Failure> {
    let keys = api.list("/keys").await?;
    let named = |field: &str| keys.iter().find(|found| found[field] == key);
    let Some(found) = named("id").or_else(|| named("name")) else {
        return Err(
            format!("there is no key `{key}`: `sluicegate key list` shows those that are there").into()
        );
    };
    let text = |field: &str| found[field].as_str().unwrap_or_default();
    if found["revoked"] == true {
        complain(&format!("the key {} ({}) was revoked before", text("name"), text("id")));
        return Ok(());
    }
    api.call(Method::DELETE, &format!("/keys/{}", text("id")), None).await?;
    complain(&format!("the key {} ({}) is revoked", text("name"), text("id")));
    Ok(())
}

pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    print(&format!("{text}\n"))
}

#[expect(clippy::disallowed_methods, reason = "tells which keys have ended, for people")]
fn now() -> OffsetDateTime {
    std::time::SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn forms() {
        let check = |args: &[&str], expect: Value| {
            let args = [&["sluicegate", "key", "create", "--name", "n"], args].concat();
            let cli::Command::Key(key) = cli::Cli::parse_from(&args).command else { panic!("{args:?}") };
            let cli::KeyAction::Create(create) = key.action else { panic!("{args:?}") };
            assert_eq!(form(&create), expect, "{args:?}");
        };
        check(&[], json!({ "name": "n" }));
        check(
            &["--project", "p", "--models", "a,b*", "--rpm", "1", "--tpm", "2", "--parallel", "3"],
            json!({ "name": "n", "project": "p", "models": ["a", "b*"], "limits": { "rpm": 1, "tpm": 2, "parallel": 3 } }),
        );
        check(
            &["--budget-usd", "0.1", "--budget-period", "week", "--expires", "2027-01-01T00:00:00Z"],
            json!({
                "name": "n", "budget": { "limit_nanousd": 100_000_000, "period": "week" },
                "expires_at": "2027-01-01T00:00:00Z",
            }),
        );
    }

    #[test]
    fn rows() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let check = |change: Value, column: usize, expect: &str| {
            let mut key = json!({
                "name": "n", "id": "key_1", "prefix": "sk-0123456", "project": "p", "models": ["a", "b"],
                "budget": null, "expires_at": null, "revoked": false, "origin": "admin",
            });
            key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(row(&key, now)[column], expect, "{key}");
        };
        check(json!({}), 2, "sk-0123456…");
        check(json!({}), 4, "a,b");
        check(json!({}), 5, "no budget");
        let budget = |period: &str| json!({ "budget": { "limit_nanousd": 1_500_000_000, "spent_nanousd": 1, "reserved_nanousd": 0, "period": period } });
        check(budget("day"), 5, "0.000000001 of 1.5 USD a day");
        check(budget("total"), 5, "0.000000001 of 1.5 USD");
        check(json!({}), 7, "active");
        check(json!({ "origin": "file" }), 7, "active, of the file");
        check(json!({ "expires_at": "1970-01-01T00:00:00Z" }), 7, "expired");
        check(json!({ "expires_at": "1970-01-01T00:00:01Z" }), 7, "active");
        check(json!({ "revoked": true }), 7, "revoked");
    }
}
