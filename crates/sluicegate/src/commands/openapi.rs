//! `sluicegate openapi`: the document of the API.

use crate::{Failure, print};

pub(crate) fn run() -> Result<(), Failure> {
    let document = sluice_gateway::openapi::document();
    let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    print(&format!("{text}\n"))
}
