//! The browser that tests of the console drive, and its driver: a pair of one version, as the PATH has it, else unpacked
//! from Debian's packages under `target/test-env`. They are never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    finish_quietly,
    packages::{APT, in_path, launcher, unpacked},
};

/// What the PATH may call it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVER: &str = "chromedriver";
/// With letters for both languages of the console.
const PACKAGES: [&str; 4] = ["chromium", "chromium-driver", "fonts-liberation", "fonts-wqy-microhei"];

/// What pages ask for by a general name.
const FAMILIES: [(&str, &str); 4] = [
    ("sans-serif", "Liberation Sans"),
    ("system-ui", "Liberation Sans"),
    ("serif", "Liberation Serif"),
    ("monospace", "Liberation Mono"),
];

/// The browser and its driver.
type Pair = (PathBuf, PathBuf);

/// The program of the browser.
pub(super) fn chromium(dir: &Path) -> Result<PathBuf, String> {
    Ok(pair(dir)?.0)
}

/// The program of its driver.
pub(super) fn driver(dir: &Path) -> Result<PathBuf, String> {
    Ok(pair(dir)?.1)
}

fn pair(dir: &Path) -> Result<Pair, String> {
    let _one = APT.lock();
    match installed() {
        Some(pair) => Ok(pair),
        None => made(&dir.join("chromium")),
    }
}

/// A driver drives browsers of its own version only.
fn installed() -> Option<Pair> {
    let driver = in_path(DRIVER)?.join(DRIVER);
    let wanted = major(&driver)?;
    let found = BROWSERS.iter().filter_map(|name| Some(in_path(name)?.join(name)));
    let browser = found.into_iter().find(|browser| major(browser).as_ref() == Some(&wanted))?;
    Some((browser, driver))
}

/// The major version that a program tells, as in `Chromium 156.0.8078.79` and `ChromeDriver 156.0.8078.79 (…)`.
fn major(program: &Path) -> Option<String> {
    let output =
        Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text
        .split_whitespace()
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(version.split('.').next()?.to_owned())
}

fn made(home: &Path) -> Result<Pair, String> {
    let root = unpacked(home, &PACKAGES)?;
    let fonts = home.join("fonts.conf");
    let families = FAMILIES.map(|(name, family)| {
        format!(
            "<alias binding=\"strong\"><family>{name}</family><prefer><family>{family}</family>\
             <family>WenQuanYi Micro Hei</family></prefer></alias>\n"
        )
    });
    let text = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n\
         <fontconfig>\n<dir>{}</dir>\n<cachedir>{}</cachedir>\n{}</fontconfig>\n",
        root.join("usr/share/fonts").display(),
        home.join("font-cache").display(),
        families.concat()
    );
    fs::write(&fonts, text).map_err(|error| format!("cannot fill {}: {error}", home.display()))?;
    let variables = format!("FONTCONFIG_FILE='{}' ", fonts.display());
    let pair = (home.join("bin/chromium"), home.join("bin").join(DRIVER));
    launcher(home, &root, &root.join("usr/lib/chromium/chromium"), &variables)?;
    launcher(home, &root, &root.join("usr/bin").join(DRIVER), &variables)?;
    for program in [&pair.0, &pair.1] {
        finish_quietly(Command::new(program).arg("--version"))?;
    }
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs apt's lists and its servers.
    #[test]
    #[ignore = "downloads packages"]
    fn the_pair_is_unpacked_and_of_one_version() {
        let home = super::super::target_dir().join("unpacked-browser");
        let _ = fs::remove_dir_all(&home);
        let (browser, driver) = made(&home).unwrap();
        assert!(major(&browser).is_some());
        assert_eq!(major(&browser), major(&driver));
    }
}
