//! Rules about documents: the ones that must be there, the map that must stay short, links that lead somewhere.

use super::File;

const MAX_ARCHITECTURE_LINES: usize = 60;
const REQUIRED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/dependencies.md",
];

pub(super) fn check(files: &[File], complaints: &mut Vec<String>) {
    // A tree of nothing but single files is a test of another rule.
    if !files.iter().any(|file| file.path == "README.md") {
        return;
    }
    for path in REQUIRED.iter().filter(|path| !files.iter().any(|file| file.path == **path)) {
        complaints.push(format!("{path}: is missing"));
    }
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let lines = file.text.lines().count();
        if file.path == "ARCHITECTURE.md" && lines > MAX_ARCHITECTURE_LINES {
            complaints.push(format!("ARCHITECTURE.md: {lines} lines, at most {MAX_ARCHITECTURE_LINES}"));
        }
        for target in broken_links(file, files) {
            complaints.push(format!("{}: links to `{target}`, which is not there", file.path));
        }
    }
}

/// Links to documents of this repository that do not exist.
fn broken_links(file: &File, files: &[File]) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut broken = Vec::new();
    for part in file.text.split("](").skip(1) {
        let target = part.split([')', '#', ' ']).next().unwrap_or_default();
        let elsewhere = target.contains(':') || target.is_empty();
        if elsewhere || !target.ends_with(".md") {
            continue;
        }
        let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for step in target.split('/') {
            match step {
                "." => {}
                ".." => drop(path.pop()),
                step => path.push(step),
            }
        }
        let path = path.join("/");
        if !files.iter().any(|other| other.path == path) {
            broken.push(target.to_owned());
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let check = |path: &str, text: &str, expect: &[&str]| {
            let file = File { path: path.to_owned(), text: text.to_owned() };
            let there = ["README.md", "docs/a.md", "docs/adr/0001-x.md"];
            let files: Vec<File> =
                there.iter().map(|path| File { path: (*path).to_owned(), text: String::new() }).collect();
            assert_eq!(broken_links(&file, &files), expect, "{path} {text}");
        };
        check("README.md", "[a](docs/a.md) [b](https://example.com/x.md) [c](#c)", &[]);
        check("README.md", "[a](docs/b.md)", &["docs/b.md"]);
        check("docs/a.md", "[a](adr/0001-x.md#top) [b](../README.md) [c](./a.md)", &[]);
        check("docs/a.md", "[a](docs/a.md)", &["docs/a.md"]);
    }

    #[test]
    fn the_map_stays_short() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let mut files: Vec<File> = REQUIRED.iter().map(|path| file(path, "")).collect();
        let mut found = Vec::new();
        check(&files, &mut found);
        assert_eq!(found, Vec::<String>::new());
        files.retain(|file| file.path != "ARCHITECTURE.md");
        files.push(file("ARCHITECTURE.md", &"\n".repeat(61)));
        files.retain(|file| file.path != "SECURITY.md");
        check(&files, &mut found);
        assert_eq!(found, ["SECURITY.md: is missing", "ARCHITECTURE.md: 61 lines, at most 60"]);
    }
}
