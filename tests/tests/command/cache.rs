//! `weir cache` on caches that are whole, damaged, in use or none.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use weir_cache::{Class, Config, Key, Store};
use weir_hal::linux;

use super::{file, folder, plain, text, weir, weir_to_nobody};

const PATIENCE: Duration = Duration::from_mins(1);

/// A cache of 4 MiB in `cache` below the folder.
fn open(folder: &TempDir) -> Store {
    let board = linux::board();
    let config = Config {
        path: folder.path().join("cache"),
        bytes_max: 4 << 20,
        memory_bytes_max: 4 << 20,
        ..Config::default()
    };
    Store::open(board.disk, Arc::clone(&board.clock), &config).expect("a cache")
}

fn put(store: &Store, key: &str, class: Class, body: &[u8]) {
    let key = Key::new(key).expect("a fit key");
    let mut writer = store
        .begin(&key, class, b"text".to_vec().into())
        .expect("room");
    writer.append(body.to_vec().into()).expect("room");
    drop(writer.commit().expect("room"));
    assert!(store.flush(PATIENCE), "{key} does not reach the disk");
}

/// A body of which no part is like another.
fn body(salt: u8) -> Vec<u8> {
    let mixed = |index: usize| (index.wrapping_mul(0x9e37_79b9) >> 13).to_le_bytes()[0] ^ salt;
    (0..100_000).map(mixed).collect()
}

/// A cache with two live objects and one of class low, closed in order.
fn filled() -> (TempDir, PathBuf) {
    let folder = folder();
    let store = open(&folder);
    put(&store, "/live/a/1.ts", Class::Live, &body(1));
    put(&store, "/live/a/2.ts", Class::Live, &body(2));
    put(&store, "/vod/größe.ts", Class::Low, &body(3));
    drop(store);
    let path = folder.path().join("cache");
    (folder, path)
}

/// Flips one bit in the middle of the body of salt `salt`.
fn damage(cache: &Path, salt: u8) {
    let path = cache.join("store");
    let mut bytes = fs::read(&path).expect("there is a cache");
    let body = body(salt);
    let found = bytes
        .windows(64)
        .position(|window| *window == body[50_000..50_064]);
    bytes[found.expect("the body is in the cache")] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("it is JSON")
}

