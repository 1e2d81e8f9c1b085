//! What the kernel tells of this machine, and programs that change its state.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use weir_tests::bench::machine::text;
pub(crate) use weir_tests::bench::machine::{load, run};

use crate::Outcome;

/// A line `NAME:   1234 kB` of a file of the kernel's, in bytes.
fn bytes_of(path: &str, name: &str) -> u64 {
    let text = text(path);
    let line = text.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) << 10
}

/// Memory of this process that is in use, but for pages of files.
pub(crate) fn resident_bytes() -> u64 {
    bytes_of("/proc/self/status", "RssAnon:")
}

/// Pages of files that are not on disk yet, of all processes.
pub(crate) fn dirty_bytes() -> u64 {
    bytes_of("/proc/meminfo", "Dirty:") + bytes_of("/proc/meminfo", "Writeback:")
}

/// CPU time of this process and of the children it has waited for, in hundredths of seconds.
pub(crate) fn cpu_ticks() -> u64 {
    let text = text("/proc/self/stat");
    let fields = text.rsplit(')').next().unwrap_or("").split_whitespace();
    fields
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// Drops the pages of a file from memory; what is dirty is written first.
pub(crate) fn drop_pages(path: &Path) -> Outcome {
    run(Command::new("sync").arg("-d").arg(path))?;
    let input = format!("if={}", path.display());
    run(Command::new("dd")
        .arg(input)
        .args(["iflag=nocache", "count=0", "status=none"]))
}

/// Drops all that is cached of file systems, names included. Only root may: returns whether.
pub(crate) fn drop_caches() -> bool {
    let script = "sync && echo 3 > /proc/sys/vm/drop_caches";
    let status = Command::new("sh")
        .args(["-c", script])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
