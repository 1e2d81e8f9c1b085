//! What several alarms have in common is told as one.

use super::*;
use crate::alarm::Amount;

/// Errors of continuity in a second that are no burst by themselves.
const FEW: u64 = 3;

/// Has all renditions come through an interface, and these lose `errors`.
fn lose(snapshot: &mut Snapshot, numbers: &[usize], errors: u64) {
    snapshot.nics = vec![nic("eth1", OperationalStatus::Up)];
    for number in 0..RENDITIONS {
        report_of(snapshot, number).interface = Some("eth1".to_owned());
    }
    for number in numbers {
        report_of(snapshot, *number).demux.continuity_count_error += errors;
    }
}

#[test]
fn feeds_that_begin_to_lose_packets_at_once_are_one_alarm_of_their_interface() {
    for errors in [FEW, 100] {
        let mut rig = Rig::after(WARM_S);
        // They do not begin in the same second.
        rig.run(1, |snapshot| lose(snapshot, &[1], errors));
        for _ in 0..60 {
            rig.run(1, |snapshot| {
                lose(snapshot, &[0, 1, 2], errors);
                // Segments do not come of it, nor do tables.
                for number in 0..RENDITIONS {
                    let report = report_of(snapshot, number);
                    report.last_segment = Some(wall(WARM_S));
                    report.demux.pat_sections = 0;
                }
            });
        }
        assert_eq!(rig.history()[0], (Event::Raised, Kind::FeedsDamaged));
        assert_eq!(rig.roots(), [Kind::FeedsDamaged]);
        let alarm = &rig.report.alarms[0];
        assert_eq!(alarm.resource.to_string(), "nic/eth1");
        assert_eq!(alarm.severity, alarm::Severity::Critical);
        assert!(alarm.affected >= 3 * RENDITIONS, "{}", alarm.affected);
        rig.run(600, |_| {});
        assert!(rig.report.alarms.is_empty());
        let told = rig.history();
        assert!(
            told.iter().all(|(_, kind)| *kind == Kind::FeedsDamaged),
            "{told:?}"
        );
    }
}

#[test]
fn feeds_that_begin_to_lose_packets_one_by_one_are_an_alarm_each() {
    let mut rig = Rig::after(WARM_S);
    for numbers in [&[0][..], &[0, 1], &[0, 1, 2]] {
        rig.run(30, |snapshot| lose(snapshot, numbers, FEW));
    }
    assert_eq!(rig.roots(), [Kind::ContinuityError; RENDITIONS]);
}

#[test]
fn packets_that_come_damaged_explain_what_is_lost_of_feeds() {
    for numbers in [&[0][..], &[0, 1, 2]] {
        let mut rig = Rig::after(WARM_S);
        let spoil = |snapshot: &mut Snapshot, damaged| {
            let (packets, errors) = snapshot.nics.first().map_or((0, 0), |nic| {
                (nic.statistics.rx_packets, nic.statistics.rx_errors)
            });
            lose(snapshot, if damaged > 0 { numbers } else { &[] }, FEW);
            let statistics = &mut snapshot.nics[0].statistics;
            statistics.rx_packets = packets + 10_000;
            statistics.rx_errors = errors + damaged;
        };
        rig.run(60, |snapshot| spoil(snapshot, 0));
        rig.run(60, |snapshot| spoil(snapshot, 100));
        assert_eq!(rig.roots(), [Kind::NicErrors], "{numbers:?}");
        assert_eq!(rig.history()[0], (Event::Raised, Kind::NicErrors));
        rig.run(600, |snapshot| spoil(snapshot, 0));
        let told = rig.history();
        assert!(
            told.iter().all(|(_, kind)| *kind == Kind::NicErrors),
            "{told:?}"
        );
    }
}

