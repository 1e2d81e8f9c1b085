//! Keys that cannot be used end the start with one sentence, and nothing of them is told.

use std::{fs, time::Duration};

use tempfile::TempDir;
use weir_tests::{daemon::free_port, process::weir};

use crate::rig::{SECRET, put, set_mode};

/// What `weir run` says of a channel with its keys at `name` in `folder`.
fn refusal(folder: &TempDir, name: &str) -> String {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "[http]\nlisten = [\"127.0.0.1:{}\"]\n[management]\nlisten = \"127.0.0.1:{}\"\n\
         [cache]\npath = \"{}\"\nsize = \"64MiB\"\n[[channel]]\nid = \"ch\"\n\
         [channel.encryption]\nkeys = \"{}\"\n[[channel.rendition]]\nname = \"r\"\n\
         sources = [\"udp://239.255.93.8:9\"]\ninterface = \"lo\"\n",
        free_port(),
        free_port(),
        path("cache"),
        path(name)
    );
    let file = folder.path().join("weir.toml");
    fs::write(&file, text).expect("the folder can be written");
    let file = file.to_str().expect("a plain path");
    let ended = weir(["run", "--config", file], Duration::from_secs(20));
    assert_eq!(ended.status.code(), Some(78), "{}", ended.output);
    assert!(!ended.output.contains(SECRET), "{}", ended.output);
    let errors = ended
        .output
        .lines()
        .filter(|line| line.contains("channel ch has no keys"));
    let errors: Vec<_> = errors.map(str::to_owned).collect();
    assert_eq!(errors.len(), 1, "one sentence: {}", ended.output);
    errors.concat()
}

#[test]
fn each_kind_of_keys_that_cannot_be_used_has_its_sentence() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    for name in ["none", "long", "open"] {
        fs::create_dir(file(name)).expect("a folder");
    }
    put(&file("long/1.key"), &[7; 17]);
    put(&file("open/1.key"), &[7; 16]);
    set_mode(&file("open/1.key"), 0o644);
    put(&file("secret"), format!("{SECRET}0\n").as_bytes());
    put(&file("shown"), SECRET.as_bytes());
    set_mode(&file("shown"), 0o604);
    for (name, told) in [
        ("absent", "cannot look for keys at"),
        ("none", "there is no key in"),
        ("long", "1.key has 17 bytes: a key of AES-128 has 16"),
        (
            "open",
            "1.key may be read by everybody on this box: run `chmod o-r ",
        ),
        ("secret", "is no secret: write 32 to 128 hexadecimal digits"),
        ("shown", "shown may be read by everybody on this box"),
    ] {
        let refusal = refusal(&folder, name);
        assert!(refusal.contains(told), "{name}: {refusal}");
    }
}
