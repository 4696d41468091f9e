//! `cargo xtask openapi`: writes the API's document into the repository, or with `--check` compares only.

use std::{fs, process::Command};

use crate::Outcome;

const PATH: &str = "docs/openapi.json";

pub(crate) fn run(args: &[String]) -> Outcome {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        [other, ..] => return Err(format!("unknown option `{other}`")),
    };
    let document = generate()?;
    let path = crate::root().join(PATH);
    if !check {
        return fs::write(&path, document).map_err(|error| format!("cannot write {PATH}: {error}"));
    }
    match fs::read(&path) {
        Ok(there) if there == document => Ok(()),
        Ok(_) => Err(format!("{PATH} is not what the code says: run `cargo xtask openapi`")),
        Err(error) => Err(format!("cannot read {PATH}: {error}")),
    }
}

/// What the binary of this source prints.
fn generate() -> Result<Vec<u8>, String> {
    let output = Command::new(crate::cargo())
        .current_dir(crate::root())
        .args(["run", "--quiet", "--package", "sluicegate", "--", "openapi"])
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("`sluicegate openapi` failed\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output.stdout)
}
