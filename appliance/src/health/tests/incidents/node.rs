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

#[test]
fn refused_logins_and_tokens_are_told_with_their_address_until_five_quiet_minutes() {
    let mut rig = Rig::after(WARM_S);
    let refused = |logins, tokens| {
        move |snapshot: &mut Snapshot| {
            snapshot.attempts.logins_refused = logins;
            snapshot.attempts.tokens_refused = tokens;
            snapshot.attempt_refused = Some([192, 0, 2, 9].into());
        }
    };
    rig.run(30, refused(3, 2));
    assert_eq!(rig.roots(), [], "anybody mistypes");
    rig.run(270, refused(3, 3));
    assert_eq!(rig.roots(), [Kind::AuthenticationFailures]);
    let text = &rig.report.alarms[0].text;
    let told = "logins and tokens that were refused within five minutes: 6: \
                the last came from 192.0.2.9";
    assert!(text.starts_with(told), "{text}");
    rig.run(30, refused(3, 3));
    assert_eq!(rig.roots(), [Kind::AuthenticationFailures]);
    rig.run(2, refused(3, 3));
    assert_eq!(
        rig.history(),
        raised_and_cleared(Kind::AuthenticationFailures)
    );
}

#[test]
fn an_origin_that_is_out_of_use_is_told_with_its_urls_and_what_was_wrong_with_each() {
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| {
        let mut down = origin("open");
        let [endpoint] = down.endpoints.as_slice() else {
            panic!("it has one URL");
        };
        let refused = EndpointReport {
            url: "http://far".to_owned(),
            trouble: Some("it answers 503".into()),
            ..endpoint.clone()
        };
        down.endpoints.extend([refused.clone(), refused]);
        snapshot.origins = vec![down];
    });
    assert_eq!(rig.roots(), [Kind::OriginDown]);
    let told = "none of its URLs is in use: http://midcache, http://far (it answers 503), \
                and 1 more";
    assert_eq!(rig.report.alarms[0].text, told);
}

#[test]
fn an_interface_that_is_gone_is_down_where_it_is_needed() {
    let mut rig = Rig::after(WARM_S);
    rig.run(3, |snapshot| {
        snapshot.nics = vec![nic("lo", OperationalStatus::Unknown)];
        report_of(snapshot, 0).interface = Some("eth1".to_owned());
    });
    assert_eq!(rig.roots(), [Kind::NicDown]);
    let text = &rig.report.alarms[0].text;
    let told = "the interface is down: there is none of that name";
    assert_eq!(text, told);
    rig.run(1, |snapshot| {
        snapshot.nics = vec![nic("eth1", OperationalStatus::Down)];
    });
    assert_eq!(rig.report.alarms[0].text, "the interface is down");
}

#[test]
fn answers_that_take_more_than_a_second_are_told_until_they_take_less_than_0_7() {
    // Three of the 50 answers of a second.
    let late = |milliseconds: u64, snapshot: &mut Snapshot| {
        let cells = CounterCells::default();
        cells.answered_in(Duration::from_millis(milliseconds));
        let late = cells.read();
        for _ in 0..3 {
            snapshot.http = snapshot.http.plus(&late);
        }
    };
    assert_eq!(incident(300, 1, |snapshot| late(1_000, snapshot)), []);
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| late(1_001, snapshot));
    assert_eq!(rig.roots(), [Kind::AnswersSlow]);
    let text = |rig: &Rig| rig.report.alarms[0].text.clone();
    let told = "one in twenty answers of a minute took long to begin: between 1.0 s and 2.0 s";
    assert_eq!(text(&rig), told);
    rig.run(60, |snapshot| late(2_001, snapshot));
    assert!(
        text(&rig).ends_with(": between 2.0 s and 5.0 s"),
        "{}",
        text(&rig)
    );
    rig.run(60, |snapshot| late(60_000, snapshot));
    assert!(text(&rig).ends_with(": more than 5.0 s"), "{}", text(&rig));
    rig.run(600, |snapshot| late(701, snapshot));
    assert_eq!(rig.roots(), [Kind::AnswersSlow]);
    rig.run(200, |snapshot| late(700, snapshot));
    assert_eq!(rig.history(), raised_and_cleared(Kind::AnswersSlow));
}
