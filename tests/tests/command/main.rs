//! The command line as scripts and people meet it: exit codes, what goes to which stream, and
//! that what is printed fits its reader.

mod bundle;
mod cache;
mod log;
mod probe;
mod status;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use weir_tests::{process::weir_binary, stream::Encoder};

const COMMANDS: [&str; 12] = [
    "demo", "run", "check", "analyze", "segment", "probe", "validate", "send", "status",
    "recorder", "bundle", "cache",
];

const GOOD: &str = "[[channel]]\nid = \"CH_1\"\n[[channel.rendition]]\nname = \"HD\"\n\
    sources = [\"udp://239.255.83.1:5000\"]\n";

/// Runs `weir` to its end, at most a minute, with both streams piped.
fn weir(arguments: &[&str]) -> Output {
    Command::new("timeout")
        .arg("60")
        .arg(weir_binary())
        .args(arguments)
        .output()
        .expect("timeout (Debian package coreutils) is installed")
}

/// Runs `weir` with its output in a pipe that nobody reads any more.
fn weir_to_nobody(arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Command::new(weir_binary())
        .args(arguments)
        .stdout(writer)
        .output()
        .expect("weir runs")
}

/// Runs `weir` with its streams on a terminal of 80 columns, and returns all it wrote there.
fn weir_on_terminal(arguments: &[&str], environment: &str) -> String {
    let binary = weir_binary();
    let command = format!(
        "stty cols 80; {environment} timeout 60 {} {}",
        binary.display(),
        arguments.join(" ")
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .output()
        .expect("script (Debian package bsdutils) is installed");
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("weir prints UTF-8")
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("the temporary folder can be written");
    path
}

/// Ten seconds of pictures, a key frame every second.
fn recording(folder: &TempDir) -> PathBuf {
    let mut encoder = Encoder::new(90_000, 2_000);
    let stream: Vec<u8> = (0..250).flat_map(|_| encoder.picture()).collect();
    file(folder, "recording.ts", stream)
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn help_names_every_command_and_each_has_help_with_examples() {
    let help = text(&weir(&["--help"]).stdout);
    for command in COMMANDS {
        let is_listed = help
            .lines()
            .any(|line| line.starts_with(&format!("  {command} ")));
        assert!(is_listed, "{command} is missing in\n{help}");
        let output = weir(&[command, "--help"]);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(
            help.contains("Examples:") && help.contains(&format!("weir {command}")),
            "{help}"
        );
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "{help}"
        );
    }
}

#[test]
fn a_command_line_that_cannot_be_obeyed_ends_with_64() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["check"],
        &["send", "a.ts", "239.1.1.1:1234"],
        &["send", "a.ts", "http://host/"],
        &["send", "a.ts", "udp://10.0.0.1@239.1.1.1:1234"],
        &["probe", "udp://239.1.1.1"],
        &["segment", "a.ts", "--out", "b", "--target", "6"],
        &["segment", "a.ts", "--out", "b", "--program", "0"],
    ] {
        let output = weir(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {output:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}: {output:?}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_ends_with_74_and_one_sentence() {
    for arguments in [
        &["check", "/nonexistent/a"][..],
        &["analyze", "/nonexistent/a"],
        &["segment", "/nonexistent/a", "--out", "/nonexistent/b"],
        &["send", "/nonexistent/a", "udp://239.255.83.2:5000"],
    ] {
        let output = weir(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{arguments:?}: {told}");
        assert!(
            told.starts_with("weir: cannot ") && told.contains("/nonexistent/a"),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn a_source_out_of_reach_ends_with_69() {
    let folder = folder();
    let recording = recording(&folder);
    for arguments in [
        &[
            "probe",
            "udp://239.255.83.3:5000",
            "--interface",
            "weir-none",
        ][..],
        &[
            "probe",
            "udp://239.255.83.3:5000",
            "--interface",
            "lo",
            "--seconds",
            "1",
        ],
        // Nobody listens on the port of the discard service.
        &["probe", "http://127.0.0.1:9/a.ts", "--seconds", "1"],
        &[
            "send",
            plain(&recording),
            "udp://239.255.83.3:5000",
            "--interface",
            "weir-none",
        ],
    ] {
        let output = weir(arguments);
        assert_eq!(output.status.code(), Some(69), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    }
}

#[test]
fn check_tells_what_a_good_file_configures_and_what_is_suspicious() {
    let folder = folder();
    let suspicious = format!("{GOOD}[[origin]]\nname = \"idle\"\nurls = [\"http://origin\"]\n");
    let path = file(&folder, "weir.toml", suspicious);
    let output = weir(&["check", plain(&path)]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = text(&output.stdout);
    assert!(told.contains("1 channel, 1 rendition, 1 origin"), "{told}");
    assert!(told.contains("udp://239.255.83.1:5000"), "{told}");
    let warned = text(&output.stderr);
    assert!(
        warned.starts_with("warning: line 7: origin[0].name:"),
        "{warned}"
    );
}

#[test]
fn check_ends_with_78_and_counts_the_mistakes() {
    let folder = folder();
    let path = file(
        &folder,
        "weir.toml",
        format!("{GOOD}nmae = 1\n[cache]\nsize = \"1 GB2\"\n"),
    );
    let output = weir(&["check", plain(&path)]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let told = text(&output.stderr);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert_eq!(
        lines[0],
        "line 6: channel[0].rendition[0].nmae: there is no such key: did you mean `name`?"
    );
    assert!(
        lines[1].starts_with("line 8: cache.size: \"1 GB2\" is no size"),
        "{told}"
    );
    assert_eq!(lines[2], format!("weir: 2 mistakes in {}", path.display()));
}

#[test]
fn check_reads_the_secrets_of_snmp_and_names_the_one_that_cannot_be_used() {
    let folder = folder();
    let secret = |name: &str, text: &str, mode: u32| {
        let path = file(&folder, name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        path.display().to_string()
    };
    let good = secret("good", "a-phrase-of-tests\n", 0o600);
    let short = secret("short", "short\n", 0o600);
    let open = secret("open", "a-phrase-of-tests\n", 0o644);
    let check = |privacy: &str| {
        let user = format!(
            "[snmp]\n[[snmp.user]]\nname = \"noc\"\nauth_secret = \"{good}\"\n\
             privacy_secret = \"{privacy}\"\n"
        );
        weir(&[
            "check",
            plain(&file(&folder, "weir.toml", GOOD.to_owned() + &user)),
        ])
    };
    assert_eq!(check(&good).status.code(), Some(0));
    for (privacy, why) in [
        ("/nonexistent/secret", "cannot read /nonexistent/secret"),
        (&short, "holds less than 8 bytes"),
        (&open, "may be read by everybody"),
    ] {
        let output = check(privacy);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let told = text(&output.stderr);
        assert!(told.contains(privacy) && told.contains(why), "{told}");
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_with_the_line() {
    let folder = folder();
    let path = file(&folder, "weir.toml", b"[node]\nname = \"\xFF\"\n");
    let output = weir(&["check", plain(&path)]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.starts_with("line 2: not UTF-8: save the file as UTF-8 text\n"),
        "{told}"
    );
}

#[test]
fn json_is_json_and_nothing_else() {
    let folder = folder();
    let recording = recording(&folder);
    let output = weir(&["analyze", plain(&recording), "--json", "--color", "always"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    for key in ["packets", "bitrate_bps", "services", "pids", "tr_101_290"] {
        assert!(report.get(key).is_some(), "{key} is missing in {report}");
    }
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_pipe_gets_neither_colour_nor_progress() {
    let folder = folder();
    let recording = recording(&folder);
    let out = folder.path().join("out");
    for arguments in [
        &["analyze", plain(&recording)][..],
        &["segment", plain(&recording), "--out", plain(&out)],
    ] {
        let output = weir(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        assert!(!text(&output.stdout).contains(['\x1B', '\r']), "{output:?}");
    }
}

#[test]
fn a_terminal_gets_colour_unless_it_is_unwanted() {
    let folder = folder();
    let path = file(&folder, "weir.toml", GOOD);
    let check = ["check", plain(&path)];
    assert!(weir_on_terminal(&check, "").contains('\x1B'));
    assert!(!weir_on_terminal(&check, "NO_COLOR=1").contains('\x1B'));
    let never = ["check", plain(&path), "--color", "never"];
    assert!(!weir_on_terminal(&never, "").contains('\x1B'));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = folder();
    let path = file(&folder, "weir.toml", GOOD);
    let output = weir_to_nobody(&["check", plain(&path)]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn segment_writes_a_playlist_of_whole_segments() {
    let folder = folder();
    let recording = recording(&folder);
    let out = folder.path().join("out");
    let output = weir(&[
        "segment",
        plain(&recording),
        "--out",
        plain(&out),
        "--target",
        "4s",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let playlist = fs::read_to_string(out.join("media.m3u8")).expect("there is a playlist");
    let listed: Vec<&str> = playlist
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(listed.len(), 3, "{playlist}");
    for name in listed {
        let bytes = fs::metadata(out.join(name))
            .expect("a listed segment is there")
            .len();
        assert!(
            bytes > 0 && bytes.is_multiple_of(188),
            "{name} has {bytes} bytes"
        );
    }
}

#[test]
fn segment_names_the_programs_there_are() {
    let folder = folder();
    let recording = recording(&folder);
    let out = folder.path().join("out");
    let output = weir(&[
        "segment",
        plain(&recording),
        "--out",
        plain(&out),
        "--program",
        "999",
    ]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(
        text(&output.stderr).contains("program 999 is not in"),
        "{output:?}"
    );
    assert!(!out.join("media.m3u8").exists());
}

#[test]
fn check_reads_the_secrets_of_users_and_names_the_one_that_cannot_be_used() {
    let folder = folder();
    let check = |secret: &str| {
        let user = format!(
            "[[management.user]]\nname = \"ann\"\nrole = \"viewer\"\nsecret = \"{secret}\"\n"
        );
        let path = file(&folder, "weir.toml", GOOD.to_owned() + &user);
        weir(&["check", plain(&path)])
    };
    let open = file(&folder, "open", "no hash\n");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(&open, mode).expect("it is ours");
    for (secret, why) in [
        ("/nonexistent/secret", "cannot read /nonexistent/secret"),
        (plain(&open), "may be read by everybody"),
    ] {
        let output = check(secret);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let told = text(&output.stderr);
        assert!(told.contains(secret) && told.contains(why), "{told}");
    }
}
