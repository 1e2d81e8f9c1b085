//! A link that takes less than all that is sent through it, and one that comes and goes.

use weir_tests::in_own_network;

use super::{
    Expected, assert_one_alarm_each, await_told, folder,
    rig::{
        Appliance, Encoders, NIC, Source, address_far_end, ip, lay_cable, narrow_cable, until_told,
        widen_cable,
    },
    short_holds, source,
};
use crate::feed::Harm;

const fn far(rendition: &'static str) -> Source {
    Source {
        is_cabled: true,
        is_far: true,
        ..source(rendition)
    }
}

/// Streams of 0.9 Mb/s each.
const SOURCES: &[Source] = &[
    far("channel/C1/sd"),
    far("channel/C2/sd"),
    far("channel/C3/sd"),
    far("channel/C4/sd"),
    far("channel/C5/sd"),
    far("channel/C6/sd"),
];

#[test]
fn a_link_that_is_full_is_one_alarm_of_all_that_comes_through_it() {
    in_own_network(
        concat!(
            module_path!(),
            "::a_link_that_is_full_is_one_alarm_of_all_that_comes_through_it"
        ),
        || {
            lay_cable();
            address_far_end();
            let encoders = Encoders::start(SOURCES);
            let channels = SOURCES.iter().zip(1..);
            let channels = channels.map(|(source, group)| source.channel(group));
            let text = format!(
                "{}[segment]\ntarget = \"1s\"\n{}",
                short_holds(),
                channels.collect::<String>()
            );
            let appliance = Appliance::start(folder(), "", &text);
            appliance.await_calm();
            narrow_cable();
            let full = ("feeds-damaged", "nic/feed0", "major");
            let surfaces = await_told(&appliance, &[full]);
            assert_one_alarm_each(&surfaces, &[]);
            // What comes of it is behind it: errors of each stream, and bursts of those.
            until_told("its effects", || {
                let surfaces = appliance.surfaces().ok_or("no two looks at one snapshot")?;
                assert_one_alarm_each(&surfaces, &[]);
                let active = appliance.alarms()["active"][0]["affected"].as_u64();
                let affected = active.unwrap_or_default();
                let is_all = affected >= 2 * SOURCES.len() as u64;
                is_all.then_some(()).ok_or(format!("{affected} effects"))
            });
            widen_cable();
            appliance.await_calm();
            drop(encoders);
        },
    );
}

/// What is told of a cable that is pulled; its other end lies here, too.
const PULLED: &[Expected] = &[
    ("nic-down", "nic/feed0", "critical"),
    ("nic-down", "nic/feed1", "critical"),
];

/// What is told of feeds that fall silent at once.
const LOST: Expected = ("feeds-lost", "nic/feed0", "critical");

/// An appliance that all sources reach through the cable; alarms have the holds of every day.
fn cabled() -> (Encoders, Appliance) {
    lay_cable();
    address_far_end();
    let encoders = Encoders::start(SOURCES);
    let channels = SOURCES.iter().zip(1..);
    let channels = channels.map(|(source, group)| source.channel(group));
    let text = format!(
        "[alarm]\nboot_inhibit = \"0s\"\n[segment]\ntarget = \"1s\"\n{}",
        channels.collect::<String>()
    );
    let appliance = Appliance::start(folder(), "", &text);
    appliance.await_calm();
    (encoders, appliance)
}

/// Has all sources fall silent.
fn silence(encoders: &Encoders) {
    for source in SOURCES {
        encoders.harm(source.rendition, Harm::Silent);
    }
}

fn set_cable(state: &str) {
    ip(&format!("link set {} {state}", NIC.1));
}

/// Waits until the feeds are lost, and hidden behind the cable.
fn await_lost_behind_cable(appliance: &Appliance) {
    until_told("feeds lost behind the cable", || {
        let active = &appliance.alarms()["active"];
        let rows = active.as_array().expect("a list").iter();
        let affected = rows.filter_map(|alarm| alarm["affected"].as_u64());
        let affected = affected.max().unwrap_or_default();
        // Each feed, and that all of them are.
        let is_all = affected > SOURCES.len() as u64;
        is_all.then_some(()).ok_or(format!("{affected} effects"))
    });
}

#[test]
fn feeds_that_come_and_go_with_their_cable_are_told_of_by_that_alone() {
    in_own_network(
        concat!(
            module_path!(),
            "::feeds_that_come_and_go_with_their_cable_are_told_of_by_that_alone"
        ),
        || {
            let (encoders, appliance) = cabled();
            silence(&encoders);
            await_told(&appliance, &[LOST]);
            encoders.mend();
            appliance.await_calm();
            for _ in 0..2 {
                set_cable("down");
                await_told(&appliance, PULLED);
                await_lost_behind_cable(&appliance);
                set_cable("up");
                appliance.await_calm();
            }
            let raised = appliance.notices().into_iter();
            let raised = raised.filter(|notice| notice.event == "raised");
            let raised: Vec<String> = raised.map(|notice| notice.told.kind).collect();
            assert_eq!(raised[0], LOST.0);
            assert_eq!(raised[1..], ["nic-down"; 4]);
        },
    );
}

#[test]
fn feeds_that_do_not_return_with_their_cable_are_an_alarm_within_the_minute() {
    in_own_network(
        concat!(
            module_path!(),
            "::feeds_that_do_not_return_with_their_cable_are_an_alarm_within_the_minute"
        ),
        || {
            let (encoders, appliance) = cabled();
            set_cable("down");
            await_told(&appliance, PULLED);
            await_lost_behind_cable(&appliance);
            silence(&encoders);
            set_cable("up");
            await_told(&appliance, &[LOST]);
            encoders.mend();
            appliance.await_calm();
        },
    );
}
