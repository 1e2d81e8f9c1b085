//! Claims on [`weir_hal::Sensors`].

use std::time::Duration;

use weir_hal::NICS_MAX;

use crate::side::Side;

crate::claims! {
    processor_time_never_steps_back,
    load_is_no_less_than_nothing,
    memory_is_part_of_all_there_is,
    interfaces_stand_in_order_and_once,
    thermometers_stand_in_order_and_tell_what_may_be,
    how_the_clock_is_kept_is_told_and_an_error_of_a_source_is_below_what_the_kernel_allows,
    kernel_messages_are_whole_lines_and_no_more_than_was_asked_for,
}

fn processor_time_never_steps_back(side: &impl Side) {
    let sensors = &side.board().sensors;
    let first = sensors.cpu_time().unwrap();
    let second = sensors.cpu_time().unwrap();
    assert!(first.busy <= first.total, "{first:?}");
    assert!(first.total <= second.total, "{first:?} then {second:?}");
    let percent = second.busy_percent_since(first);
    assert!((0.0..=100.0).contains(&percent), "{percent}");
}

fn load_is_no_less_than_nothing(side: &impl Side) {
    let averages = side.board().sensors.load_averages().unwrap();
    assert!(
        averages.iter().all(|average| *average >= 0.0),
        "{averages:?}"
    );
}

fn memory_is_part_of_all_there_is(side: &impl Side) {
    let memory = side.board().sensors.memory().unwrap();
    assert!(memory.bytes_free <= memory.bytes_total, "{memory:?}");
    assert!(memory.bytes_available <= memory.bytes_total, "{memory:?}");
    assert!(
        memory.swap_bytes_free <= memory.swap_bytes_total,
        "{memory:?}"
    );
}

fn interfaces_stand_in_order_and_once(side: &impl Side) {
    let nics = side.board().sensors.nics().unwrap();
    assert!(nics.len() <= NICS_MAX);
    assert!(
        nics.is_sorted_by(|one, next| one.name < next.name),
        "{nics:?}"
    );
    // Both sides have a loopback: what cannot be told of it is not made up.
    let loopback = nics.iter().find(|nic| nic.name == "lo").unwrap();
    assert_eq!((loopback.speed_bps, loopback.duplex), (None, None));
}

fn thermometers_stand_in_order_and_tell_what_may_be(side: &impl Side) {
    let sensors = &side.board().sensors;
    assert!(sensors.uptime().unwrap() >= Duration::ZERO);
    let thermometers = sensors.thermometers().unwrap();
    assert!(thermometers.len() <= weir_hal::THERMOMETERS_MAX);
    assert!(
        thermometers.is_sorted_by(|one, next| one.name < next.name),
        "{thermometers:?}"
    );
    let mut read = thermometers.iter().filter_map(|it| it.temperature_celsius);
    assert!(
        read.all(|it| (-100.0..300.0).contains(&it)),
        "{thermometers:?}"
    );
}

fn how_the_clock_is_kept_is_told_and_an_error_of_a_source_is_below_what_the_kernel_allows(
    side: &impl Side,
) {
    let told = side.board().sensors.clock_discipline().unwrap();
    assert!(told.offset <= Some(Duration::from_secs(16)), "{told:?}");
}

fn kernel_messages_are_whole_lines_and_no_more_than_was_asked_for(side: &impl Side) {
    let sensors = &side.board().sensors;
    for bytes_max in [0, 100, 1 << 20] {
        match sensors.kernel_messages(bytes_max) {
            Ok(text) => {
                assert!(text.len() <= bytes_max, "{} bytes", text.len());
                assert!(text.is_empty() || text.ends_with('\n'), "{text}");
            }
            // Who runs this may not be told.
            Err(error) => assert!(error.to_string().contains("kernel messages"), "{error}"),
        }
    }
}
