//! The hot parts of a request, each alone: `sluice-instructions PART TIMES` runs one so often, and does nothing else
//! that grows with that. `cargo xtask bench --instructions` counts the instructions of two runs of different length;
//! the difference is what the part costs, whatever the start of the process does.
//!
//! Without arguments it lists the parts: the name, how many units (requests, events, records) one run has, and `moves`
//! where the count is not the same each time. A part that from now on does other work gets another name: it is not to
//! be compared with what it was.
//!
//! `sluice-instructions bodies` measures how fast bodies of requests are read, in time.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool of the repository")]

mod bodies;
mod money;
mod requests;
mod speed;
mod streams;

use std::{error::Error, process::ExitCode};

/// One part, made ready.
struct Part {
    /// Requests, events or records of one run.
    units: u64,
    run: Box<dyn FnMut() -> Result<(), Box<dyn Error>>>,
}

type Made = Result<Part, Box<dyn Error>>;

/// A part by its name.
type Named = (&'static str, fn() -> Made);

const PARTS: &[Named] = &[
    ("authenticate", requests::authenticate),
    ("scan-and-splice-300b", requests::small),
    ("scan-and-splice-64k", requests::large),
    ("scan-and-splice-64k-messages", requests::large_of_messages),
    ("scan-and-splice-64k-code", requests::large_of_code),
    ("scan-and-splice-64k-tools", requests::large_of_tools),
    ("scan-and-splice-64k-chinese", requests::large_in_chinese),
    ("read-sse-event", streams::sse),
    ("relay-exact-event", streams::exact),
    ("relay-normalised-event", streams::normalised),
    ("decode-anthropic-event", streams::anthropic),
    ("decode-anthropic-on-aws-event", streams::anthropic_on_aws),
    ("decode-gemini-event", streams::gemini),
    ("decode-bedrock-event", streams::bedrock),
    ("decode-cohere-event", streams::cohere),
    ("decode-ollama-event", streams::ollama),
    ("reserve-and-settle", money::reserve_and_settle),
    ("journal-append", money::journal_append),
    ("post-a-row", money::post),
];

/// Parts whose threads wait for each other as it comes.
const MOVES: &[&str] = &["journal-append", "post-a-row"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => list(),
        ["bodies"] => speed::print().map_err(Into::into),
        [name, times] => run(name, times),
        _ => Err("usage: sluice-instructions [PART TIMES | bodies]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<(), Box<dyn Error>> {
    for (name, make) in PARTS {
        let moves = if MOVES.contains(name) { " moves" } else { "" };
        println!("{name} {}{moves}", make()?.units);
    }
    Ok(())
}

fn run(name: &str, times: &str) -> Result<(), Box<dyn Error>> {
    let times: u64 = times.parse()?;
    let (_, make) =
        PARTS.iter().find(|(known, _)| *known == name).ok_or_else(|| format!("there is no part `{name}`"))?;
    let mut part = make()?;
    // What is made once, at the first time, is no part of the difference.
    (part.run)()?;
    (0..times).try_for_each(|_| (part.run)())
}
