//! Rules that several objects share: names, addresses, limits and budgets, and how they are written.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::{Map, Value, json};
use sluice_ledger::{Budget, Limits, NanoUsd, Origin, Period};

use super::{
    fields::{Fields, Item},
    refuse::Checked,
};
use crate::{
    refusal::Refusal,
    rules::{NAME_CHARS, name_problem},
};

/// No count of tokens is larger.
pub(super) const TOKENS_MAX: u64 = 1_000_000_000_000;
/// No budget and no price is larger: a billion dollars, in nano-dollars.
pub(super) const MONEY_MAX: u64 = 1_000_000_000_000_000_000;
/// Entries of a list or a table in one object.
pub(super) const ENTRIES_MAX: usize = 1_000;

/// The name of an object.
pub(super) fn name<'a>(item: &Item<'a>) -> Checked<&'a str> {
    let name = item.text()?;
    match name_problem(name) {
        None => Ok(name),
        Some(text) => Err(item.fail(&text)),
    }
}

/// 400: an object keeps its name, which others know it by.
pub(super) fn keeps_its_name(item: &Item<'_>) -> Refusal {
    item.fail("cannot be changed: others know the object by it; make a new one")
}

pub(super) fn limits(fields: Fields<'_>) -> Checked<Limits> {
    let limits = Limits {
        rpm: fields.small("rpm", 1..=u32::MAX)?,
        tpm: fields.integer("tpm", 1..=TOKENS_MAX)?,
        parallel: fields.small("parallel", 1..=u32::MAX)?,
        max_output_tokens: fields.integer("max_output_tokens", 1..=TOKENS_MAX)?,
    };
    fields.finish()?;
    Ok(limits)
}

pub(super) fn limits_json(limits: &Limits) -> Value {
    let Limits { rpm, tpm, parallel, max_output_tokens } = limits;
    json!({ "rpm": rpm, "tpm": tpm, "parallel": parallel, "max_output_tokens": max_output_tokens })
}

/// Limits of single models.
pub(super) fn model_limits(item: &Item<'_>) -> Checked<BTreeMap<String, Limits>> {
    let mut all = BTreeMap::new();
    for (model, item) in item.entries(ENTRIES_MAX)? {
        if model.is_empty() || model.chars().count() > 2 * NAME_CHARS {
            return Err(item.fail("must stand under the name of a model"));
        }
        all.insert(model.to_owned(), limits(item.fields()?)?);
    }
    Ok(all)
}

pub(super) fn model_limits_json(all: &BTreeMap<String, Limits>) -> Value {
    Value::Object(all.iter().map(|(model, limits)| (model.clone(), limits_json(limits))).collect())
}

const PERIODS: &[(&str, Period)] =
    &[("day", Period::Day), ("week", Period::Week), ("month", Period::Month), ("total", Period::Total)];

pub(super) fn budget(fields: Fields<'_>) -> Checked<Budget> {
    let limit = NanoUsd(fields.need("limit_nanousd")?.integer(0..=MONEY_MAX)?);
    let period = fields.need("period")?.word(PERIODS)?;
    fields.finish()?;
    Ok(Budget { limit, period })
}

pub(super) fn budget_json(budget: &Budget) -> Value {
    json!({ "limit_nanousd": budget.limit.0, "period": budget.period.as_str() })
}

/// The fields of `more` go into `object`.
pub(super) fn with(object: &mut Value, more: Map<String, Value>) {
    if let Some(map) = object.as_object_mut() {
        map.extend(more);
    }
}

pub(super) fn origin_json(origin: Origin) -> Value {
    Value::from(origin.as_str())
}

/// Whether a host is, or may be, on a network of the operator's own rather than on the internet.
pub(super) fn is_internal(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        return is_internal_address(address);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // Resolvers read `127.1`, `2130706433` and `0x7f.1` as addresses.
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    let own = ["localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa"];
    number || last == host || own.contains(&last)
}

fn is_internal_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b == 18 || b == 19);
            a == 0
                || a >= 224
                || shared
                || benchmark
                || v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4() {
                return is_internal_address(IpAddr::V4(v4));
            }
            let [first, second, ..] = v6.segments();
            // NAT64 (RFC 6052) and 6to4 carry an IPv4 address inside.
            let carries = (first == 0x64 && second == 0xff9b) || first == 0x2002;
            carries || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_hosts() {
        let check = |host: &str, expect: bool| assert_eq!(is_internal(host), expect, "{host}");
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer.local",
            "metadata.google.internal",
            "db",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
        ] {
            check(host, true);
        }
        for host in
            ["api.openai.com", "api.openai.com.", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"]
        {
            check(host, false);
        }
    }
}
