//! `GET /admin/v1/vendors`: the kinds of providers, and what a form for each has to ask.

use serde_json::{Value, json};
use sluice_providers::{DialectKind, VendorRow, vendors};

use super::{
    call::{Call, Reply},
    refuse::Checked,
};
use crate::snapshot::SANDBOX;

/// A field: its name, and whether it is a secret.
type Field = (&'static str, bool);

const AZURE: &[Field] = &[
    ("api_key", true),
    ("tenant_id", false),
    ("client_id", false),
    ("client_secret", true),
    ("api_version", false),
];
const BEDROCK: &[Field] = &[
    ("region", false),
    ("api_key", true),
    ("access_key_id", true),
    ("secret_access_key", true),
    ("session_token", true),
];
const VERTEX: &[Field] = &[("project", false), ("location", false), ("credentials", true)];
const OTHERS: &[Field] = &[("api_key", true)];

pub(super) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    // It is built in.
    let rows = vendors().iter().filter(|row| row.kind != SANDBOX);
    Ok(Reply::list(rows.map(shown).collect(), None))
}

fn shown(row: &VendorRow) -> Value {
    let fields = match row.kind.as_str() {
        "azure" => AZURE,
        "bedrock" => BEDROCK,
        "vertex" => VERTEX,
        _ => OTHERS,
    };
    let made = ["bedrock", "vertex"].contains(&row.kind.as_str());
    let fields: Vec<Value> =
        fields.iter().map(|(name, secret)| json!({ "name": name, "is_secret": secret })).collect();
    json!({
        "kind": row.kind,
        "label": row.label,
        "base_url": row.base_url,
        "needs_base_url": row.base_url.is_none() && !made,
        "key_env": row.key_env,
        "fields": fields,
        "lists_models": row.dialect != DialectKind::Bedrock && row.kind != "vertex",
    })
}