#[test]
fn what_this_box_drops_and_what_begins_after_a_pause_is_no_loss_on_the_way() {
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| {
        lose(snapshot, &[0, 1, 2], FEW);
        for number in 0..RENDITIONS {
            report_of(snapshot, number).receive.kernel_dropped_datagrams += FEW;
        }
    });
    assert_eq!(rig.roots(), [Kind::ReceiveBufferDrop; RENDITIONS]);
    let mut rig = Rig::after(WARM_S);
    for number in 0..RENDITIONS {
        let last: Vec<live::Report> = (0..=number).map(|it| rig.rendition(it).clone()).collect();
        rig.run(20, |snapshot| {
            lose(snapshot, &[], 0);
            for (number, last) in last.iter().enumerate() {
                let interface = Some("eth1".to_owned());
                starve(report_of(snapshot, number), last);
                report_of(snapshot, number).interface = interface;
            }
        });
    }
    rig.run(1, |snapshot| lose(snapshot, &[0, 1, 2], FEW));
    rig.run(30, |snapshot| lose(snapshot, &[], 0));
    let told = rig.history();
    assert!(
        told.iter().all(|(_, kind)| *kind == Kind::IngestDown),
        "{told:?}"
    );
}

#[test]
fn loss_that_stays_on_one_feed_is_an_alarm_of_its_own_when_the_others_are_whole() {
    let mut rig = Rig::after(WARM_S);
    // Three packets of ten.
    rig.run(30, |snapshot| lose(snapshot, &[0, 1, 2], 1_000));
    assert_eq!(rig.roots(), [Kind::FeedsDamaged]);
    rig.run(30, |snapshot| lose(snapshot, &[1], 1_000));
    let roots: Vec<_> = rig.report.roots().collect();
    let burst = roots.iter().find(|it| it.kind == Kind::ContinuityBurst);
    let resource = burst.map(|it| it.resource.to_string());
    assert_eq!(resource.as_deref(), Some("channel/CH_0/R1"), "{roots:?}");
    rig.run(60, |snapshot| lose(snapshot, &[1], 1_000));
    assert_eq!(rig.roots(), [Kind::ContinuityBurst]);
}

#[test]
fn a_cable_that_is_out_for_a_moment_is_one_alarm_with_all_that_was_lost_meanwhile() {
    for down_s in [2, 3] {
        let mut rig = Rig::after(WARM_S);
        rig.run(60, |snapshot| lose(snapshot, &[], 0));
        let last: Vec<live::Report> = (0..RENDITIONS)
            .map(|it| rig.rendition(it).clone())
            .collect();
        rig.run(down_s, |snapshot| {
            lose(snapshot, &[], 0);
            snapshot.nics = vec![nic("eth1", OperationalStatus::Down)];
            for (number, last) in last.iter().enumerate() {
                starve(report_of(snapshot, number), last);
            }
        });
        assert_eq!(rig.roots(), [Kind::NicDown], "{down_s}");
        rig.run(1, |snapshot| {
            lose(snapshot, &[0, 1, 2], FEW);
            let report = report_of(snapshot, 0);
            report.demux.pcr_missing += 1;
            report.demux.ts_sync_loss += 1;
            report.demux.pat_sections = 0;
        });
        rig.run(600, |snapshot| lose(snapshot, &[0, 1, 2], 0));
        let told = rig.history();
        assert_eq!(told, raised_and_cleared(Kind::NicDown), "{down_s}");
    }
}

#[test]
fn feeds_that_do_not_return_with_their_cable_are_told_of_in_seconds() {
    let mut rig = Rig::after(WARM_S);
    let last: Vec<live::Report> = (0..RENDITIONS)
        .map(|it| rig.rendition(it).clone())
        .collect();
    let without_feeds = |snapshot: &mut Snapshot, status| {
        lose(snapshot, &[], 0);
        snapshot.nics = vec![nic("eth1", status)];
        for (number, last) in last.iter().enumerate() {
            let interface = Some("eth1".to_owned());
            starve(report_of(snapshot, number), last);
            report_of(snapshot, number).interface = interface;
        }
    };
    rig.run(1, |snapshot| lose(snapshot, &[], 0));
    rig.run(60, |snapshot| {
        without_feeds(snapshot, OperationalStatus::Down);
    });
    assert_eq!(rig.roots(), [Kind::NicDown]);
    rig.run(20, |snapshot| {
        without_feeds(snapshot, OperationalStatus::Up);
    });
    assert_eq!(rig.roots(), [Kind::FeedsLost]);
    assert_eq!(rig.report.alarms[0].affected, 2 * RENDITIONS);
    rig.run(600, |snapshot| lose(snapshot, &[], 0));
    let both = [Kind::NicDown, Kind::FeedsLost].map(raised_and_cleared);
    assert_eq!(rig.history(), both.concat());
}

