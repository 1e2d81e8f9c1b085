//! All playlists of a test, handed to every parser of others at once: hls-parser (strict),
//! m3u8-parser and hls.js in one process, m3u8 of `PyPI` in another, threefive in a third.
//!
//! Each parser must take each list, and see in it as many of each kind as are there: one that reads
//! past what it does not understand accepts nothing.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    npm::{HLS_JS_MODULE, HLS_PARSER, M3U8_PARSER},
    process::peer,
    pypi::{M3U8, THREEFIVE},
};

/// Decodes each line of hexadecimal digits; a message that it refuses ends it.
const DECODE: &str = "
import sys
import threefive
for line in open(sys.argv[1]):
    cue = threefive.Cue(line.strip())
    assert cue.decode(), line
    print(cue.command.name)
";

/// Playlists by what they are, each text once.
#[derive(Debug, Default)]
pub struct Lists {
    names: BTreeMap<String, String>,
}

impl Lists {
    /// Takes `text`, a list of the kind `name`.
    pub fn take(&mut self, name: &str, text: &str) {
        let name = name.to_owned();
        self.names.entry(text.to_owned()).or_insert(name);
    }

    /// True when one of the kind `name` holds `text`.
    pub fn have(&self, name: &str, text: &str) -> bool {
        let mut rows = self.names.iter();
        rows.any(|(list, kind)| kind == name && list.contains(text))
    }

    /// How many different ones were taken.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True before the first.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Has every parser read every list.
    ///
    /// # Panics
    /// When one complains, or sees more or less in a list than there is.
    pub fn assert_accepted(&self) {
        let folder = TempDir::new().expect("a folder");
        let lists = folder.path().join("lists");
        fs::create_dir(&lists).expect("the folder can be written");
        let rows = self.names.iter().enumerate();
        let rows: Vec<_> = rows
            .map(|(index, (text, kind))| (format!("{index:05}.m3u8"), kind, text))
            .collect();
        for (file, _, text) in &rows {
            fs::write(lists.join(file), text).expect("the folder can be written");
        }
        let (by_node, by_python) = (by_node(&lists), by_python(&lists));
        for (file, kind, text) in &rows {
            let readers = by_node[file].as_object().expect("an object").iter();
            let readers = readers.map(|(reader, told)| (reader.as_str(), told));
            for (reader, told) in readers.chain([("m3u8", &by_python[file])]) {
                assert_sees_all(reader, told, (kind, text));
            }
        }
        let messages = self.names.keys().flat_map(|text| messages(text));
        let messages: Vec<_> = messages.collect();
        let file = folder.path().join("messages");
        fs::write(&file, messages.join("\n")).expect("the folder can be written");
        let decoded = THREEFIVE.run(DECODE, &file.display().to_string());
        assert_eq!(decoded.lines().count(), messages.len(), "{decoded}");
    }
}

fn by_node(lists: &Path) -> Value {
    let mut node = HLS_JS_MODULE.node();
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/parsers/lists.js"));
    node.args([HLS_PARSER.path(), M3U8_PARSER.path()])
        .arg(lists);
    serde_json::from_str(&peer(&mut node)).expect("the script prints JSON")
}

fn by_python(lists: &Path) -> Value {
    let told = M3U8.run(include_str!("lists.py"), &lists.display().to_string());
    serde_json::from_str(&told).expect("the script prints JSON")
}

/// What a parser told is what is there, as far as it tells.
fn assert_sees_all(reader: &str, told: &Value, (kind, text): (&str, &str)) {
    let told = told.as_object().expect("an object");
    assert!(
        !told.is_empty() && !told.contains_key("complaint"),
        "{reader}: {kind}: {told:?}\n{text}"
    );
    let there = there(text);
    for (what, seen) in told {
        assert_eq!(
            Some(seen),
            there.get(what),
            "{reader}: {kind}: {what}\n{text}"
        );
    }
}

/// What is in a list, counted line by line.
fn there(text: &str) -> Value {
    let count = |tag: &str| {
        let lines = text.lines().filter(|line| line.starts_with(tag));
        lines.count()
    };
    if text.contains("#EXT-X-STREAM-INF") {
        json!({
            "variants": count("#EXT-X-STREAM-INF:"),
            "subtitles": count("#EXT-X-MEDIA:TYPE=SUBTITLES,"),
        })
    } else {
        json!({
            "sequence": sequence(text),
            "segments": count("#EXTINF:"),
            "discontinuities": text.lines().filter(|it| *it == "#EXT-X-DISCONTINUITY").count(),
            "gaps": count("#EXT-X-GAP"),
            "dated": count("#EXT-X-PROGRAM-DATE-TIME:"),
            "encrypted": encrypted(text),
            "ranges": ranges(text),
            "outs": count("#EXT-X-CUE-OUT:"),
            "ins": count("#EXT-X-CUE-IN"),
            "is_ended": text.contains("#EXT-X-ENDLIST"),
        })
    }
}

fn sequence(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let digits = lines.find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))?;
    digits.parse().ok()
}

/// Segments behind an EXT-X-KEY, which holds until the next.
fn encrypted(text: &str) -> usize {
    let (mut is_encrypted, mut count) = (false, 0);
    for line in text.lines() {
        if let Some(key) = line.strip_prefix("#EXT-X-KEY:") {
            is_encrypted = key != "METHOD=NONE";
        }
        count += usize::from(is_encrypted && line.starts_with("#EXTINF:"));
    }
    count
}

/// Events that lines tell of.
fn ranges(text: &str) -> usize {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-DATERANGE:ID="));
    let mut events: Vec<_> = lines.filter_map(|line| line.split(',').next()).collect();
    events.sort_unstable();
    events.dedup();
    events.len()
}

/// The messages of SCTE 35 in a list.
fn messages(text: &str) -> impl Iterator<Item = &str> {
    let attributes = text
        .lines()
        .filter(|line| line.starts_with("#EXT-X-DATERANGE:"));
    let attributes = attributes.flat_map(|line| line.split(','));
    attributes.filter_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        ["SCTE35-OUT", "SCTE35-IN", "SCTE35-CMD"]
            .contains(&name)
            .then_some(value)
    })
}
