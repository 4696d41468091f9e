//! `sluicegate usage`: what was used and what it cost.

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::Value;
use sluice_ledger::NanoUsd;
use url::form_urlencoded::Serializer;

use super::key::print_json;
use crate::{Failure, admin_api::with_gateway, cli, print, table::table};

/// Sums of every row, after what it is about: heading and field.
const SUMS: [(&str, &str); 6] = [
    ("REQUESTS", "requests"),
    ("ERRORS", "errors"),
    ("PROMPT", "prompt_tokens"),
    ("COMPLETION", "completion_tokens"),
    ("CACHED", "cached_tokens"),
    ("REASONING", "reasoning_tokens"),
];
const COST: &str = "cost_nanousd";

pub(crate) fn run(arguments: &cli::Usage) -> Result<(), Failure> {
    with_gateway(&arguments.admin, async |api| {
        let usage = api.call(Method::GET, &format!("/usage?{}", query(arguments)), None).await?;
        if arguments.json {
            return print_json(&usage);
        }
        let mut names = BTreeMap::new();
        if arguments.group_by.iter().any(|group| group == "key") {
            for key in api.list("/keys").await? {
                if let (Some(id), Some(name)) = (key["id"].as_str(), key["name"].as_str()) {
                    names.insert(id.to_owned(), name.to_owned());
                }
            }
        }
        let text = |field: &str| usage[field].as_str().unwrap_or_default().to_owned();
        let head = format!("from {} to {}\n\n", text("from"), text("to"));
        print(&(head + &shown(&usage, &arguments.group_by, &names)))
    })
}

fn query(arguments: &cli::Usage) -> String {
    let mut query = Serializer::new(String::new());
    let group_by = arguments.group_by.join(",");
    let group_by = Some(&group_by).filter(|text| !text.is_empty());
    for (name, value) in
        [("from", arguments.from.as_ref()), ("to", arguments.to.as_ref()), ("group_by", group_by)]
    {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.finish()
}

/// The table, with what it adds up to. `names` are those of keys by their ids.
fn shown(usage: &Value, groups: &[String], names: &BTreeMap<String, String>) -> String {
    let data: &[Value] = usage["data"].as_array().map_or(&[], Vec::as_slice);
    let mut rows: Vec<Vec<String>> = data.iter().map(|row| one(row, groups, names)).collect();
    if !groups.is_empty() {
        rows.push(total(data, groups.len()));
    }
    let upper: Vec<String> = groups.iter().map(|group| group.to_uppercase()).collect();
    let mut heading: Vec<&str> = upper.iter().map(String::as_str).collect();
    heading.extend(SUMS.iter().map(|(heading, _)| *heading));
    heading.push("USD");
    let right: Vec<usize> = (groups.len()..heading.len()).collect();
    table(&heading, &rows, &right)
}

fn one(row: &Value, groups: &[String], names: &BTreeMap<String, String>) -> Vec<String> {
    let about = groups.iter().map(|group| {
        let text = row[group.as_str()].as_str().filter(|text| !text.is_empty()).unwrap_or("-");
        match names.get(text).filter(|_| group == "key") {
            Some(name) => format!("{name} ({text})"),
            None => text.to_owned(),
        }
    });
    let sums = SUMS.iter().map(|(_, field)| row[*field].as_u64().unwrap_or_default().to_string());
    about.chain(sums).chain([NanoUsd(row[COST].as_u64().unwrap_or_default()).dollars()]).collect()
}

fn total(data: &[Value], groups: usize) -> Vec<String> {
    let sum = |field: &str| {
        data.iter().fold(0_u64, |sum, row| sum.saturating_add(row[field].as_u64().unwrap_or_default()))
    };
    let about = std::iter::once("total".to_owned())
        .chain(std::iter::repeat_n(String::new(), groups.saturating_sub(1)));
    let sums = SUMS.iter().map(|(_, field)| sum(field).to_string());
    about.chain(sums).chain([NanoUsd(sum(COST)).dollars()]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(about: &Value, requests: u64, cost: u64) -> Value {
        let mut row = json!({
            "requests": requests, "errors": 1, "prompt_tokens": 2, "completion_tokens": 3, "cached_tokens": 4,
            "reasoning_tokens": 5, "cost_nanousd": cost,
        });
        row.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
        row
    }

    #[test]
    fn tables() {
        let check = |usage: Value, groups: &[&str], expect: &str| {
            let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
            let names = BTreeMap::from([("key_1".to_owned(), "dev".to_owned())]);
            assert_eq!(shown(&usage, &groups, &names), expect);
        };
        check(
            json!({ "data": [row(&json!({}), 10, 1_500_000_001)] }),
            &[],
            "REQUESTS  ERRORS  PROMPT  COMPLETION  CACHED  REASONING          USD\n      \
             10       1       2           3       4          5  1.500000001\n",
        );
        check(
            json!({ "data": [
                row(&json!({ "key": "key_1", "model": "m" }), 1, 100_000_000),
                row(&json!({ "key": "key_2", "model": "" }), 2, 0),
            ]}),
            &["key", "model"],
            "KEY          MODEL  REQUESTS  ERRORS  PROMPT  COMPLETION  CACHED  REASONING  USD\n\
             dev (key_1)  m             1       1       2           3       4          5  0.1\n\
             key_2        -             2       1       2           3       4          5    0\n\
             total                      3       2       4           6       8         10  0.1\n",
        );
        check(json!({ "data": [] }), &[], "REQUESTS  ERRORS  PROMPT  COMPLETION  CACHED  REASONING  USD\n");
    }
}
