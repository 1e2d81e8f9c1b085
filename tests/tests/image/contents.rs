//! What is in the image, looked at without booting it.

use std::{collections::BTreeSet, fs, process::Command};

use weir_tests::{machine::built_image, process::peer};

const MEBIBYTE: u64 = 1 << 20;

/// What an image without a way in has none of.
const UNWANTED: [&str; 22] = [
    "agetty", "apt", "apt-get", "ash", "bash", "busybox", "csh", "dash", "dpkg", "getty", "ksh",
    "login", "passwd", "perl", "python3", "rbash", "sh", "ssh", "sshd", "su", "sudo", "zsh",
];

/// Mode and path of everything in the root.
fn root() -> Vec<(String, String)> {
    let mut list = Command::new("unsquashfs");
    let text = peer(
        list.args(["-d", "", "-lln"])
            .arg(built_image().with_extension("root")),
    );
    let entries = text.lines().filter_map(|line| {
        let mode = line.split_whitespace().next()?;
        let path = line.split_whitespace().nth(5)?;
        (mode.len() == 10).then(|| (mode.to_owned(), path.to_owned()))
    });
    let entries: Vec<(String, String)> = entries.collect();
    assert!(entries.len() > 100, "unsquashfs lists the root: {text}");
    entries
}

fn figure(name: &str) -> u64 {
    let manifest = fs::read_to_string(built_image().with_extension("manifest"));
    let manifest = manifest.expect("the manifest lies beside the image");
    let mut lines = manifest.lines().filter_map(|line| line.split_once(' '));
    let value = lines.find(|(key, _)| *key == name).map(|(_, value)| value);
    value
        .and_then(|value| value.parse().ok())
        .expect("a number")
}

#[test]
fn the_root_and_the_kernel_image_are_small() {
    let (root, kernel) = (figure("root_bytes"), figure("kernel_image_bytes"));
    assert!(root <= 64 * MEBIBYTE, "the root has {root} bytes");
    assert!(
        kernel <= 16 * MEBIBYTE,
        "the kernel image has {kernel} bytes"
    );
}

#[test]
fn the_root_has_no_shell_no_package_and_no_login() {
    let programs: BTreeSet<String> = root()
        .into_iter()
        .filter(|(mode, _)| mode.contains('x'))
        .filter_map(|(_, path)| path.rsplit('/').next().map(str::to_owned))
        .collect();
    let found: Vec<&str> = UNWANTED
        .into_iter()
        .filter(|name| programs.contains(*name))
        .collect();
    assert!(
        programs.contains("weir"),
        "the root is the one with weir in it"
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nothing_in_the_root_lends_rights() {
    let lending: Vec<(String, String)> = root()
        .into_iter()
        .filter(|(mode, _)| mode.starts_with('-') && mode.contains(['s', 'S']))
        .collect();
    assert!(lending.is_empty(), "{lending:?}");
}
