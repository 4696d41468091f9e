//! `POST /admin/v1/providers`.

use sluice_store::CatalogChange;

use super::{Form, may_be_internal, shown_stored};
use crate::admin::{
    call::{Call, Reply},
    change::{self, Entry},
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    call.query.finish()?;
    let mut form = Form::read(&call.json()?)?;
    if let (Some(_), None) = (&form.record.options.tenant_id, &form.kept) {
        let text = "Missing required parameter: 'client_secret': it belongs to 'tenant_id'.";
        return Err(refuse::bad("missing_required_parameter", Some("client_secret"), text));
    }
    let sealed = form.seal(call)?;
    form.seal_headers(call, &[])?;
    let mut record = form.record;
    record.sealed = sealed;
    let catalog = call.catalog().await?;
    may_be_internal(call, &record)?;
    let object = shown_stored(&record, &call.shared.config.load());
    let entry = Entry {
        action: "create",
        object: "provider",
        id: &record.name,
        before: None,
        after: Some(object.clone()),
    };
    change::make(call, catalog, CatalogChange::InsertProvider(record.clone()), &entry).await?;
    Ok(Reply::created(object))
}
