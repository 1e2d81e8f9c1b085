//! Who may name what: the operating system, the clock, the network.

use crate::{
    breach::Breaches,
    checkout::{File, rust_files},
    token::{Name, names, tokens},
};

/// The only code that meets the operating system.
const LINUX: &str = "hal/src/linux/";

/// Code that does no I/O, spawns nothing, and takes time as an argument.
const PURE: [&str; 30] = [
    "appliance/src/alarm/",
    "appliance/src/demux/",
    "appliance/src/encryption/cipher.rs",
    "appliance/src/fetch/latency.rs",
    "appliance/src/fetch/tiers/breaker.rs",
    "appliance/src/fetch/tiers/budget.rs",
    "appliance/src/fetch/tiers/choice.rs",
    "appliance/src/fetch/tiers/probing.rs",
    "appliance/src/health/measures.rs",
    "appliance/src/health/reception.rs",
    "appliance/src/health/window.rs",
    "appliance/src/ladder/",
    "appliance/src/measure/",
    "appliance/src/segment/",
    "appliance/src/snmp/check.rs",
    "appliance/src/snmp/index.rs",
    "appliance/src/snmp/mib_text.rs",
    "appliance/src/snmp/number.rs",
    "appliance/src/snmp/object.rs",
    "appliance/src/snmp/oid.rs",
    "appliance/src/snmp/queue.rs",
    "appliance/src/snmp/tree.rs",
    "appliance/src/snmp/value.rs",
    "appliance/src/validate/finding.rs",
    "appliance/src/validate/inspect.rs",
    "appliance/src/validate/playlist/",
    "appliance/src/validate/rules/",
    "appliance/src/validate/seal.rs",
    "appliance/src/validate/version.rs",
    "cache/src/rules/",
];

/// What only [`LINUX`] may name in the product.
const SYSTEM: &[&str] = &[
    "libc",
    "nix",
    "socket2",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process::Command",
    "tokio::fs",
    "tokio::net",
    "tokio::process",
];

/// Ways to ask what time it is. A tokio runtime has a clock of its own that a test can set.
const NOW: &[&str] = &["Instant::now", "SystemTime::now"];
const TOKIO_INSTANT: &str = "tokio::time::Instant";

/// Ways to read or set variables of the environment.
const ENVIRONMENT: &[&str] = &[
    "std::env::remove_var",
    "std::env::set_var",
    "std::env::var",
    "std::env::var_os",
    "std::env::vars",
    "std::env::vars_os",
];

/// What pure code may not name, beside [`SYSTEM`].
const IMPURE: &[&str] = &[
    "hyper",
    "std::env",
    "std::io",
    "std::process",
    "std::sync::mpsc",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
];

/// What pure code may name of `weir_hal`: types that hold a time, and cannot tell it.
const TIMES: &[&str] = &["weir_hal", "weir_hal::Monotonic", "weir_hal::Wall"];

#[test]
fn only_hal_linux_names_the_operating_system() {
    let mut breaches = Breaches::default();
    for file in rust_files().filter(|file| file.is_product() && !file.path.starts_with(LINUX)) {
        let names = names(&tokens(&file));
        let is_tokio = names.iter().any(|name| name.is_below(TOKIO_INSTANT));
        for name in names {
            let is_now = !is_tokio && NOW.iter().any(|now| name.path.ends_with(now));
            if is_below_any(&name, SYSTEM) || is_now || name.is_below("std::time::SystemTime") {
                let path = &name.path;
                let text = format!("`{path}` is named outside {LINUX}: use a trait of hal");
                breaches.note(&file.path, name.line, text);
            }
        }
    }
    breaches.expect_none("only hal::linux meets the operating system");
}

#[test]
fn only_hal_linux_is_unsafe() {
    let mut breaches = Breaches::default();
    for file in rust_files().filter(|file| !file.path.starts_with(LINUX)) {
        for token in tokens(&file).iter().filter(|token| token.text == "unsafe") {
            breaches.note(&file.path, token.line, format!("`unsafe` outside {LINUX}"));
        }
    }
    breaches.expect_none("unsafe code lives in hal::linux alone");
}

#[test]
fn pure_modules_do_no_io_and_take_time_as_an_argument() {
    let mut breaches = Breaches::default();
    let is_pure = |file: &File| {
        !file.is_unit_tests && PURE.iter().any(|folder| file.path.starts_with(folder))
    };
    for file in rust_files().filter(is_pure) {
        for name in names(&tokens(&file)) {
            let is_time = TIMES.contains(&name.path.as_str());
            if is_below_any(&name, IMPURE) || name.is_below("weir_hal") && !is_time {
                let text = format!("`{}` is named in a pure module", name.path);
                breaches.note(&file.path, name.line, text);
            }
        }
    }
    breaches.expect_none(
        "demux, segment, ladder, measure and the rules do no I/O and take time as an argument",
    );
}

#[test]
fn only_main_reads_the_environment() {
    let mut breaches = Breaches::default();
    let is_bound = |file: &File| file.is_product() && file.path != "appliance/src/main.rs";
    for file in rust_files().filter(is_bound) {
        for name in names(&tokens(&file))
            .iter()
            .filter(|name| is_below_any(name, ENVIRONMENT))
        {
            breaches.note(
                &file.path,
                name.line,
                "configuration comes from the file alone",
            );
        }
    }
    breaches.expect_none("only main reads the environment");
}

/// What traits of other crates call their methods.
const METHODS_OF_OTHERS: &[&str] = &["get_next"];

#[test]
fn names_say_what_a_thing_is() {
    let mut breaches = Breaches::default();
    let vague = ["Manager", "Helper", "Util", "Utils"];
    for file in rust_files() {
        let tokens = tokens(&file);
        for pair in tokens.windows(2) {
            let [keyword, name] = pair else { continue };
            let is_type = ["struct", "enum", "trait"].contains(&keyword.text.as_str());
            let is_vague = vague.iter().any(|word| name.text.ends_with(word));
            let is_ours = !METHODS_OF_OTHERS.contains(&name.text.as_str());
            let is_getter = keyword.text == "fn" && name.text.starts_with("get_") && is_ours;
            if is_type && is_vague || is_getter {
                breaches.note(
                    &file.path,
                    name.line,
                    format!("`{}` says little", name.text),
                );
            }
        }
    }
    breaches.expect_none("no Manager, Helper or Util, and no get_");
}

#[test]
fn no_test_is_switched_off() {
    let mut breaches = Breaches::default();
    for file in rust_files() {
        for triple in tokens(&file).windows(3) {
            let texts = [0, 1, 2].map(|index| triple[index].text.as_str());
            if texts == ["#", "[", "ignore"] {
                breaches.note(
                    &file.path,
                    triple[2].line,
                    "an ignored test: mend it or remove it",
                );
            }
        }
    }
    breaches.expect_none("no test is ignored");
}

fn is_below_any(name: &Name, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.is_below(prefix))
}
