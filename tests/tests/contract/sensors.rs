//! Claims on [`weir_hal::Sensors`].

use crate::side::Side;

crate::claims! { processor_time_never_steps_back }

fn processor_time_never_steps_back(side: &impl Side) {
    let sensors = &side.board().sensors;
    let first = sensors.cpu_time().unwrap();
    let second = sensors.cpu_time().unwrap();
    assert!(first.busy <= first.total, "{first:?}");
    assert!(first.total <= second.total, "{first:?} then {second:?}");
    let percent = second.busy_percent_since(first);
    assert!((0.0..=100.0).contains(&percent), "{percent}");
}
