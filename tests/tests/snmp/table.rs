//! A table as a person sees it, by the module alone.

use std::collections::BTreeMap;

use weir_tests::{http, process::peer};

use crate::{manager::Appliance, module::standard};

#[test]
fn snmptable_shows_the_channels_of_the_api_under_the_names_of_the_module() {
    let (appliance, modules) = (Appliance::start(3, "127.0.0.0/8"), standard());
    let mut command = appliance.as_user("snmptable");
    command.arg("-M").arg(modules.path());
    command.args(["-m", "WEIR-MIB", "-OS", "-Cf", "|"]);
    let told = peer(command.args([&appliance.address(), "WEIR-MIB::weirChannelTable"]));
    let mut lines = told.lines().filter(|line| line.contains('|'));
    let titles: Vec<&str> = lines.next().expect("a line of titles").split('|').collect();
    let place = |title: &str| titles.iter().position(|it| *it == title).expect("a column");
    let (key, status) = (place("weirChannelKey"), place("weirChannelStatus"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        (cells[key].to_owned(), cells[status].to_owned())
    };
    let rows: BTreeMap<String, String> = lines.map(row).collect();

    let channels = http::get(&appliance.daemon.management("/api/v1/channels"));
    let channels = channels.expect("an answer").json();
    let channels = channels["channels"].as_array().expect("a list").clone();
    let text = |channel: &serde_json::Value, name: &str| {
        channel[name].as_str().expect("a text").to_owned()
    };
    let expected = channels
        .iter()
        .map(|it| (text(it, "channel"), text(it, "status")));
    assert_eq!(rows, expected.collect());
    assert_eq!(rows.len(), 3);
}
