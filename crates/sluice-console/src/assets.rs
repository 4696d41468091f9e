//! Style sheets, scripts and pictures, embedded.
//!
//! One hash of all contents stands in the address of each: what is under an address never changes, so browsers keep it
//! for ever, and modules find one another by relative names.

/// A file of `assets/`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its name, without a folder.
    pub name: &'static str,
    /// The `content-type`.
    pub content_type: &'static str,
    /// As it stands in the repository.
    pub plain: &'static [u8],
    /// The same, compressed with gzip.
    pub gzip: &'static [u8],
}

impl std::fmt::Debug for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asset").field("name", &self.name).finish_non_exhaustive()
    }
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The path of an asset.
#[must_use]
pub fn url(name: &str) -> String {
    format!("/assets/{HASH}/{name}")
}

/// The asset of a path below `/assets/`. An older hash has nothing: its contents are gone.
#[must_use]
pub fn find(below: &str) -> Option<&'static Asset> {
    let name = below.strip_prefix(HASH)?.strip_prefix('/')?;
    ALL.iter().find(|asset| asset.name == name)
}

/// All of them.
#[must_use]
pub fn all() -> &'static [Asset] {
    ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All assets together, compressed.
    const MAX_BYTES: usize = 300_000;

    #[test]
    fn they_are_found_under_the_hash_of_now() {
        let check = |below: &str, expect: Option<&str>| {
            assert_eq!(find(below).map(|asset| asset.name), expect, "{below}");
        };
        check(&format!("{HASH}/core.js"), Some("core.js"));
        check(&format!("{HASH}/console.css"), Some("console.css"));
        check(&format!("{HASH}/../core.js"), None);
        check(&format!("{HASH}/"), None);
        check(HASH, None);
        check("0000000000000000/core.js", None);
        check("core.js", None);
    }

    #[test]
    fn they_are_small_and_load_nothing_from_elsewhere() {
        let bytes: usize = all().iter().map(|asset| asset.gzip.len()).sum();
        assert!(bytes < MAX_BYTES, "{bytes} bytes compressed, at most {MAX_BYTES}");
        for asset in all() {
            let text = std::str::from_utf8(asset.plain).unwrap();
            for line in text.lines() {
                let from_elsewhere = ["import", "url(", "fetch("].iter().any(|word| line.contains(word))
                    && (line.contains("http:") || line.contains("https:"));
                assert!(!from_elsewhere, "{}: {line}", asset.name);
                for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                    assert!(!line.contains(sink), "{}: {line}", asset.name);
                }
            }
        }
    }
}
