//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use sluice_ledger::NanoUsd;
use url::Url;

use crate::settings::parse_address;

/// A gateway for large language models behind OpenAI's API.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway
    ///
    /// With nothing configured it makes its data directory and a first key, listens on loopback, and prints how to
    /// call it. SIGTERM or SIGINT lets running requests finish, a second one ends at once; SIGHUP reads the
    /// configuration file again.
    Serve(Serve),
    /// Check the configuration file
    ///
    /// Prints every error of the file with its line and column, or the settings in force with secrets masked.
    Check(Config),
    /// Make, list and revoke keys of a running gateway
    Key(Key),
    /// Show what was used and what it cost, as a running gateway has it in its books
    Usage(Usage),
    /// Look into the usage journal
    ///
    /// It only reads, so it works beside a running gateway too; the last records may then be seen half written.
    Journal(Journal),
    /// Print the OpenAPI 3.1 document of the APIs
    Openapi,
}

/// How a command finds the gateway that it talks to.
#[derive(Args, Debug)]
pub(crate) struct Admin {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Data directory of the gateway, where its admin token is [default: that of the configuration]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of its admin listener, such as http://127.0.0.1:8081 [default: that of the configuration]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) admin_url: Option<Url>,
}

#[derive(Args, Debug)]
pub(crate) struct Key {
    #[command(flatten)]
    pub(crate) admin: Admin,
    #[command(subcommand)]
    pub(crate) action: KeyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyAction {
    /// Make a key and show its secret, this once
    Create(Box<KeyCreate>),
    /// List keys, with what is spent of their budgets
    List {
        /// Print the answer of the admin API
        #[arg(long)]
        json: bool,
    },
    /// Let nobody use a key any more
    Revoke {
        /// Id or name of the key
        key: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct KeyCreate {
    /// Name of the key
    #[arg(long)]
    pub(crate) name: String,
    /// Project that it belongs to [default: default]
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Models that it may use, separated by commas; a name may end in `*` [default: *]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) models: Option<Vec<String>>,
    /// Requests a minute
    #[arg(long, value_name = "N")]
    pub(crate) rpm: Option<u64>,
    /// Tokens a minute
    #[arg(long, value_name = "N")]
    pub(crate) tpm: Option<u64>,
    /// Requests at the same time
    #[arg(long, value_name = "N")]
    pub(crate) parallel: Option<u64>,
    /// Dollars that may be spent in a period, such as 12.50
    #[arg(long, value_name = "X", requires = "budget_period", value_parser = parse_dollars)]
    pub(crate) budget_usd: Option<NanoUsd>,
    /// When the budget is full again
    #[arg(long, value_name = "PERIOD", requires = "budget_usd", value_parser = ["day", "week", "month", "total"])]
    pub(crate) budget_period: Option<String>,
    /// When the key ends, such as 2027-01-01T00:00:00Z [default: never]
    #[arg(long, value_name = "RFC3339")]
    pub(crate) expires: Option<String>,
    /// Print the answer of the admin API
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Usage {
    #[command(flatten)]
    pub(crate) admin: Admin,
    /// First day, or moment, such as 2026-11-01 [default: thirty days before the end]
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Day, or moment, before which it ends [default: now]
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
    /// What to tell apart: some of model, key, project, provider, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ["model", "key", "project", "provider"])]
    pub(crate) group_by: Vec<String>,
    /// Print the answer of the admin API
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Journal {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Data directory [default: that of the configuration]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) action: JournalAction,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum JournalAction {
    /// Print what is in it, what is damaged, and what is lost by that
    Inspect {
        /// Let the next start go on without what is lost. Copies of damaged files are set aside. Not while a gateway
        /// runs
        #[arg(long)]
        accept_loss: bool,
    },
    /// Say whether the next start would take it, by the exit code too
    Verify,
}

fn parse_dollars(text: &str) -> Result<NanoUsd, String> {
    let wrong = || "must be an amount of dollars such as 12.50, with at most nine decimal places".to_owned();
    NanoUsd::from_dollars(text).ok_or_else(wrong)
}

#[derive(Args, Debug)]
pub(crate) struct Config {
    /// Configuration file (TOML); without it the variable SLUICEGATE_CONFIG, without that the defaults
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Directory of the database, the admin token and the master key [default: ./sluicegate-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the API: /v1/*, /health/* [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the admin listener: /metrics [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub(crate) admin_listen: Option<SocketAddr>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments() {
        let check = |args: &[&str], expect: Result<(), i32>| {
            let found = Cli::try_parse_from([&["sluicegate"], args].concat());
            assert_eq!(found.map(|_| ()).map_err(|error| error.exit_code()), expect, "{args:?}");
        };
        check(&["serve"], Ok(()));
        check(
            &[
                "serve",
                "--config",
                "x",
                "--data-dir",
                "d",
                "--listen",
                "[::]:1",
                "--admin-listen",
                "localhost:2",
            ],
            Ok(()),
        );
        check(&["check", "--config=x"], Ok(()));
        check(&["openapi"], Ok(()));
        check(&["key", "create", "--name", "n"], Ok(()));
        check(&["key", "--config", "x", "create", "--name", "n", "--models", "a,b", "--rpm", "5"], Ok(()));
        check(&["key", "create", "--name", "n", "--admin-url", "http://h:1", "--json"], Ok(()));
        check(&["key", "create", "--name", "n", "--budget-usd", "0.5", "--budget-period", "day"], Ok(()));
        check(&["key", "create", "--name", "n", "--budget-usd", "0.5"], Err(2));
        check(&["key", "create", "--name", "n", "--budget-period", "day"], Err(2));
        check(&["key", "create", "--name", "n", "--budget-usd", "5e3", "--budget-period", "day"], Err(2));
        check(&["key", "create", "--name", "n", "--budget-usd", "5", "--budget-period", "year"], Err(2));
        check(&["key", "create"], Err(2));
        check(&["key", "list", "--json", "--data-dir", "d"], Ok(()));
        check(&["key", "revoke", "key_1"], Ok(()));
        check(&["key", "revoke"], Err(2));
        check(&["key"], Err(2));
        check(&["key", "list", "--admin-url", "here"], Err(2));
        check(&["usage", "--from", "2026-11-01", "--group-by", "model,key"], Ok(()));
        check(&["usage", "--group-by", "user"], Err(2));
        check(&["journal", "inspect", "--accept-loss"], Ok(()));
        check(&["journal", "--data-dir", "d", "verify"], Ok(()));
        check(&["journal"], Err(2));
        check(&["--help"], Err(0));
        check(&["serve", "--help"], Err(0));
        check(&["--version"], Err(0));
        check(&[], Err(2));
        check(&["frobnicate"], Err(2));
        check(&["serve", "--listen", "here"], Err(2));
        check(&["check", "--listen", "127.0.0.1:1"], Err(2));
        check(&["serve", "--no-such-option"], Err(2));
    }
}
