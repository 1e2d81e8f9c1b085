//! Faults around the program as it ships, in network namespaces and in real time.
//!
//! Goal: as that of `sim`. Method: one appliance takes many faults side by side, each on a resource
//! of its own, so that one alarm for each is also that none is told of another's; it is asked by
//! HTTP and `snmpbulkwalk`, and `snmptrapd` is notified. Holds of rules are short by configuration
//! where those of every day take minutes: what is proved here is that surfaces agree, and what is a
//! root; `sim` goes by the rules as they are.

mod link;
mod rig;

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use weir::alarm::Kind;
use weir_tests::{
    daemon::free_port,
    enter_own_root, http, in_own_network,
    origin::{Origin, Reply},
    process::peer,
    wait::timed,
};

use self::rig::{Appliance, Encoders, NIC, Source, ip, lay_cable, until_told};
use crate::{
    feed::{Harm, Table},
    truth::{Surfaces, Told},
};

/// An alarm that a fault must be: its kind, resource and severity.
type Expected = (&'static str, &'static str, &'static str);

const fn source(rendition: &'static str) -> Source {
    Source {
        rendition,
        is_rtp: false,
        is_cabled: false,
        is_far: false,
    }
}

/// The sources that faults are injected into, side by side, and two that a cable brings.
const SOURCES: &[Source] = &[
    source("channel/C1/sd"),
    source("channel/C2/sd"),
    source("channel/C3/sd"),
    source("channel/C4/sd"),
    source("channel/C5/sd"),
    source("channel/C6/sd"),
    source("channel/C7/sd"),
    Source {
        is_rtp: true,
        ..source("channel/C8/sd")
    },
    source("channel/C9/sd"),
    source("channel/C11/sd"),
    Source {
        is_cabled: true,
        ..source("channel/C12/sd")
    },
    Source {
        is_cabled: true,
        ..source("channel/C13/sd")
    },
];

/// What is done to sources, and what must be told of each. Key frames that are lost in a burst make
/// it as bad as that no segment comes.
const HARMS: &[(&str, Harm, &str, &str)] = &[
    ("channel/C1/sd", Harm::Silent, "ingest-down", "critical"),
    ("channel/C2/sd", Harm::Noise, "ingest-down", "critical"),
    ("channel/C3/sd", Harm::Desync, "ts-sync-loss", "critical"),
    (
        "channel/C4/sd",
        Harm::Without(Table::Pat),
        "ts-tables-missing",
        "critical",
    ),
    (
        "channel/C5/sd",
        Harm::Damaged(Table::Pmt),
        "ts-tables-missing",
        "critical",
    ),
    ("channel/C6/sd", Harm::Trickle(5), "ts-continuity", "minor"),
    (
        "channel/C7/sd",
        Harm::Burst(3),
        "ts-continuity-burst",
        "critical",
    ),
    (
        "channel/C8/sd",
        Harm::DatagramTrickle(5),
        "ts-continuity",
        "minor",
    ),
    (
        "channel/C9/sd",
        Harm::Scrambled,
        "segment-stale",
        "critical",
    ),
    ("channel/C11/sd", Harm::Flood, "udp-rcvbuf-drop", "major"),
];

/// Short holds, so that alarms are over soon.
fn short_holds() -> String {
    let table = |kind: Kind| format!("[alarm.{}]\nclear_hold = \"2s\"\n", kind.as_str());
    let tables = Kind::ALL.map(table).concat();
    format!("[alarm]\nboot_inhibit = \"0s\"\n{tables}")
}

/// Waits until exactly `expected` is told, and the same by all surfaces.
fn await_told(appliance: &Appliance, expected: &[Expected]) -> Surfaces {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let (surfaces, time) = timed(|| {
        until_told("the alarms of the faults", || {
            let surfaces = appliance.surfaces().ok_or("no two looks at one snapshot")?;
            let told = surfaces.table.iter().map(words).collect::<Vec<_>>();
            surfaces.agree()?;
            if told == expected {
                return Ok(surfaces);
            }
            Err(format!("{told:#?}, not {expected:#?}"))
        })
    });
    println!("{} alarms, agreed on after {time:?}", expected.len());
    surfaces
}

fn words(told: &Told) -> (&str, &str, &str) {
    (&told.kind, &told.resource, &told.severity)
}

/// Each alarm that is told was raised once, and nothing else was that is not hidden behind one.
fn assert_one_alarm_each(surfaces: &Surfaces, hidden: &[Expected]) {
    let raised = surfaces
        .notices
        .iter()
        .filter(|notice| notice.event == "raised");
    let mut raised: Vec<_> = raised.map(|notice| words(&notice.told)).collect();
    raised.retain(|told| {
        !hidden
            .iter()
            .any(|(kind, resource, _)| (*kind, *resource) == (told.0, told.1))
    });
    let mut told: Vec<_> = surfaces.table.iter().map(words).collect();
    raised.sort_unstable();
    told.sort_unstable();
    let names = |all: &[(&str, &str, &str)]| {
        all.iter()
            .map(|it| format!("{} {}", it.0, it.1))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&raised), names(&told));
}

