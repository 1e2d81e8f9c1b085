//! What an operator gets wrong is named at once, with the remedy.

use std::{net::TcpListener, path::Path, time::Duration};

use tempfile::TempDir;
use weir_tests::process::{Ended, weir};

const SOON: Duration = Duration::from_secs(10);

const TEN_MISTAKES: &str = r#"
[node]
name = ""
[http]
listen = ["nowhere"]
[cache]
size = "10 elephants"
colour = "blue"
[segment]
target = "0s"
window = "ten"
[[channel]]
id = "CH 1"
  [[channel.rendition]]
  name = "a"
  sources = ["udp://239.1.1.1"]
  program = 70000
[[channel]]
id = "CH_2"
priority = "urgent"
"#;

fn run(folder: &TempDir, text: &str) -> Ended {
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, text).expect("the temporary folder can be written");
    weir(["run", "--config", path(&file)], SOON)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn ten_mistakes_are_all_listed_with_key_and_line_before_any_socket_opens() {
    let folder = TempDir::new().expect("a temporary folder");
    let ended = run(&folder, TEN_MISTAKES);
    assert_eq!(ended.status.code(), Some(78), "{}", ended.output);
    let expected = [
        (3, "node.name"),
        (5, "http.listen[0]"),
        (7, "cache.size"),
        (8, "cache.colour"),
        (10, "segment.target"),
        (11, "segment.window"),
        (13, "channel[0].id"),
        (16, "channel[0].rendition[0].sources[0]"),
        (17, "channel[0].rendition[0].program"),
        (20, "channel[1].priority"),
    ];
    for (line, key) in expected {
        let named = ended.output.lines().any(|text| {
            text.contains(&format!("line {line}:")) && text.contains(&format!("{key}:"))
        });
        assert!(
            named,
            "line {line}, {key} is not named in\n{}",
            ended.output
        );
    }
}

#[test]
fn a_busy_port_is_named_with_the_remedy() {
    let folder = TempDir::new().expect("a temporary folder");
    let busy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = busy
        .local_addr()
        .expect("a bound socket has an address")
        .to_string();
    let cache = folder.path().join("cache");
    let ended = run(
        &folder,
        &format!(
            "[http]\nlisten = [\"{address}\"]\n[management]\nlisten = \"127.0.0.1:0\"\n[cache]\n\
             path = \"{}\"\n[[channel]]\nid = \"a\"\n[[channel.rendition]]\nname = \"r\"\n\
             sources = [\"udp://239.255.82.1:5000\"]\n",
            cache.display()
        ),
    );
    assert_eq!(ended.status.code(), Some(69), "{}", ended.output);
    assert!(ended.output.contains(&address), "{}", ended.output);
    assert!(ended.output.contains("listen"), "{}", ended.output);
}

#[test]
fn a_cache_path_that_cannot_be_written_is_named_with_the_remedy() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "in the way").expect("the temporary folder can be written");
    let cache = file.join("cache");
    let ended = run(
        &folder,
        &format!(
            "[http]\nlisten = [\"127.0.0.1:0\"]\n[management]\nlisten = \"127.0.0.1:0\"\n[cache]\n\
             path = \"{}\"\n[[channel]]\nid = \"a\"\n[[channel.rendition]]\nname = \"r\"\n\
             sources = [\"udp://239.255.82.1:5000\"]\n",
            cache.display()
        ),
    );
    assert_eq!(ended.status.code(), Some(74), "{}", ended.output);
    assert!(ended.output.contains(path(&cache)), "{}", ended.output);
    assert!(ended.output.contains("cache.path"), "{}", ended.output);
}

#[test]
fn a_missing_file_is_named() {
    let ended = weir(["run", "--config", "/nonexistent/weir.toml"], SOON);
    assert_eq!(ended.status.code(), Some(74), "{}", ended.output);
    assert!(
        ended.output.contains("/nonexistent/weir.toml"),
        "{}",
        ended.output
    );
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    assert_eq!(weir(["run", "--sideways"], SOON).status.code(), Some(64));
}
