//! `weir-slot`: what the image does with its slots once it runs.
//!
//! `weir-slot commit HOST:PORT/PATH SECONDS LIMIT` waits until that has answered 200 for SECONDS
//! without a break, and then makes the entry that was booted a committed one. One that was
//! committed before is not on trial, and nothing is waited for. It fails if LIMIT seconds pass in
//! vain and the other slot can be booted: the unit then starts the box over. If not, the box stays
//! as it is, and is committed whenever it becomes ready: no restart would mend it.
//!
//! Refuses: to commit because a process started. The whole path must be ready.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a small program of the image; there is no hal::Disk here, and its log is its output"
)]

mod ready;

use std::{env, fs, io, path::Path, process::ExitCode, time::Duration};

use weir_hal::SlotName;
use weir_image::entry::{FOLDER, commit, is_bootable, is_on_trial};

const USAGE: &str = "usage: weir-slot commit HOST:PORT/PATH SECONDS LIMIT";
const SYSTEM: &str = "/efi";
const SLOT: &str = "/run/weir/slot";
const RELEASE: &str = "/etc/os-release";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["commit", address, good_for, limit] => seconds(good_for)
            .and_then(|good_for| Ok((good_for, seconds(limit)?)))
            .and_then(|times| commit_when_ready(address, times)),
        _ => Err(io::Error::other(USAGE)),
    };
    match outcome {
        Ok(Verdict::Stays) => ExitCode::SUCCESS,
        Ok(Verdict::GivenUp) => ExitCode::FAILURE,
        // What cannot be read is no better after a restart.
        Err(error) => {
            eprintln!("weir-slot: {error}");
            ExitCode::SUCCESS
        }
    }
}

/// What becomes of the slot that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It goes on.
    Stays,
    /// The box starts over, with a try less.
    GivenUp,
}

fn seconds(text: &str) -> io::Result<Duration> {
    text.parse()
        .map(Duration::from_secs)
        .map_err(io::Error::other)
}

fn commit_when_ready(
    address: &str,
    (good_for, limit): (Duration, Duration),
) -> io::Result<Verdict> {
    let slot = fs::read_to_string(SLOT)?;
    let slot =
        SlotName::from_letter(slot.trim()).ok_or_else(|| io::Error::other("no slot was booted"))?;
    let release = fs::read_to_string(RELEASE)?;
    let version =
        version_of(&release).ok_or_else(|| io::Error::other("the image has no version"))?;
    let folder = Path::new(SYSTEM).join(FOLDER);
    if !is_on_trial(&folder, slot, version)? {
        println!("slot {slot} was committed before");
        return Ok(Verdict::Stays);
    }
    if !ready::await_ready(address, good_for, Some(limit)) {
        if is_bootable(&folder, slot.other())? {
            eprintln!("slot {slot} is not ready: the box starts over");
            return Ok(Verdict::GivenUp);
        }
        eprintln!("slot {slot} is not ready, and there is no other that could be booted");
        ready::await_ready(address, good_for, None);
    }
    commit(&folder, slot, version)?;
    println!("slot {slot} with version {version} is good and committed");
    Ok(Verdict::Stays)
}

/// `IMAGE_VERSION` of os-release(5).
fn version_of(release: &str) -> Option<&str> {
    let value = release
        .lines()
        .find_map(|line| line.strip_prefix("IMAGE_VERSION="));
    value.map(|value| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_image() {
        let release = "NAME=Weir\nIMAGE_VERSION=\"1.2.3\"\nVERSION_ID=13\n";
        assert_eq!(version_of(release), Some("1.2.3"));
        assert_eq!(version_of("VERSION_ID=13\n"), None);
    }
}
