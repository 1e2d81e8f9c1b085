//! What goes wrong with the box as a whole: its configuration, who may order, its origins.

use super::*;

#[test]
fn a_configuration_that_is_not_taken_is_told_with_its_first_mistake_until_one_is() {
    let mut rig = Rig::after(WARM_S);
    let why = "line 3: cache.size: no size, and 2 more";
    rig.run(90, |snapshot| {
        snapshot.config_refused = Some(Arc::new(why.to_owned()));
    });
    assert_eq!(rig.roots(), [Kind::ConfigRejected]);
    let text = &rig.report.alarms[0].text;
    assert!(text.ends_with(why), "{text}");
    rig.run(1, |snapshot| snapshot.config_refused = None);
    assert_eq!(rig.history(), raised_and_cleared(Kind::ConfigRejected));
}