#[test]
fn loss_that_takes_the_tables_along_is_one_alarm() {
    // Few packets of many are left, or many of few.
    for (packets, errors) in [(3_324, 50), (40, 5)] {
        let mut rig = Rig::after(WARM_S);
        let packets_before = rig.rendition(0).demux.packets;
        let mut seconds = 0;
        rig.run(60, |snapshot| {
            seconds += 1;
            let report = report_of(snapshot, 0);
            report.demux.packets = packets_before + seconds * packets;
            report.demux.continuity_count_error += errors;
            report.demux.pat_sections = 0;
        });
        assert_eq!(rig.history()[0], (Event::Raised, Kind::ContinuityBurst));
        assert_eq!(rig.roots(), [Kind::ContinuityBurst]);
        let alarm = &rig.report.alarms[0];
        assert_eq!(alarm.severity, alarm::Severity::Critical);
    }
}

#[test]
fn a_loss_of_synchronisation_behind_which_nothing_comes_is_that_nothing_comes() {
    let mut rig = Rig::after(WARM_S);
    rig.run(1, |snapshot| report_of(snapshot, 0).demux.ts_sync_loss += 1);
    let last = rig.rendition(0).clone();
    rig.run(30, |snapshot| starve(report_of(snapshot, 0), &last));
    assert_eq!(rig.history(), [(Event::Raised, Kind::IngestDown)]);
    rig.run(600, |_| {});
    assert_eq!(rig.history(), raised_and_cleared(Kind::IngestDown));
}

#[test]
fn feeds_are_lost_at_once_when_one_is_down_by_the_rule_of_the_configuration() {
    let mut rules = Rules::default();
    rules.of_mut(Kind::IngestDown).raise = Amount::whole(20);
    let mut rig = Rig::after(WARM_S);
    rig.alarms.set_rules(rules);
    starve_all(&mut rig, 19, Some("eth1"));
    assert_eq!(rig.roots().iter().find(|it| **it == Kind::FeedsLost), None);
    starve_all(&mut rig, 30, Some("eth1"));
    assert!(rig.roots().contains(&Kind::FeedsLost));
    assert!(!rig.history().contains(&(Event::Raised, Kind::IngestDown)));
}

#[test]
fn errors_that_come_of_an_origin_before_that_is_out_of_use_are_no_alarm_beside_it() {
    for (origin_at, is_down) in [(5, true), (0, true), (9, false)] {
        let mut rig = Rig::after(WARM_S);
        rig.run(60, |snapshot| {
            let second = snapshot.uptime.as_secs() - WARM_S;
            let state = if is_down && second > origin_at {
                "open"
            } else {
                "closed"
            };
            snapshot.origins = vec![origin(state)];
            // Half of what is asked for.
            snapshot.http.responses_5xx += 50;
        });
        let due = if is_down {
            Kind::OriginDown
        } else {
            Kind::ServerErrors
        };
        assert_eq!(rig.history()[0], (Event::Raised, due));
        assert_eq!(rig.roots(), [due]);
        assert_eq!(rig.report.alarms[0].severity, alarm::Severity::Critical);
        rig.run(600, |snapshot| snapshot.origins = vec![origin("closed")]);
        assert_eq!(rig.report.alarms, []);
        let told = rig.history();
        assert!(told.iter().all(|(_, kind)| *kind == due), "{told:?}");
    }
}
