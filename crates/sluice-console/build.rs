//! Packs `assets/` into the crate: each file as it is and compressed, under one name made from all of their contents.

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

/// What the names of files end in, and what they are.
const TYPES: &[(&str, &str)] =
    &[("css", "text/css; charset=utf-8"), ("js", "text/javascript; charset=utf-8"), ("svg", "image/svg+xml")];

fn main() -> io::Result<()> {
    // Cargo runs build scripts in their package's folder. (Where they were built may be another checkout.)
    let assets = env::current_dir()?.join("assets");
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells build scripts by the environment where to write"
    )]
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    let mut lines = vec!["cargo:rerun-if-changed=assets".to_owned()];
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&assets)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut hash = Sha256::new();
    let mut rows = String::new();
    for name in &names {
        let end = name.rsplit('.').next().unwrap_or_default();
        let Some((_, content_type)) = TYPES.iter().find(|(known, _)| *known == end) else { continue };
        let path = assets.join(name);
        let plain = fs::read(&path)?;
        hash.update(name);
        hash.update([0]);
        hash.update(&plain);
        let packed = out.join(format!("{name}.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&packed)?, Compression::best());
        encoder.write_all(&plain)?;
        encoder.finish()?;
        lines.push(format!("cargo:rerun-if-changed={}", path.display()));
        rows.push_str(&format!(
            "Asset {{ name: {name:?}, content_type: {content_type:?}, plain: include_bytes!({path:?}), \
             gzip: include_bytes!({packed:?}) }},\n"
        ));
    }
    let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let code = format!(
        "/// Of all assets.\npub const HASH: &str = {hex:?};\n\nconst ALL: &[Asset] = &[\n{rows}];\n"
    );
    fs::write(out.join("assets.rs"), code)?;
    io::stdout().write_all((lines.join("\n") + "\n").as_bytes())
}
