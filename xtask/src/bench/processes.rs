//! Figures of a process and its children, from `/proc`; and children that end with their owner.

use std::{fs, process::Child};

/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 in what Linux shows to programs.
const TICKS_PER_S: f64 = 100.0;

/// A child process of the benchmark. It is killed, by its process id, when this is dropped.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Child);

impl Owned {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
}

impl Cpu {
    pub(crate) fn total_us(self) -> f64 {
        self.user_us + self.system_us
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { user_us: self.user_us - before.user_us, system_us: self.system_us - before.system_us }
    }
}

/// CPU time of `root` and all its descendants so far.
pub(crate) fn cpu(root: u32) -> Result<Cpu, String> {
    let mut sum = Cpu::default();
    for pid in tree(root) {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|error| format!("process {pid} is gone: {error}"))?;
        let (user, system) = parse_ticks(&stat).ok_or("unreadable /proc/PID/stat")?;
        sum.user_us += user / TICKS_PER_S * 1e6;
        sum.system_us += system / TICKS_PER_S * 1e6;
    }
    Ok(sum)
}

/// Resident memory of `root` and all its descendants, in KiB.
pub(crate) fn rss_kib(root: u32) -> Result<f64, String> {
    let mut kib = 0.0;
    for pid in tree(root) {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .map_err(|error| format!("process {pid} is gone: {error}"))?;
        kib += parse_rss(&status).ok_or("unreadable /proc/PID/status")?;
    }
    Ok(kib)
}

fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        next += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    found
}

/// The name in the second field may hold spaces and brackets: count from the last one.
fn parse_ticks(stat: &str) -> Option<(f64, f64)> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user, system))
}

fn parse_rss(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(parse_ticks(stat), Some((150.0, 50.0)));
        assert_eq!(parse_rss("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234.0));
        assert!(cpu(std::process::id()).is_ok());
        assert!(rss_kib(std::process::id()).is_ok_and(|kib| kib > 100.0));
    }
}
