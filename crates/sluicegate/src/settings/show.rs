//! The settings in force, one line each, without a secret.

use std::fmt::Write;

use super::Settings;

/// What `check` prints: `path = value`, with a mark on what nobody set.
pub(crate) fn show(settings: &Settings) -> String {
    let mut out = String::new();
    let width = settings.effective.iter().map(|one| one.path.len()).max().unwrap_or(0).min(40);
    for one in &settings.effective {
        let mark = if one.is_default { "  # default" } else { "" };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{:<width$} = {}{mark}", one.path, one.value);
    }
    for one in &settings.detected {
        let _ = writeln!(out, "# provider `{}`: its key is in {}", one.record.name, one.variable);
    }
    if !settings.names_provider {
        let _ =
            writeln!(out, "# provider `ollama`: if one answers on {} at the start", super::OLLAMA_ADDRESS);
    }
    out
}
