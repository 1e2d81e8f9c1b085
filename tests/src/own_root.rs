//! A root of a test's own: all of the machine, but for what was put there by who booted it.

use std::{env, os::unix::fs::chroot, process::Command};

use crate::process::peer;

/// Where it is made, in a namespace of mounts that dies with its process.
const ROOT: &str = "/mnt";

/// Puts all that lies in the root there, but for `/run` and `/efi`, which are empty.
const SETUP: &str = r#"mount -t tmpfs tmpfs /mnt && cd /mnt || exit 1
for path in /*; do
    name="${path#/}"
    case "$name" in
        efi | mnt | run) continue ;;
    esac
    if [ -L "$path" ]; then
        cp -P "$path" .
    elif [ -d "$path" ]; then
        mkdir "$name" && mount --rbind "$path" "$name"
    fi || exit 1
done
mkdir efi mnt run"#;

/// Gives this process a root in which `/run` and `/efi` are empty and its own. Only where mounts
/// are nobody else's: within [`in_own_network`](crate::in_own_network).
///
/// # Panics
/// If the root cannot be made.
pub fn enter_own_root() {
    let here = env::current_dir().expect("a running program is somewhere");
    peer(Command::new("sh").args(["-c", SETUP]));
    chroot(ROOT).expect("a namespace of its own allows it");
    env::set_current_dir(here).expect("it is there too");
}