#[test]
fn streams_and_cables_that_fail_side_by_side_are_an_alarm_each() {
    in_own_network(
        concat!(
            module_path!(),
            "::streams_and_cables_that_fail_side_by_side_are_an_alarm_each"
        ),
        || {
            lay_cable();
            let encoders = Encoders::start(SOURCES);
            let channels = SOURCES
                .iter()
                .zip(1..)
                .map(|(source, group)| source.channel(group));
            let text = format!(
                "{}[segment]\ntarget = \"1s\"\n[receive]\nbitrate_max = \"64kb/s\"\n{}",
                short_holds(),
                channels.collect::<String>()
            );
            let appliance = Appliance::start(folder(), "", &text);
            appliance.await_calm();
            for (rendition, harm, _, _) in HARMS {
                encoders.harm(rendition, *harm);
            }
            ip(&format!("link set {} down", NIC.0));
            // The other end of the cable lies here, too.
            let mut expected = vec![
                ("nic-down", "nic/feed0", "critical"),
                ("nic-down", "nic/feed1", "critical"),
            ];
            expected.extend(
                HARMS
                    .iter()
                    .map(|(rendition, _, kind, severity)| (*kind, *rendition, *severity)),
            );
            let surfaces = await_told(&appliance, &expected);
            // What is there first of a growing trouble is an alarm until the greater one is.
            let grown = [
                ("ts-continuity", "channel/C7/sd", "minor"),
                ("segment-stale", "channel/C7/sd", "critical"),
                ("ts-sync-loss", "channel/C2/sd", "critical"),
            ];
            assert_one_alarm_each(&surfaces, &grown);
            encoders.mend();
            ip(&format!("link set {} up", NIC.0));
            let after = appliance.await_calm();
            assert_eq!(after.agree(), Ok(()));
        },
    );
}

/// Asks for so many things that nobody has asked for yet.
fn ask(appliance: &Appliance, path: &str, count: usize) {
    for number in 0..count {
        drop(http::get(
            &appliance.daemon.data(&format!("{path}{number}")),
        ));
    }
}

fn origin_and_route(name: &str, url: &str) -> String {
    format!(
        "[[origin]]\nname = \"{name}\"\nurls = [\"{url}\"]\n\
         [[route]]\npath = \"/{name}/\"\norigin = [\"{name}\"]\n"
    )
}

#[test]
fn origins_that_die_or_vanish_are_an_alarm_each() {
    in_own_network(
        concat!(
            module_path!(),
            "::origins_that_die_or_vanish_are_an_alarm_each"
        ),
        || {
            lay_cable();
            let good = Origin::start(|_| Reply::new(200, &[("Cache-Control", "max-age=60")], "ok"));
            let dying = Origin::start(|_| Reply::new(200, &[], "ok"));
            let cut = Origin::start(|_| Reply::none().close());
            let text = [
                short_holds(),
                origin_and_route("good", &good.url()),
                origin_and_route("dying", &dying.url()),
                // Nobody answers at this address.
                origin_and_route("hole", "http://10.77.0.99"),
                origin_and_route("cut", &cut.url()),
                SOURCE_NEVER.channel(1),
            ];
            let appliance = Appliance::start(folder(), "", &text.concat());
            // A box that boots while its source is silent says so.
            let silent = ("ingest-down", "channel/C1/sd", "critical");
            await_told(&appliance, &[silent]);
            dying.go_down();
            let origins = ["dying", "hole", "cut"];
            for origin in origins {
                ask(&appliance, &format!("/{origin}/"), 8);
            }
            // They are the cause of all 5xx that players got, of which there are few among many.
            let expected = [
                silent,
                ("origin-down", "origin/dying", "major"),
                ("origin-down", "origin/hole", "major"),
                ("origin-down", "origin/cut", "major"),
            ];
            let surfaces = await_told(&appliance, &expected);
            assert_one_alarm_each(&surfaces, &[]);
        },
    );
}

/// A source that never sends.
const SOURCE_NEVER: Source = source("channel/C1/sd");

