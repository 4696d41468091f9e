//! A browser without a window and its driver, which live as long as their value.

use std::{path::PathBuf, process::Command};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Running, exists, free_port, in_path, programs};

/// The program of the browser.
const VARIABLE: &str = "SLUICEGATE_TEST_CHROMIUM";
/// The program of its driver.
const DRIVER_VARIABLE: &str = "SLUICEGATE_TEST_CHROMEDRIVER";
/// A port may be taken between the moment it was free and the start.
const ATTEMPTS: usize = 5;

/// What is not wanted of a browser in a test: anything that it does of its own accord, and anything that depends on
/// the machine. It sees nothing but pages of ours, and a container may not let it have a sandbox.
const SWITCHES: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--password-store=basic",
];

/// Chromium with a profile of its own, and a driver that speaks for it.
#[derive(Debug)]
pub struct Chromium {
    profile: TempDir,
    browser: Option<(Running, u16)>,
    driver: Option<(Running, u16)>,
}

impl Chromium {
    /// Starts both.
    ///
    /// # Panics
    /// When they are not to be had, with the reason.
    #[must_use]
    pub fn start() -> Self {
        let find = |name: &'static str| move || exists(&in_path(name)?.join(name));
        let browser = programs(VARIABLE, find("chromium"));
        let driver = programs(DRIVER_VARIABLE, find("chromedriver"));
        let profile = tempfile::Builder::new().prefix("sluicegate-chromium-").tempdir().expect("a directory");
        let mut made = Self { profile, browser: None, driver: None };
        made.browser = launch(|port| {
            let mut command = Command::new(&browser);
            command.args(SWITCHES).arg(format!("--remote-debugging-port={port}"));
            command.arg(format!("--user-data-dir={}", made.profile.path().display())).arg("about:blank");
            Running::start(command, "DevTools listening on")
        });
        made.driver = launch(|port| {
            let mut command = Command::new(&driver);
            command.arg(format!("--port={port}"));
            Running::start(command, "was started successfully")
        });
        assert!(made.browser.is_some(), "{} did not start", browser.display());
        assert!(made.driver.is_some(), "{} did not start", driver.display());
        made
    }

    /// Where the driver listens.
    #[must_use]
    pub fn driver_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.driver.as_ref().map_or(0, |(_, port)| *port))
    }

    /// Where the driver finds the browser: its `debuggerAddress`.
    #[must_use]
    pub fn browser_address(&self) -> String {
        format!("127.0.0.1:{}", self.browser.as_ref().map_or(0, |(_, port)| *port))
    }

    /// Where the browser keeps its things.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.profile.path().to_path_buf()
    }
}

fn launch(start: impl Fn(u16) -> Option<Running>) -> Option<(Running, u16)> {
    (0..ATTEMPTS).find_map(|_| {
        let port = free_port();
        Some((start(port)?, port))
    })
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver first: it is not to look for a browser that is gone.
        for (mut running, _) in self.driver.take().into_iter().chain(self.browser.take()) {
            running.end(Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn both_live_as_long_as_their_value() {
        let chromium = Chromium::start();
        let address = chromium.browser_address();
        assert!(chromium.profile().is_dir());
        assert!(TcpStream::connect(&address).is_ok());
        drop(chromium);
        assert!(TcpStream::connect(&address).is_err());
    }
}
