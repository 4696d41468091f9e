//! Rules about manifests: who may depend on whom, one set of lints, every dependency with its reason.

use super::File;

/// The crates that each crate may use, dev-dependencies aside.
const MAY_USE: &[(&str, &[&str])] = &[
    ("sluice-chat", &[]),
    ("sluice-providers", &["sluice-chat"]),
    ("sluice-routing", &["sluice-chat"]),
    ("sluice-ledger", &["sluice-chat"]),
    ("sluice-store", &["sluice-chat", "sluice-ledger"]),
    ("sluice-console", &[]),
    (
        "sluice-gateway",
        &[
            "sluice-chat",
            "sluice-console",
            "sluice-ledger",
            "sluice-providers",
            "sluice-routing",
            "sluice-store",
        ],
    ),
    (
        "sluicegate",
        &[
            "sluice-chat",
            "sluice-gateway",
            "sluice-ledger",
            "sluice-providers",
            "sluice-routing",
            "sluice-store",
        ],
    ),
    ("sluice-testkit", &["sluice-chat"]),
    (
        "sluice-instructions",
        &["sluice-chat", "sluice-gateway", "sluice-ledger", "sluice-providers", "sluice-store"],
    ),
    ("xtask", &["sluice-testkit", "sluice-gateway"]),
];

/// Crates that do no I/O: a runtime or a database among their dependencies is a mistake.
const PURE: &[&str] =
    &["sluice-chat", "sluice-providers", "sluice-routing", "sluice-ledger", "sluice-console"];
const IO_CRATES: &[&str] =
    &["tokio", "hyper", "hyper-util", "sqlx", "rustix", "socket2", "rand", "getrandom"];

const DEPENDENCIES_DOCUMENT: &str = "docs/dependencies.md";

pub(super) fn check(files: &[File], complaints: &mut Vec<String>) {
    for file in files {
        if file.path.ends_with("/clippy.toml") || file.path.ends_with("/.clippy.toml") {
            complaints.push(format!("{}: replaces the root's clippy.toml whole: remove it", file.path));
        }
        let member = file.path.ends_with("/Cargo.toml") && !file.path.starts_with("fuzz/");
        if member {
            check_member(file, complaints);
        }
    }
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    check_reasons(
        text("Cargo.toml").unwrap_or_default(),
        text(DEPENDENCIES_DOCUMENT).unwrap_or_default(),
        complaints,
    );
}

fn check_member(file: &File, complaints: &mut Vec<String>) {
    let Ok(manifest) = file.text.parse::<toml::Table>() else {
        complaints.push(format!("{}: is not TOML", file.path));
        return;
    };
    if manifest.contains_key("workspace") {
        // A workspace of its own, such as a program that tests a client: no part of the product.
        return;
    }
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    let name = name.unwrap_or_default();
    let folder = file.path.rsplit('/').nth(1).unwrap_or_default();
    if folder != name {
        complaints.push(format!("{}: the crate `{name}` stands in a folder of another name", file.path));
    }
    let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(|w| w.as_bool());
    if inherits != Some(true) {
        complaints.push(format!("{}: lacks `[lints] workspace = true`", file.path));
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(crate_name, _)| *crate_name == name) else {
        complaints.push(format!("{}: the crate `{name}` has no place in the map of dependencies", file.path));
        return;
    };
    for dependency in names_in(&manifest, "dependencies") {
        let ours = MAY_USE.iter().any(|(crate_name, _)| *crate_name == dependency);
        if ours && !allowed.contains(&dependency) {
            complaints.push(format!("{}: `{name}` may not depend on `{dependency}`", file.path));
        }
        if PURE.contains(&name) && IO_CRATES.contains(&dependency) {
            complaints.push(format!("{}: `{name}` does no I/O, so not `{dependency}`", file.path));
        }
    }
}

fn names_in<'a>(manifest: &'a toml::Table, section: &str) -> Vec<&'a str> {
    let table = manifest.get(section).and_then(|value| value.as_table());
    table.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Every dependency of the workspace that is not ours stands in the document, as `` `name` `` at a line's start.
fn check_reasons(root: &str, document: &str, complaints: &mut Vec<String>) {
    let Ok(manifest) = root.parse::<toml::Table>() else {
        complaints.push("Cargo.toml: is not TOML".to_owned());
        return;
    };
    let workspace = manifest.get("workspace").and_then(|value| value.as_table()).cloned().unwrap_or_default();
    let documented: Vec<&str> =
        document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let declared = names_in(&workspace, "dependencies");
    for name in declared.iter().filter(|name| !MAY_USE.iter().any(|(ours, _)| ours == *name)) {
        if !documented.contains(name) {
            complaints.push(format!("{DEPENDENCIES_DOCUMENT}: gives no reason for `{name}`"));
        }
    }
    for name in documented.iter().filter(|name| !declared.contains(name)) {
        complaints.push(format!("{DEPENDENCIES_DOCUMENT}: `{name}` is not a dependency any more"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_files(files: &[(&str, &str)], expect: &[&str]) {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        let mut found = Vec::new();
        check(&files, &mut found);
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found}, not {expect}");
        }
    }

    #[test]
    fn directions() {
        let check = |name: &str, dependencies: &str, expect: &[&str]| {
            let text = format!(
                "[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n[dependencies]\n{dependencies}\n"
            );
            check_files(&[(&format!("crates/{name}/Cargo.toml"), &text)], expect);
        };
        check("sluice-chat", "bytes.workspace = true", &[]);
        check("sluice-chat", "sluice-ledger.workspace = true", &["may not depend on `sluice-ledger`"]);
        check("sluice-store", "sluice-ledger.workspace = true", &[]);
        check("sluice-providers", "sluice-routing.workspace = true", &["may not depend on `sluice-routing`"]);
        check("sluice-gateway", "sluicegate.workspace = true", &["may not depend on `sluicegate`"]);
        check("sluice-routing", "tokio.workspace = true", &["does no I/O, so not `tokio`"]);
        check("sluice-routing", "[dev-dependencies]\nsluice-testkit.workspace = true", &[]);
        check("sluice-other", "", &["no place in the map"]);
    }

    #[test]
    fn one_set_of_lints() {
        let bare = "[package]\nname = \"sluice-chat\"";
        check_files(&[("crates/sluice-chat/Cargo.toml", bare)], &["lacks `[lints] workspace = true`"]);
        check_files(&[("clippy.toml", "")], &[]);
        check_files(&[("crates/sluice-chat/clippy.toml", "")], &["replaces the root's"]);
    }

    #[test]
    fn reasons() {
        let root = "[workspace.dependencies]\nsluice-chat = { path = \"x\" }\nbytes = \"1\"\nurl = \"2\"";
        let document = |rows: &str| format!("# Dependencies\n\n| crate | why |\n|---|---|\n{rows}");
        let both = document("| `bytes` | x |\n| `url` | y |");
        check_files(&[("Cargo.toml", root), ("docs/dependencies.md", &both)], &[]);
        let one = document("| `bytes` | x |");
        check_files(&[("Cargo.toml", root), ("docs/dependencies.md", &one)], &["no reason for `url`"]);
        let more = document("| `bytes` | x |\n| `url` | y |\n| `z` | z |");
        check_files(
            &[("Cargo.toml", root), ("docs/dependencies.md", &more)],
            &["`z` is not a dependency any more"],
        );
    }
}