#[test]
fn an_origin_that_fails_and_a_certificate_that_ends_are_an_alarm_each() {
    in_own_network(
        concat!(
            module_path!(),
            "::an_origin_that_fails_and_a_certificate_that_ends_are_an_alarm_each"
        ),
        || {
            let failing = Origin::start(|_| Reply::new(503, &[], "not now"));
            let certificates = folder();
            certify(certificates.path(), 90);
            let disk = tmpfs();
            let text = [short_holds(), origin_and_route("failing", &failing.url())];
            let listen = free_port();
            let text = text.concat();
            let http = format!(
                "tls_listen = [\"127.0.0.1:{listen}\"]\ncertificates = \"{}\"\n",
                certificates.path().display()
            );
            let appliance = Appliance::start(disk, &http, &text);
            appliance.await_calm();
            ask(&appliance, "/failing/", 150);
            certify(certificates.path(), 20);
            fill(&appliance.daemon.cache(), 92);
            let errors = ("http-5xx", "node", "critical");
            let certificate = ("cert-expiry", "node", "major");
            let filling = ("disk-filling", "disk", "major");
            let surfaces = await_told(&appliance, &[errors, certificate, filling]);
            assert_one_alarm_each(&surfaces, &[]);
            fill(&appliance.daemon.cache(), 97);
            let full = ("disk-full", "disk", "critical");
            let surfaces = await_told(&appliance, &[errors, certificate, full]);
            assert_one_alarm_each(&surfaces, &[filling]);
        },
    );
}

#[test]
fn an_origin_that_is_late_is_an_alarm() {
    in_own_network(
        concat!(module_path!(), "::an_origin_that_is_late_is_an_alarm"),
        || {
            let late = Origin::start(|_| {
                Reply::default()
                    .pause(Duration::from_millis(1_300))
                    .then(Reply::new(200, &[], "at last"))
            });
            let text = [short_holds(), origin_and_route("late", &late.url())];
            let appliance = Appliance::start(folder(), "", &text.concat());
            appliance.await_calm();
            std::thread::scope(|scope| {
                for client in 0..12 {
                    let appliance = &appliance;
                    scope.spawn(move || ask(appliance, &format!("/late/{client}-"), 10));
                }
            });
            let surfaces = await_told(&appliance, &[("http-latency", "node", "major")]);
            assert_one_alarm_each(&surfaces, &[]);
        },
    );
}

#[test]
fn tokens_that_somebody_guesses_are_an_alarm_that_names_the_address_alone() {
    in_own_network(
        concat!(
            module_path!(),
            "::tokens_that_somebody_guesses_are_an_alarm_that_names_the_address_alone"
        ),
        || {
            lay_cable();
            let own = folder();
            let secret = own.path().join("token");
            fs::write(&secret, "0".repeat(64)).expect("the temporary folder can be written");
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(&secret, private).expect("it is ours");
            let token = format!(
                "[[management.token]]\nname = \"robot\"\nrole = \"admin\"\nsecret = \"{}\"\n\
                 expires = \"2100-01-01T00:00:00Z\"\n",
                secret.display()
            );
            let text = [
                short_holds(),
                token,
                origin_and_route("idle", "http://127.0.0.1:9"),
            ];
            let appliance = Appliance::start(folder(), "", &text.concat());
            appliance.await_calm();
            let url = appliance.daemon.management("/api/v1/purge");
            let guess = format!("Bearer {}", "guess".repeat(8));
            for _ in 0..6 {
                let fields = [("Authorization", guess.as_str())];
                let answer = http::request("POST", &url, &fields, b"{}");
                assert_eq!(answer.expect("an answer").status, 401);
            }
            let expected = ("auth-failures", "node", "warning");
            let surfaces = await_told(&appliance, &[expected]);
            assert_one_alarm_each(&surfaces, &[]);
            let text = appliance.alarms()["active"][0]["text"].to_string();
            assert!(text.contains("the last came from 127.0.0.1"), "{text}");
            assert!(!text.contains("guess") && !text.contains("robot"), "{text}");
            let counted = |name: &str| {
                let status = http::get(&appliance.daemon.management("/api/v1/status"));
                status.expect("an answer").json()["authentication"][name].clone()
            };
            assert_eq!(counted("tokens_refused"), 6);
            assert_eq!(counted("logins"), 0);
        },
    );
}

