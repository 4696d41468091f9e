//! `GET /admin/v1/projects`: in the order of their names.

use sluice_ledger::AccountId;

use super::shown;
use crate::admin::{
    call::{Call, Reply},
    refuse::Checked,
    spent::Spent,
};

pub(in crate::admin) async fn run(call: &Call) -> Checked<Reply> {
    let page = call.query.page()?;
    call.query.finish()?;
    let mut projects = call.catalog().await?.projects;
    projects.retain(|project| call.principal.sees_project(&project.name));
    let (projects, next) = page.of(projects, |project| project.name.clone());
    let accounts = projects.iter().map(|project| (AccountId::project(&project.name), project.budget));
    let spent = Spent::read(call, accounts).await?;
    Ok(Reply::list(projects.iter().map(|project| shown(project, &spent)).collect(), next))
}
