//! `GET /admin/v1/requests`: newest first.

use sluice_ledger::{NanoUsd, RequestId};
use sluice_store::{Store, query::RequestFilter};

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    names::MONEY_MAX,
    query::{Query, bad_cursor, cursor},
    refuse::{self, Checked},
};

/// Fewest characters of `q`: less of an id says nothing.
const BEGINNING_CHARS: usize = 4;
/// Nothing takes longer than a day.
const TOTAL_MS_MAX: u64 = 86_400_000;
/// In place of a status: whatever was an error to the caller, also where a stream broke that had begun with 200.
const FAILED: &str = "error";

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let mut filter = read(&call.query)?;
    filter.visible = call.visible().await?;
    let page = call.store().requests(&filter).await.map_err(|error| refuse::store(&error))?;
    let next = page.next.map(|(unix_ms, request)| cursor(&format!("{unix_ms} {}", request.text())));
    Ok(Reply::list(page.rows.iter().map(shown).collect(), next))
}

/// What a list and a stream of requests are narrowed to alike.
pub(super) fn narrowed(query: &Query) -> Checked<RequestFilter> {
    let status = query.get("status")?;
    Ok(RequestFilter {
        key: query.text("key")?,
        project: query.text("project")?,
        model: query.text("model")?,
        provider: query.text("provider")?,
        status: status.filter(|word| *word != FAILED).map(statuses).transpose()?,
        failed: status == Some(FAILED),
        ..RequestFilter::default()
    })
}

fn read(query: &Query) -> Checked<RequestFilter> {
    let page = query.page()?;
    let milliseconds =
        |name| Ok(query.moment(name)?.map(|unix_s| u64::try_from(unix_s).unwrap_or(0) * 1_000));
    let filter = RequestFilter {
        from_ms: milliseconds("from")?,
        to_ms: milliseconds("to")?,
        trace_id: query.text("trace_id")?,
        beginning: query.text("q")?,
        min_total_us: query.number("min_total_ms", TOTAL_MS_MAX)?.map(|ms| ms * 1_000),
        min_cost: query.number("min_cost_nanousd", MONEY_MAX)?.map(NanoUsd),
        before: page.after.as_deref().map(|after| before(after).ok_or_else(bad_cursor)).transpose()?,
        limit: page.limit,
        ..narrowed(query)?
    };
    query.finish()?;
    if filter.beginning.as_ref().is_some_and(|text| text.chars().count() < BEGINNING_CHARS) {
        return Err(refuse::value("q", &format!("must have at least {BEGINNING_CHARS} characters")));
    }
    Ok(filter)
}

/// One status, or a class of them.
fn statuses(text: &str) -> Checked<(u16, u16)> {
    let wrong = || {
        refuse::value("status", "must be one from 100 to 599, or one of '2xx', '3xx', '4xx', '5xx', 'error'")
    };
    match text {
        "2xx" => Ok((200, 299)),
        "3xx" => Ok((300, 399)),
        "4xx" => Ok((400, 499)),
        "5xx" => Ok((500, 599)),
        _ => {
            let status = text.parse().ok().filter(|status| (100..=599).contains(status)).ok_or_else(wrong)?;
            Ok((status, status))
        }
    }
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
        let text = |text: &str| Some(text.to_owned());
        check(
            "key=k&model=a%2Fb&status=429&trace_id=t&limit=7&project=p&provider=up&q=req_01",
            Ok(RequestFilter {
                key: text("k"),
                project: text("p"),
                model: text("a/b"),
                provider: text("up"),
                status: Some((429, 429)),
                trace_id: text("t"),
                beginning: text("req_01"),
                limit: 7,
                ..all.clone()
            }),
        );
        check(
            "from=1970-01-02&to=1970-01-02T00:00:01Z&min_total_ms=1500&min_cost_nanousd=7",
            Ok(RequestFilter {
                from_ms: Some(86_400_000),
                to_ms: Some(86_401_000),
                min_total_us: Some(1_500_000),
                min_cost: Some(NanoUsd(7)),
                ..all.clone()
            }),
        );
        check("status=4xx", Ok(RequestFilter { status: Some((400, 499)), ..all.clone() }));
        check("status=error", Ok(RequestFilter { failed: true, ..all.clone() }));
        let id = RequestId([7; 16]);
        let cursor = cursor(&format!("12 {}", id.text()));
        check(&format!("cursor={cursor}"), Ok(RequestFilter { before: Some((12, id)), ..all }));
        check("status=ok", Err("status"));
        check("status=600", Err("status"));
        check("status=6xx", Err("status"));
        check("status=", Err("status"));
        check("cursor=61", Err("cursor"));
        check("model=a%00b", Err("model"));
        check("from=monday", Err("from"));
        check("min_total_ms=-1", Err("min_total_ms"));
        check("min_cost_nanousd=1.5", Err("min_cost_nanousd"));
        check("q=req", Err("q"));
        check("limits=1", Err("limits"));
    }
}
