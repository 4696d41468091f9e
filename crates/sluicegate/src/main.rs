//! The `sluicegate` command: settings from the file and the environment, and the gateway as a process.

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use clap::Parser;

mod admin_api;
mod cli;
mod commands;
mod data_dir;
mod environment;
mod greeting;
mod random;
mod settings;
mod table;

/// Requests allocate about as often as they copy, and what a worker allocates the desk often frees: see
/// docs/performance.md for what this saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a command did not do what it was asked for: lines for standard error, the last of which says it in one.
#[derive(Debug)]
struct Failure(String);

impl<T: Into<String>> From<T> for Failure {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody may be there to read it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = match cli.command {
        cli::Command::Serve(arguments) => commands::serve::run(&arguments),
        cli::Command::Check(arguments) => commands::check::run(&arguments),
        cli::Command::Key(arguments) => commands::key::run(&arguments),
        cli::Command::Usage(arguments) => commands::usage::run(&arguments),
        cli::Command::Journal(arguments) => commands::journal::run(&arguments),
        cli::Command::Openapi => commands::openapi::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            complain(&format!("sluicegate: {text}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that went away is no failure: it has what it wanted.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// Writes lines to standard error, where nothing can be done about a failure.
fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
