//! Projects: what keys belong to.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod patch;

use serde_json::{Value, json};
use sluice_ledger::{AccountId, Origin, Project};
use sluice_store::{Catalog, ObjectKind};

use super::{
    call::Call,
    fields::Fields,
    names::{budget, budget_json, limits, limits_json, name, origin_json},
    refuse::{self, Checked},
    spent::Spent,
};

/// A project as a request describes it.
fn read(body: &Value) -> Checked<Project> {
    let fields = Fields::root(body)?;
    let project = Project {
        name: name(&fields.need("name")?)?.to_owned(),
        limits: fields.fields("limits")?.map(limits).transpose()?.unwrap_or_default(),
        budget: fields.fields("budget")?.map(budget).transpose()?,
        origin: Origin::Admin,
    };
    fields.finish()?;
    Ok(project)
}

/// What a project is now, in the form of a request.
fn form(project: &Project) -> Value {
    json!({
        "name": project.name,
        "limits": limits_json(&project.limits),
        "budget": project.budget.as_ref().map(budget_json),
    })
}

/// A project that the caller sees.
fn find<'a>(call: &Call, catalog: &'a Catalog, name: &str) -> Checked<&'a Project> {
    let sees = call.principal.sees_project(name);
    let found = catalog.projects.iter().find(|project| sees && project.name == name);
    found.ok_or_else(|| refuse::not_found(ObjectKind::Project, name))
}

/// A project that may be changed here.
fn find_own<'a>(call: &Call, catalog: &'a Catalog, name: &str) -> Checked<&'a Project> {
    let project = find(call, catalog, name)?;
    if project.origin == Origin::File {
        let text = format!("The project '{name}' is owned by the configuration file: change it there.");
        return Err(refuse::owned("owned_by_file", text));
    }
    Ok(project)
}

/// A project as the audit log has it.
fn recorded(project: &Project) -> Value {
    let mut object = form(project);
    object["origin"] = origin_json(project.origin);
    object
}

fn shown(project: &Project, spent: &Spent) -> Value {
    let mut object = recorded(project);
    object["budget"] = spent.json(AccountId::project(&project.name), project.budget);
    object
}

async fn shown_alone(call: &Call, project: &Project) -> Checked<Value> {
    let account = (AccountId::project(&project.name), project.budget);
    let spent = Spent::read(call, std::iter::once(account)).await?;
    Ok(shown(project, &spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_read_and_written() {
        let body = json!({
            "name": "p",
            "limits": { "rpm": 1, "tpm": null, "parallel": null, "max_output_tokens": 9 },
            "budget": { "limit_nanousd": 7, "period": "month" },
        });
        assert_eq!(form(&read(&body).unwrap()), body);
        let check = |body: Value, param: &str| {
            assert_eq!(read(&body).unwrap_err().error.param.as_deref(), Some(param), "{body}");
        };
        check(json!({}), "name");
        check(json!({ "name": "p", "limits": { "rpm": 0 } }), "limits.rpm");
        check(
            json!({ "name": "p", "budget": { "limit_nanousd": -1, "period": "day" } }),
            "budget.limit_nanousd",
        );
        check(json!({ "name": "p", "models": [] }), "models");
    }
}
