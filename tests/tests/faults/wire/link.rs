//! A link that takes less than all that is sent through it.

use weir_tests::in_own_network;

use super::{
    assert_one_alarm_each, await_told, folder,
    rig::{
        Appliance, Encoders, Source, address_far_end, lay_cable, narrow_cable, until_told,
        widen_cable,
    },
    short_holds, source,
};

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
