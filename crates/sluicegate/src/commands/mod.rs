//! The subcommands, one file each.

pub(crate) mod check;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod openapi;
pub(crate) mod serve;
pub(crate) mod usage;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use sluice_ledger::{PriceTable, parse_table};

use crate::{
    Failure, cli, environment,
    settings::{self, Overrides, Settings, Surroundings},
};

/// The configuration file that was asked for, if any.
pub(crate) fn config_path(arguments: &cli::Config) -> Option<PathBuf> {
    let from_variable = || environment::variable("SLUICEGATE_CONFIG").filter(|path| !path.is_empty());
    arguments.config.clone().or_else(|| from_variable().map(PathBuf::from))
}

/// Reads and checks the settings.
///
/// # Errors
/// Every problem of the file as a line `file:line:column: path: text`, and how many there are.
pub(crate) fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Settings, Failure> {
    let source = match path {
        Some(path) => fs::read(path).map_err(|error| unreadable(path, &error))?,
        None => Vec::new(),
    };
    let name = path.map_or_else(|| "(no configuration file)".to_owned(), |path| path.display().to_string());
    let source = String::from_utf8(source).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("the configuration file {name} is not UTF-8 text, from byte {at} on")
    })?;
    let mut settings = settings::read(&source, overrides, &environment::variable).map_err(|problems| {
        let lines: String = problems.iter().map(|problem| format!("\n  {name}:{problem}")).collect();
        let count = problems.len();
        let errors = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
        Failure(format!("{errors} in the configuration file{lines}"))
    })?;
    let around = Surroundings { variable: &environment::variable, file: &readable };
    settings::complete(&mut settings, &around).map_err(|problems| Failure(problems.join("\n  ")))?;
    settings.prices = settings.storage.prices.as_deref().map(prices).transpose()?;
    Ok(settings)
}

/// Reads the file of prices.
fn prices(path: &Path) -> Result<Arc<PriceTable>, Failure> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read the file of prices {name} (accounting.prices): {error}"))?;
    let table = parse_table(&text).map_err(|error| format!("the file of prices {name}, {error}"))?;
    Ok(Arc::new(table))
}

/// The text of a file of somebody else's, such as AWS's or Google's tools.
fn readable(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read the file {}: {}", path.display(), error.kind())),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    format!("cannot read the configuration file {}: {error}", path.display()).into()
}

/// The data directory that a command other than `serve` looks into: the named one, else that of the configuration.
fn data_dir(named: Option<&Path>, config: &cli::Config) -> Result<PathBuf, Failure> {
    match named {
        Some(named) => Ok(named.to_owned()),
        None => Ok(load(config_path(config).as_deref(), &Overrides::default())?.server.data_dir),
    }
}

/// The warnings of the settings, one line each.
fn warnings(settings: &Settings, path: Option<&Path>) -> Vec<String> {
    let name = path.map_or_else(String::new, |path| format!("{}:", path.display()));
    settings.warnings.iter().map(|warning| format!("{name}{warning}")).collect()
}
