//! The repository's own commands: `cargo xtask <command>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool of the repository")]

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

mod bench;
mod ci;
mod docs;
mod openapi;
mod prices;
mod test;
mod tidy;

const USAGE: &str = "usage: cargo xtask <command> [options]

commands:
  test      run all tests, fetching what they need
  ci        what CI runs: format, lints, tidy, tests
  tidy      check the rules of the repository
  bench     measure against nginx in the same run
  openapi   write docs/openapi.json; --check only compares
  docs      write what is generated in docs/, check its links; --check only compares
  prices    write the built-in tables of prices and capabilities from a file of facts about models";

/// What a command answers: an error is one text for standard error.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.is_empty() || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
        println!("{USAGE}");
        return if args.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let command = args.remove(0);
    let outcome = match command.as_str() {
        "test" => test::run(&args),
        "ci" => ci::run(&args),
        "tidy" => tidy::run(&args),
        "bench" => bench::run(&args),
        "openapi" => openapi::run(&args),
        "docs" => docs::run(&args),
        "prices" => prices::run(&args),
        other => {
            eprintln!("unknown command `{other}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{command}: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: of the checkout that `cargo xtask` was called in, and only for a
/// program started by hand of the one that it was built from. (A target directory that another
/// checkout fills may hold a program which was built elsewhere.)
#[expect(
    clippy::disallowed_methods,
    reason = "what cargo says to the programs that it runs is in the environment"
)]
fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR"))).join("..")
}

/// The cargo that called this program.
#[expect(
    clippy::disallowed_methods,
    reason = "what cargo says to the programs that it runs is in the environment"
)]
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
