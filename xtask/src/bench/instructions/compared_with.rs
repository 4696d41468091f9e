//! The commit that a change is compared with in CI.

use super::builds::git;

/// Names the commit, where the build server knows better than the history here.
const VARIABLE: &str = "SLUICEGATE_CI_BASE";
const MAIN: [&str; 2] = ["refs/remotes/origin/main", "refs/heads/main"];

/// What [`VARIABLE`] names; else where this branch left main, and on main the commit before.
#[expect(clippy::disallowed_methods, reason = "what a build server says is in the environment")]
pub(super) fn commit() -> Result<String, String> {
    if let Some(named) = std::env::var(VARIABLE).ok().filter(|named| !named.is_empty()) {
        return known(&named).ok_or_else(|| format!("{VARIABLE} is `{named}`, which is no commit here"));
    }
    let head = known("HEAD").ok_or("this is no checkout of git")?;
    let left = |main: &str| git(&["merge-base", "HEAD", main]).ok().map(|text| text.trim().to_owned());
    let before = MAIN.iter().find_map(|main| left(main)).filter(|left| *left != head);
    before.or_else(|| known("HEAD^")).ok_or_else(|| {
        format!("the commit before HEAD is not here (a shallow clone?); {VARIABLE} may name one")
    })
}

fn known(name: &str) -> Option<String> {
    let commit = git(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).ok()?;
    Some(commit.trim().to_owned())
}