#[test]
fn stat_tells_kind_state_and_fill() {
    let (_folder, cache) = filled();
    let output = weir(&["cache", "stat", "--path", plain(&cache), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = json(&output.stdout);
    assert_eq!(told["condition"], "closed");
    assert_eq!(told["kind"], "file");
    assert_eq!(told["objects"], 3);
    assert_eq!(told["classes"]["live"]["objects"], 2);
    assert_eq!(told["regions"]["bad"], 0);
    assert!(
        told["oldest"].is_string() && told["newest"].is_string(),
        "{told}"
    );
    let output = weir(&["cache", "stat", "--path", plain(&cache)]);
    let told = text(&output.stdout);
    for line in ["  state      closed in order", " live       2        "] {
        assert!(told.lines().any(|told| told.starts_with(line)), "{told}");
    }
}

#[test]
fn the_configuration_tells_where_the_cache_is() {
    let (folder, cache) = filled();
    let told = format!("{}[cache]\npath = \"{}\"\n", super::GOOD, cache.display());
    let config = file(&folder, "weir.toml", told);
    let output = weir(&["cache", "list", "--config", plain(&config)]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout).lines().count(), 3, "{output:?}");
    let output = weir(&["cache", "list", "--config", plain(&config), "--path", "/a"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
}

#[test]
fn a_cache_in_use_is_looked_at_and_left_as_it_is() {
    let folder = folder();
    let store = open(&folder);
    put(&store, "/a", Class::Live, &body(1));
    let cache = folder.path().join("cache");
    let before = fs::read(cache.join("store")).expect("there is a cache");
    let place = ["--path", plain(&cache)];
    let output = weir(&[&["cache", "stat", "--json"], &place[..]].concat());
    assert_eq!(json(&output.stdout)["condition"], "in_use", "{output:?}");
    let output = weir(&[&["cache", "verify"], &place[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        text(&output.stdout),
        "all is well: 1 objects, 97.6 KiB, are whole\n"
    );
    assert!(fs::read(cache.join("store")).expect("there is a cache") == before);
    put(&store, "/b", Class::Live, &body(2));
}

#[test]
fn verify_names_what_would_be_dropped_and_why() {
    let (_folder, cache) = filled();
    let verify = ["cache", "verify", "--path", plain(&cache)];
    assert_eq!(weir(&verify).status.code(), Some(0));
    damage(&cache, 2);
    let output = weir(&verify);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    let told = text(&output.stdout);
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[0].starts_with("/live/a/2.ts: damaged body, in the 256 KiB from"),
        "{told}"
    );
    assert_eq!(
        lines[1],
        "1 object would be dropped; 2, 195.3 KiB, are whole"
    );
    let errors = text(&output.stderr);
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.starts_with("weir: 1 of the objects in "), "{errors}");
    let output = weir(&[&verify[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    let told = json(&output.stdout);
    assert_eq!(told["objects"], 2);
    assert_eq!(told["dropped"][0]["key"], "/live/a/2.ts");
    assert_eq!(told["dropped"][0]["reason"], "damaged_body");
}

#[test]
fn list_is_one_object_a_line() {
    let (_folder, cache) = filled();
    let output = weir(&["cache", "list", "/live/", "--path", plain(&cache)]);
    let told = text(&output.stdout);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].starts_with("      100000  live       "), "{told}");
    assert!(lines[0].ends_with(" s  /live/a/1.ts"), "{told}");
    let output = weir(&["cache", "list", "--json", "--path", plain(&cache)]);
    let told = text(&output.stdout);
    let objects: Vec<Value> = told.lines().map(|line| json(line.as_bytes())).collect();
    let mut keys: Vec<&str> = objects
        .iter()
        .filter_map(|object| object["key"].as_str())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["/live/a/1.ts", "/live/a/2.ts", "/vod/größe.ts"]);
    assert!(
        objects.iter().all(|object| object["bytes"] == 100_000),
        "{told}"
    );
}

#[test]
fn a_list_whose_reader_has_seen_enough_is_no_failure() {
    let (_folder, cache) = filled();
    let output = weir_to_nobody(&["cache", "list", "--path", plain(&cache)]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn an_exported_object_is_what_was_put_in() {
    let (folder, cache) = filled();
    let export = ["cache", "export", "/vod/größe.ts", "--path", plain(&cache)];
    let output = weir(&export);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout == body(3));
    let out = folder.path().join("out.ts");
    let output = weir(&[&export[..], &["--out", plain(&out)]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(fs::read(&out).expect("it is there") == body(3));
}

#[test]
fn an_object_that_is_not_there_or_damaged_is_not_exported() {
    let (folder, cache) = filled();
    let out = folder.path().join("out.ts");
    let export = |key: &str| {
        let place = ["--path", plain(&cache), "--out", plain(&out)];
        weir(&[&["cache", "export", key], &place[..]].concat())
    };
    let output = export("/none");
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.starts_with("weir: there is no /none in the cache in "),
        "{told}"
    );
    assert_eq!(export("/a\u{7}").status.code(), Some(64));
    damage(&cache, 1);
    let output = export("/live/a/1.ts");
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.contains("/live/a/1.ts") && told.contains("damaged body"),
        "{told}"
    );
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "nothing but the cache is there");
}

#[test]
fn what_is_no_cache_is_named_with_74_and_one_sentence() {
    let folder = folder();
    let foreign = file(&folder, "foreign", "precious");
    for path in [Path::new("/nonexistent/a"), folder.path(), &foreign] {
        for act in [&["stat"][..], &["verify"], &["list"], &["export", "/a"]] {
            let output = weir(&[&["cache"], act, &["--path", plain(path)]].concat());
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(74), "{act:?}: {told}");
            assert!(output.stdout.is_empty(), "{act:?}: {output:?}");
            assert!(
                told.starts_with("weir: ") && told.contains(plain(path)),
                "{told}"
            );
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}

#[test]
fn every_act_has_help_with_examples() {
    for act in ["stat", "verify", "list", "export"] {
        let output = weir(&["cache", act, "--help"]);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{help}");
        assert!(help.contains(&format!("weir cache {act}")), "{help}");
        assert!(help.contains("Examples:"), "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "{help}"
        );
    }
}
