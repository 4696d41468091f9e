//! `POST /admin/v1/keys`: a new key, whose secret is shown this once.

use sluice_ledger::{Key, KeyHash, Limits, ModelAccess, Origin, secret};
use sluice_store::CatalogChange;

use super::{Form, fits, has_owner, recorded, shown_alone};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::Checked,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let form = Form::read(&call.json()?)?;
    let (id, secret) = (call.new_id("key_")?, call.new_secret()?);
    let mut key = Key {
        id,
        name: String::new(),
        hash: KeyHash::of(&secret),
        prefix: secret::shown_prefix(&secret),
        project: String::new(),
        models: ModelAccess::All,
        limits: Limits::default(),
        model_limits: Default::default(),
        budget: None,
        default_max_output_tokens: None,
        expires_at: None,
        owner: None,
        revoked: false,
        previous: None,
        created_at: Some(call.unix_s()),
        origin: Origin::Admin,
    };
    form.write(&mut key);
    let catalog = call.catalog().await?;
    fits(call, &key, &catalog, false)?;
    has_owner(call, &key).await?;
    let after = Some(recorded(&key, call.unix_s()));
    let entry = Entry { action: "create", object: "key", id: &key.id, before: None, after };
    change::make(call, catalog, CatalogChange::InsertKey(key.clone()), &entry).await?;
    let mut object = shown_alone(call, &key).await?;
    object["secret"] = secret.into();
    Ok(Reply::created(object))
}
