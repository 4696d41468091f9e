//! How much memory this process may use: the machine's, or its control group's where that is less.

/// `percent` of the memory, in bytes.
pub(crate) fn share_bytes(percent: u64) -> usize {
    let total = machine_bytes().min(group_bytes().unwrap_or(u64::MAX));
    usize::try_from(total / 100 * percent).unwrap_or(usize::MAX)
}

fn machine_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    u64::from(info.mem_unit) * info.totalram
}

fn group_bytes() -> Option<u64> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}
