//! The clients that the tests drive, each in an environment of its own under `target/test-env`, made once; and the
//! servers that the tests start.
//!
//! One that cannot be had fails its own tests, by name and with the reason; the others run.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{browser, finish_quietly, node, python, services};

/// Where the programs and the lists of packages of the tests are.
const PROGRAMS: &str = "crates/sluicegate/tests/it/sdk";

/// One client: the variable that tells the tests where it is (`<variable>_MISSING` says why there is none), and how
/// it is made below a directory.
type Client = (&'static str, fn(&Path) -> Result<PathBuf, String>);

const CLIENTS: &[Client] = &[
    ("SLUICEGATE_TEST_PYTHON_OPENAI", |dir| python::prepare(dir, "openai", "import openai")),
    ("SLUICEGATE_TEST_PYTHON_FRAMEWORKS", |dir| {
        python::prepare(dir, "frameworks", "import langchain_openai, llama_index.llms.openai_like")
    }),
    ("SLUICEGATE_TEST_PYTHON_PROVIDERS", |dir| {
        let proof = "import anthropic, botocore, cohere, google.genai, ollama, openai, pydantic";
        python::prepare(dir, "providers", proof)
    }),
    ("SLUICEGATE_TEST_PYTHON_SCHEMATHESIS", |dir| {
        python::prepare(dir, "schemathesis", "import schemathesis")
    }),
    ("SLUICEGATE_TEST_NODE", node::prepare),
    ("SLUICEGATE_TEST_ASYNC_OPENAI", async_openai),
    ("SLUICEGATE_TEST_POSTGRES", services::postgres),
    ("SLUICEGATE_TEST_REDIS", services::redis),
    ("SLUICEGATE_TEST_CHROMIUM", browser::chromium),
    ("SLUICEGATE_TEST_CHROMEDRIVER", browser::driver),
];

/// Makes all that are not there yet, at the same time. Returns the variables for the tests.
pub(super) fn prepare(dir: &Path) -> Vec<(String, String)> {
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            CLIENTS.iter().map(|(name, make)| (*name, scope.spawn(move || make(dir)))).collect();
        threads.into_iter().map(|(name, thread)| (name, thread.join())).collect()
    });
    let mut variables = Vec::new();
    for (name, made) in made {
        match made.unwrap_or_else(|_| Err("preparing it panicked".to_owned())) {
            Ok(path) => variables.push((name.to_owned(), path.display().to_string())),
            Err(reason) => {
                eprintln!("{name} cannot be had, the tests that need it will fail: {reason}");
                variables.push((format!("{name}_MISSING"), reason));
            }
        }
    }
    variables
}

/// The folder of the programs.
pub(super) fn programs() -> PathBuf {
    crate::root().join(PROGRAMS)
}

/// The program that uses async-openai: a workspace of its own, so that nothing of it is in the product's tree. Cargo
/// itself knows whether there is something to build.
fn async_openai(dir: &Path) -> Result<PathBuf, String> {
    let target = dir.join("async-openai");
    let mut command = Command::new(crate::cargo());
    command.args(["build", "--quiet", "--locked", "--manifest-path"]);
    command.arg(programs().join("async-openai/Cargo.toml")).arg("--target-dir").arg(&target);
    finish_quietly(&mut command)?;
    Ok(target.join("debug/async-openai-program"))
}
