//! `cargo xtask tidy`: the rules of the repository that no compiler checks.

use std::{fs, path::Path};

use crate::Outcome;

mod documents;
mod manifests;
mod ratchet;
mod source;

/// One file of the repository, by its path from the root with `/`.
struct File {
    path: String,
    text: String,
}

pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.first() {
        return Err(format!("unknown option `{unknown}`"));
    }
    let files = read_tree(&crate::root()).map_err(|error| format!("cannot read the repository: {error}"))?;
    let complaints = check(&files);
    if complaints.is_empty() {
        println!("tidy: {} files are fine", files.len());
        return Ok(());
    }
    Err(format!("{} complaints\n{}", complaints.len(), complaints.join("\n")))
}

/// Everything that is wrong, one line each.
fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut sizes = ratchet::Sizes::default();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        source::check(file, &mut sizes, &mut complaints);
    }
    let ratchet = files.iter().find(|file| file.path == ratchet::PATH);
    ratchet::check(&sizes, ratchet.map_or("", |file| &file.text), &mut complaints);
    manifests::check(files, &mut complaints);
    documents::check(files, &mut complaints);
    complaints.sort();
    complaints
}

/// The texts that rules speak of; what is not UTF-8 is nobody's source.
fn read_tree(root: &Path) -> std::io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.starts_with('.') && name != "node_modules" {
                    open.push(path);
                }
                continue;
            }
            let of_interest = [".rs", ".toml", ".md"].iter().any(|end| name.ends_with(end));
            if let (true, Ok(text)) = (of_interest, fs::read_to_string(entry.path())) {
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_can_be_read() {
        let files = read_tree(&crate::root()).unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy.rs"));
        assert!(files.iter().all(|file| !file.path.starts_with("target/")));
    }
}
