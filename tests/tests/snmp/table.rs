//! A table as a person sees it, by the module alone.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;
use weir_tests::{http, mib::objects, process::peer, wait::until};

use crate::{agreement::pascal, manager::Appliance, module::standard};

/// Far longer than it takes until two questions fall into one second.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the tool shows of a cell that is not there.
const NOTHING: &str = "?";

/// Cells by the descriptors of their columns.
type Row = BTreeMap<String, String>;

/// The rows of the table of channels, as the tool prints them.
fn shown(appliance: &Appliance, modules: &Path) -> Vec<Row> {
    let mut command = appliance.as_user("snmptable");
    command.arg("-M").arg(modules);
    command.args(["-m", "WEIR-MIB", "-OSU", "-Cf", "|"]);
    let told = peer(command.args([&appliance.address(), "WEIR-MIB::weirChannelTable"]));
    let mut lines = told.lines().filter(|line| line.contains('|'));
    let titles: Vec<&str> = lines.next().expect("a line of titles").split('|').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        assert_eq!(cells.len(), titles.len(), "{line}");
        let cells = titles.iter().zip(cells);
        let known = cells.filter(|(_, cell)| *cell != NOTHING);
        known
            .map(|(title, cell)| ((*title).to_owned(), cell.to_owned()))
            .collect()
    };
    lines.map(row).collect()
}

/// Adds the cells of a JSON object, whose names stand behind `prefix`; its parts are other tables.
fn cells(object: &Value, prefix: &str, to: &mut Row) {
    for (name, value) in object.as_object().expect("an object") {
        let descriptor = format!("{prefix}{}", pascal(name));
        let cell = match value {
            Value::Object(_) => {
                cells(value, &descriptor, to);
                continue;
            }
            Value::Array(_) | Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_u64() => number.to_string(),
            Value::Number(number) => {
                format!("{:.0}", number.as_f64().expect("a number") * 1e3)
            }
            Value::Bool(_) => panic!("{descriptor} is no cell"),
        };
        to.insert(descriptor, cell);
    }
}

/// The row that a channel of the API has, of what the module has objects of.
fn expected(channel: &Value, objects: &BTreeMap<String, String>) -> Row {
    let mut channel = channel.clone();
    let name = channel["channel"].take();
    channel
        .as_object_mut()
        .expect("an object")
        .remove("channel");
    let mut row = Row::new();
    cells(&channel, "weirChannel", &mut row);
    let name = name.as_str().expect("a name").to_owned();
    row.insert("weirChannelKey".to_owned(), name);
    row.retain(|descriptor, _| objects.contains_key(descriptor));
    row
}

#[test]
fn snmptable_shows_every_cell_of_the_channels_of_the_api_under_the_names_of_the_module() {
    let (appliance, modules) = (Appliance::start(3, "127.0.0.0/8"), standard());
    let get = |view: &str| {
        let url = appliance.daemon.management(&format!("/api/v1/{view}"));
        http::get(&url).expect("an answer").json()
    };
    let sequence = || get("status")["snapshot_sequence"].clone();
    let (mut shown, told) = until("two surfaces of one snapshot", PATIENCE, || {
        let before = sequence();
        let told = (shown(&appliance, modules.path()), get("channels"));
        (sequence() == before).then_some(told)
    });
    let channels = told["channels"].as_array().expect("a list");
    let objects = objects();
    let expected = channels.iter().map(|it| expected(it, &objects));
    let mut expected: Vec<Row> = expected.collect();
    assert_eq!(expected.len(), 3);
    assert!(expected[0].len() > 10, "{:?}", expected[0]);
    let by_name = |row: &Row| row["weirChannelKey"].clone();
    shown.sort_by_key(by_name);
    expected.sort_by_key(by_name);
    assert_eq!(shown, expected);
}
