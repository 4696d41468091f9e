//! `sluicegate journal`: what is in the usage journal, and whether the next start would take it.

use sluice_store::journal::inspect::{accept_loss, inspect, verify};

use super::data_dir;
use crate::{Failure, cli, complain, print};

pub(crate) fn run(arguments: &cli::Journal) -> Result<(), Failure> {
    let dir = data_dir(arguments.data_dir.as_deref(), &arguments.config)?.join("journal");
    if !dir.is_dir() {
        return Err(format!(
            "there is no journal: {} is not a directory. Name the data directory of the gateway by --data-dir",
            dir.display()
        )
        .into());
    }
    let failed = |error: sluice_store::journal::JournalError| Failure(error.to_string());
    match arguments.action {
        cli::JournalAction::Inspect { accept_loss: false } => {
            print(&inspect(&dir).map_err(failed)?.to_string())
        }
        cli::JournalAction::Inspect { accept_loss: true } => {
            let accepted = accept_loss(&dir).map_err(failed)?;
            for copy in &accepted.copies {
                complain(&format!("set aside: {}", copy.display()));
            }
            for loss in &accepted.losses {
                complain(&format!("accepted: {loss}"));
            }
            print(&inspect(&dir).map_err(failed)?.to_string())
        }
        cli::JournalAction::Verify => {
            let found = verify(&dir).map_err(failed)?;
            print(&format!(
                "sound: {} records in {} files, {} reservations without an end\n",
                found.records, found.segments, found.open
            ))
        }
    }
}