#[test]
fn a_file_with_mistakes_that_is_read_again_is_an_alarm_until_a_sound_one_is() {
    in_own_network(
        concat!(
            module_path!(),
            "::a_file_with_mistakes_that_is_read_again_is_an_alarm_until_a_sound_one_is"
        ),
        || {
            lay_cable();
            let text = [
                short_holds(),
                origin_and_route("idle", "http://127.0.0.1:9"),
            ];
            let appliance = Appliance::start(folder(), "", &text.concat());
            appliance.await_calm();
            let file = appliance.daemon.file();
            let sound = fs::read_to_string(&file).expect("the file is ours");
            let broken = format!("{sound}[cache2]\n[http2]\n");
            fs::write(&file, broken).expect("the file is ours");
            appliance.daemon.process().signal("HUP");
            let surfaces = await_told(&appliance, &[("config-rejected", "node", "major")]);
            assert_one_alarm_each(&surfaces, &[]);
            let text = appliance.alarms()["active"][0]["text"].to_string();
            for part in ["cache2", "and 1 more"] {
                assert!(text.contains(part), "{text}");
            }
            fs::write(&file, &sound).expect("the file is ours");
            appliance.daemon.process().signal("HUP");
            let after = appliance.await_calm();
            assert_eq!(after.agree(), Ok(()));
            let user = "[[management.user]]\nname = \"ann\"\nrole = \"viewer\"\n\
                        secret = \"/nonexistent/ann\"\n";
            fs::write(&file, format!("{sound}{user}")).expect("the file is ours");
            appliance.daemon.process().signal("HUP");
            await_told(&appliance, &[("config-rejected", "node", "major")]);
            let text = appliance.alarms()["active"][0]["text"].to_string();
            assert!(text.contains("cannot read /nonexistent/ann"), "{text}");
        },
    );
}

/// Where the initramfs of an image tells which slot runs, and where the boot loader has kernels.
const RUNNING: &str = "/run/weir/slot";
const KERNELS: &str = "/efi/EFI/Linux";

#[test]
fn an_update_that_the_boot_loader_gives_up_is_an_alarm_until_the_next_one() {
    in_own_network(
        concat!(
            module_path!(),
            "::an_update_that_the_boot_loader_gives_up_is_an_alarm_until_the_next_one"
        ),
        || {
            enter_own_root();
            lay_cable();
            let kernel = |name: &str| Path::new(KERNELS).join(name);
            fs::create_dir_all(KERNELS).expect("the root is ours");
            fs::create_dir_all("/run/weir").expect("the root is ours");
            fs::write(RUNNING, "a\n").expect("the root is ours");
            fs::write(kernel("weir_1.0.0_a.efi"), "").expect("the root is ours");
            fs::write(kernel("weir_1.1.0_b+3.efi"), "").expect("the root is ours");
            let text = [
                short_holds(),
                origin_and_route("idle", "http://127.0.0.1:9"),
            ];
            let appliance = Appliance::start(folder(), "", &text.concat());
            appliance.await_calm();
            let rename = |from: &str, to: &str| {
                fs::rename(kernel(from), kernel(to)).expect("the root is ours");
            };
            rename("weir_1.1.0_b+3.efi", "weir_1.1.0_b+0-3.efi");
            let surfaces = await_told(&appliance, &[("slot-rollback", "slot/b", "major")]);
            assert_one_alarm_each(&surfaces, &[]);
            let slots = http::get(&appliance.daemon.management("/api/v1/slots"));
            let slots = slots.expect("an answer").json()["slots"].clone();
            let told = ["slot", "version", "state", "tries_done"].map(|it| slots[1][it].clone());
            assert_eq!(
                told,
                ["b".into(), "1.1.0".into(), "bad".into(), Value::from(3)]
            );
            rename("weir_1.1.0_b+0-3.efi", "weir_1.2.0_b+3.efi");
            let after = appliance.await_calm();
            assert_eq!(after.agree(), Ok(()));
        },
    );
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A small file system of the test's own.
fn tmpfs() -> TempDir {
    let folder = folder();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=96m", "tmpfs"]);
    peer(mount.arg(folder.path()));
    folder
}

/// Fills the file system that holds `cache` up to so many percent.
fn fill(cache: &Path, percent: u64) {
    let text = peer(
        Command::new("df")
            .args(["-B1", "--output=size,used"])
            .arg(cache),
    );
    let numbers = text
        .split_whitespace()
        .filter_map(|word| word.parse::<u64>().ok());
    let numbers: Vec<u64> = numbers.collect();
    let [size, used] = numbers[..] else {
        panic!("{text}");
    };
    let file = cache
        .parent()
        .expect("a folder")
        .join(format!("filler-{percent}"));
    let mut file = File::create(file).expect("there is room");
    let bytes = size * percent / 100 - used;
    io::copy(&mut io::repeat(0).take(bytes), &mut file).expect("there is room");
}

/// Puts a certificate in place that ends in so many days.
fn certify(directory: &Path, days: u32) {
    let (certificate, key) = (directory.join("edge.crt"), directory.join("edge.key"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    openssl.args([
        "-nodes",
        "-subj",
        "/CN=edge",
        "-addext",
        "subjectAltName=DNS:edge.example",
    ]);
    openssl.args(["-days", &days.to_string(), "-keyout"]);
    peer(openssl.arg(key).arg("-out").arg(certificate));
}
