//! `GET /admin/v1/requests`: newest first.

use sluice_ledger::RequestId;
use sluice_store::{
    Store,
    query::{RequestFilter, Visible},
};

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    query::{Query, bad_cursor, cursor},
    refuse::{self, Checked},
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let mut filter = read(&call.query)?;
    filter.visible = call.visible().await?;
    let limit = filter.limit;
    // One more tells whether there is another page.
    filter.limit = limit.saturating_add(1);
    let mut rows = call.store().requests(&filter).await.map_err(|error| refuse::store(&error))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next =
        rows.last().filter(|_| more).map(|row| cursor(&format!("{} {}", row.unix_ms, row.request.text())));
    Ok(Reply::list(rows.iter().map(shown).collect(), next))
}

fn read(query: &Query) -> Checked<RequestFilter> {
    let page = query.page()?;
    let status = query.integer("status", 100, 599)?;
    let filter = RequestFilter {
        key: query.text("key")?,
        project: query.text("project")?,
        model: query.text("model")?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        trace_id: query.text("trace_id")?,
        before: page.after.as_deref().map(|after| before(after).ok_or_else(bad_cursor)).transpose()?,
        limit: page.limit,
        visible: Visible::All,
    };
    query.finish()?;
    Ok(filter)
}

/// The row that a page ended with.
fn before(text: &str) -> Option<(u64, RequestId)> {
    let (unix_ms, id) = text.split_once(' ')?;
    Some((unix_ms.parse().ok()?, RequestId::from_text(id)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let check = |text: &str, expect: Result<RequestFilter, &str>| {
            let found = read(&Query::new(Some(text)));
            let found = found.map_err(|refusal| refusal.error.param.unwrap_or_default());
            assert_eq!(found, expect.map_err(str::to_owned), "{text}");
        };
        let all = RequestFilter { limit: 50, ..RequestFilter::default() };
        check("", Ok(all.clone()));
        check(
            "key=k&model=a%2Fb&status=429&trace_id=t&limit=7",
            Ok(RequestFilter {
                key: Some("k".to_owned()),
                model: Some("a/b".to_owned()),
                status: Some(429),
                trace_id: Some("t".to_owned()),
                limit: 7,
                ..all.clone()
            }),
        );
        let id = RequestId([7; 16]);
        let cursor = cursor(&format!("12 {}", id.text()));
        check(&format!("cursor={cursor}"), Ok(RequestFilter { before: Some((12, id)), ..all }));
        check("status=ok", Err("status"));
        check("status=600", Err("status"));
        check("cursor=61", Err("cursor"));
        check("model=a%00b", Err("model"));
        check("from=2026-01-01", Err("from"));
    }
}
