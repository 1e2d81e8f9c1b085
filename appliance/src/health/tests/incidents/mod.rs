//! Each kind of alarm comes of what stages tell, one for each cause, and none of a quiet day.

use weir_cache::Offline;
use weir_hal::{ClockDiscipline, Nic, OperationalStatus, Querier};

use super::*;
use crate::{
    health::CertificateEnd,
    ladder::{self, Alignment, Check, Finding},
    serve::CounterCells,
};

mod common;
mod node;
mod slots;
mod sources;

/// Long enough for a cache to be warm.
const WARM_S: u64 = 1_200;

/// What goes wrong.
type Spoil = fn(&mut Snapshot);

/// Has the box run while `spoil` spoils it, and then well again; tells what was told.
fn incident(seconds: u64, well_s: u64, spoil: impl FnMut(&mut Snapshot)) -> Vec<(Event, Kind)> {
    let mut rig = Rig::after(WARM_S);
    assert_eq!(rig.history(), [], "before anything was spoilt");
    rig.run(seconds, spoil);
    rig.run(well_s, |_| {});
    rig.history()
}

fn raised_and_cleared(kind: Kind) -> [(Event, Kind); 2] {
    [(Event::Raised, kind), (Event::Cleared, kind)]
}

#[test]
fn a_quiet_day_raises_nothing() {
    let mut rig = Rig::after(24 * 3_600);
    assert_eq!(rig.history(), []);
    assert_eq!(rig.roots(), []);
    // The day was one on which something could be raised.
    rig.run(1, |snapshot| snapshot.disk_usage_percent = Some(99.0));
    assert_eq!(rig.roots(), [Kind::DiskFull]);
}

#[test]
fn a_sender_that_stops_is_one_alarm_and_its_return_ends_it() {
    let mut rig = Rig::after(WARM_S);
    let last = rig.rendition(0).clone();
    for _ in 0..120 {
        rig.run(1, |snapshot| starve(report_of(snapshot, 0), &last));
    }
    let [alarm] = rig.report.alarms.as_slice() else {
        panic!("one alarm, not {:?}", rig.report.alarms);
    };
    assert_eq!((alarm.kind, alarm.affected), (Kind::IngestDown, 1));
    assert_eq!(alarm.resource.to_string(), "channel/CH_0/R0");
    assert!(
        alarm.text.starts_with("no transport packet has come for 1"),
        "{}",
        alarm.text
    );
    assert!(alarm.text.contains("check the sender"), "{}", alarm.text);
    // Packets are lost where they begin again.
    rig.run(1, |snapshot| {
        report_of(snapshot, 0).demux.continuity_count_error += 20;
    });
    rig.run(600, |_| {});
    assert_eq!(rig.history(), raised_and_cleared(Kind::IngestDown));
}

#[test]
fn a_source_is_down_three_seconds_after_its_last_packet() {
    let mut rig = Rig::after(WARM_S);
    let last = rig.rendition(0).clone();
    rig.run(3, |snapshot| starve(report_of(snapshot, 0), &last));
    assert_eq!(rig.roots(), []);
    rig.run(1, |snapshot| starve(report_of(snapshot, 0), &last));
    assert_eq!(rig.roots(), [Kind::IngestDown]);
}

#[test]
fn packets_without_segments_are_stale_and_tell_why() {
    let mut rig = Rig::after(WARM_S);
    let last = rig.rendition(1).last_segment;
    let spoil = |snapshot: &mut Snapshot| {
        let report = report_of(snapshot, 1);
        report.last_segment = last;
        report.state = State::Scrambled;
    };
    rig.run(7, spoil);
    assert_eq!(rig.roots(), []);
    rig.run(20, spoil);
    assert_eq!(rig.roots(), [Kind::SegmentStale]);
    let text = &rig.report.alarms[0].text;
    assert!(text.contains("overdue: the program is scrambled"), "{text}");
    rig.run(60, |_| {});
    assert_eq!(rig.history(), raised_and_cleared(Kind::SegmentStale));
}

#[test]
fn segments_without_key_frames_come_and_it_is_told_since_when_no_player_can_begin() {
    let mut rig = Rig::after(WARM_S);
    let last = Wall::from_nanos(1_700_000_000_000_000_000);
    rig.run(20, |snapshot| {
        let report = report_of(snapshot, 1);
        report.state = State::NoRandomAccess;
        report.last_random_access = Some(last);
    });
    assert_eq!(rig.roots(), [Kind::SegmentStale]);
    let text = &rig.report.alarms[0].text;
    let told = "the next segment in which players can begin is ";
    assert!(text.starts_with(told), "{text}");
    let told = "overdue: since 2023-11-14T22:13:20Z no random access point";
    assert!(text.contains(told), "{text}");
}

fn nic(name: &str, status: OperationalStatus) -> Nic {
    Nic {
        name: name.to_owned(),
        operational_status: status,
        ..Nic::default()
    }
}

#[test]
fn a_cable_that_is_pulled_is_one_alarm_for_all_that_came_through_it() {
    use OperationalStatus::{Down, Unknown, Up};
    let mut rig = Rig::after(WARM_S);
    let plug = |snapshot: &mut Snapshot, status| {
        let spare = nic("eth2", Down);
        snapshot.nics = vec![nic("eth1", status), spare, nic("lo", Unknown)];
        for number in 0..RENDITIONS {
            report_of(snapshot, number).interface = Some("eth1".to_owned());
        }
    };
    rig.run(60, |snapshot| plug(snapshot, Up));
    let last: Vec<live::Report> = (0..RENDITIONS)
        .map(|it| rig.rendition(it).clone())
        .collect();
    rig.run(60, |snapshot| {
        plug(snapshot, Down);
        for (number, last) in last.iter().enumerate() {
            starve(report_of(snapshot, number), last);
        }
    });
    assert_eq!(rig.roots(), [Kind::NicDown]);
    let alarm = &rig.report.alarms[0];
    assert_eq!(alarm.resource.to_string(), "nic/eth1");
    // That they fell silent at once is one, too.
    assert_eq!(alarm.affected, 2 * RENDITIONS + 1);
    // Nobody knows, and nothing is cleared for that.
    rig.run(60, |snapshot| snapshot.nics = Vec::new());
    rig.run(600, |snapshot| plug(snapshot, Up));
    assert_eq!(rig.history(), raised_and_cleared(Kind::NicDown));
}

/// Has all renditions fall silent for so long, those on the interface of this name.
fn starve_all(rig: &mut Rig, seconds: u64, interface: Option<&str>) {
    let last: Vec<live::Report> = (0..RENDITIONS)
        .map(|it| rig.rendition(it).clone())
        .collect();
    rig.run(seconds, |snapshot| {
        for (number, last) in last.iter().enumerate() {
            let report = report_of(snapshot, number);
            starve(report, last);
            report.interface = interface.map(str::to_owned);
        }
    });
}

#[test]
fn feeds_that_fall_silent_at_once_are_one_alarm_of_their_interface() {
    for (interface, resource) in [(Some("eth1"), "nic/eth1"), (None, "node")] {
        let mut rig = Rig::after(WARM_S);
        starve_all(&mut rig, 120, interface);
        assert_eq!(rig.roots(), [Kind::FeedsLost], "{resource}");
        let alarm = &rig.report.alarms[0];
        assert_eq!(alarm.resource.to_string(), resource);
        assert_eq!(alarm.affected, 2 * RENDITIONS);
        assert!(alarm.text.ends_with(": 3 of 3"), "{}", alarm.text);
        rig.run(600, |_| {});
        assert_eq!(rig.history(), raised_and_cleared(Kind::FeedsLost));
    }
}

#[test]
fn feeds_that_fall_silent_one_by_one_are_an_alarm_each() {
    let mut rig = Rig::after(WARM_S);
    for count in 1..=RENDITIONS {
        let last: Vec<live::Report> = (0..count).map(|it| rig.rendition(it).clone()).collect();
        rig.run(30, |snapshot| {
            for (number, last) in last.iter().enumerate() {
                starve(report_of(snapshot, number), last);
            }
        });
        assert_eq!(rig.roots(), vec![Kind::IngestDown; count]);
    }
}

#[test]
fn a_querier_that_is_gone_is_an_alarm_and_explains_the_feeds_that_go_with_it() {
    let heard = |seconds| Querier::Heard {
        address: [192, 0, 2, 1].into(),
        ago: Duration::from_secs(seconds),
    };
    let ask = |snapshot: &mut Snapshot, querier| {
        let up = nic("eth1", OperationalStatus::Up);
        snapshot.nics = vec![Nic { querier, ..up }];
    };
    let mut rig = Rig::after(WARM_S);
    rig.run(10, |snapshot| ask(snapshot, heard(259)));
    assert_eq!(rig.roots(), []);
    rig.run(10, |snapshot| ask(snapshot, heard(260)));
    assert_eq!(rig.roots(), [Kind::QuerierLost]);
    assert_eq!(rig.report.alarms[0].resource.to_string(), "nic/eth1");
    starve_all(&mut rig, 60, Some("eth1"));
    assert_eq!(rig.roots(), [Kind::QuerierLost]);
    let alarm = &rig.report.alarms[0];
    assert_eq!(alarm.severity, alarm::Severity::Critical);
    assert_eq!(alarm.affected, 2 * RENDITIONS + 1);
    // Who listens anew does not know, and ends nothing.
    let watched = Duration::from_hours(1);
    rig.run(60, |snapshot| ask(snapshot, Querier::Unheard { watched }));
    assert_eq!(rig.roots(), [Kind::QuerierLost]);
    rig.run(600, |snapshot| ask(snapshot, heard(1)));
    assert_eq!(rig.report.alarms, []);
    let told = rig.history();
    assert!(
        told.iter().all(|(_, kind)| *kind == Kind::QuerierLost),
        "{told:?}"
    );
}

#[test]
fn origins_that_are_out_of_use_all_together_are_one_alarm_of_the_uplink() {
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| {
        let other = OriginReport {
            name: "origin".to_owned(),
            ..origin("open")
        };
        snapshot.origins = vec![origin("open"), other];
    });
    assert_eq!(rig.roots(), [Kind::UplinkDown]);
    assert_eq!(rig.report.alarms[0].affected, 2);
    rig.run(600, |snapshot| {
        snapshot
            .origins
            .iter_mut()
            .flat_map(|it| &mut it.endpoints)
            .for_each(|endpoint| endpoint.state = "closed");
    });
    assert_eq!(rig.history(), raised_and_cleared(Kind::UplinkDown));
}

#[tokio::test]
async fn a_cable_that_was_out_before_a_restart_is_still_out_behind_it() {
    use OperationalStatus::{Down, Up};
    let machine = Simulation::new(1);
    let mut rig = Rig::on(&machine, WARM_S);
    rig.run(3, |snapshot| snapshot.nics = vec![nic("eth2", Up)]);
    rig.run(3, |snapshot| snapshot.nics = vec![nic("eth2", Down)]);
    assert_eq!(rig.roots(), [Kind::NicDown]);
    Arc::new(rig.alarms).write_newer(Ending::Open).await;
    let mut after = Rig::on(&machine, 0);
    after.run(600, |snapshot| snapshot.nics = vec![nic("eth2", Down)]);
    assert_eq!(after.roots(), [Kind::NicDown]);
    after.run(10, |snapshot| snapshot.nics = vec![nic("eth2", Up)]);
    assert_eq!(after.history(), raised_and_cleared(Kind::NicDown));
}

#[test]
fn damage_is_over_where_nothing_comes_any_more() {
    let mut rig = Rig::after(WARM_S);
    let up = || nic("eth1", OperationalStatus::Up);
    rig.run(120, |snapshot| {
        let mut damaged = up();
        damaged.statistics.rx_packets = 10_000 * snapshot.uptime.as_secs();
        damaged.statistics.rx_errors = 10 * snapshot.uptime.as_secs();
        snapshot.nics = vec![damaged];
    });
    assert_eq!(rig.roots(), [Kind::NicErrors]);
    let last = rig.snapshot.nics.clone();
    rig.run(600, |snapshot| snapshot.nics.clone_from(&last));
    assert_eq!(rig.history(), raised_and_cleared(Kind::NicErrors));
}

#[test]
fn damage_on_the_cable_is_told_from_one_packet_in_ten_thousand_on() {
    let mut rig = Rig::after(WARM_S);
    for (errors, is_told) in [(1, false), (2, true)] {
        rig.run(120, |snapshot| {
            if snapshot.nics.is_empty() {
                snapshot.nics = vec![nic("eth1", OperationalStatus::Up)];
            }
            let statistics = &mut snapshot.nics[0].statistics;
            statistics.rx_packets += 10_000;
            statistics.rx_errors += errors;
        });
        let told: &[Kind] = if is_told { &[Kind::NicErrors] } else { &[] };
        assert_eq!(rig.roots(), told, "{errors}");
    }
}

#[test]
fn a_certificate_is_told_of_thirty_days_before_its_end_and_no_more_when_it_is_renewed() {
    let mut rig = Rig::after(WARM_S);
    let ends = |snapshot: &mut Snapshot, days: u64| {
        let not_after = snapshot.taken + Duration::from_secs(days * 86_400);
        let name = "edge.example".to_owned();
        snapshot.certificate = Some(CertificateEnd { name, not_after });
    };
    rig.run(5, |snapshot| ends(snapshot, 30));
    assert_eq!(rig.roots(), []);
    rig.run(5, |snapshot| ends(snapshot, 29));
    let text = &rig.report.alarms[0].text;
    assert_eq!(text, "a certificate ends in 29.0 days: edge.example");
    rig.run(5, |snapshot| ends(snapshot, 90));
    assert_eq!(rig.history(), raised_and_cleared(Kind::CertificateExpiry));
}

#[test]
fn a_clock_that_nothing_sets_or_that_is_far_off_is_told_after_ten_minutes() {
    let offset = |ms| ClockDiscipline {
        offset: Some(Duration::from_millis(ms)),
    };
    let unset = ClockDiscipline { offset: None };
    for (bad, text) in [
        (
            unset,
            "the clock may be 16.0 s off: no source of time sets it",
        ),
        (offset(101), "the clock may be 0.1 s off"),
    ] {
        let mut rig = Rig::after(WARM_S);
        rig.run(600, |snapshot| snapshot.clock_discipline = Some(bad));
        assert_eq!(rig.roots(), []);
        rig.run(1, |snapshot| snapshot.clock_discipline = Some(bad));
        assert_eq!(rig.roots(), [Kind::ClockUnsynchronised]);
        let told = &rig.report.alarms[0];
        assert!(told.text.starts_with(text), "{}", told.text);
        // Who does not tell, and who is only a little better, clears nothing.
        rig.run(100, |snapshot| snapshot.clock_discipline = None);
        rig.run(100, |snapshot| snapshot.clock_discipline = Some(offset(51)));
        assert_eq!(rig.roots(), [Kind::ClockUnsynchronised]);
        rig.run(100, |snapshot| snapshot.clock_discipline = Some(offset(50)));
        assert_eq!(rig.history(), raised_and_cleared(Kind::ClockUnsynchronised));
    }
}

#[test]
fn long_segments_are_not_stale() {
    let told = incident(600, 1, |snapshot| {
        for number in 0..RENDITIONS {
            let report = report_of(snapshot, number);
            report.target_duration_s = Some(30);
            let second = snapshot.uptime.as_secs() / 30 * 30;
            report_of(snapshot, number).last_segment = Some(wall(second));
        }
    });
    assert_eq!(told, []);
}

#[test]
fn a_first_segment_may_take_as_long_again_and_is_told_of_when_it_is_stuck() {
    for (target_duration_s, patience_s) in [(None, 16 + 2), (Some(30), 60 + 2)] {
        let mut rig = Rig::after(WARM_S);
        let fill = |snapshot: &mut Snapshot| {
            let report = report_of(snapshot, 0);
            report.last_segment = None;
            report.target_duration_s = target_duration_s;
            report.state = State::Filling;
        };
        rig.run(patience_s + 1, fill);
        assert_eq!(rig.history(), [], "{target_duration_s:?}");
        rig.run(1, fill);
        assert_eq!(rig.roots(), [Kind::SegmentStale]);
        rig.run(60, |_| {});
        assert_eq!(rig.history(), raised_and_cleared(Kind::SegmentStale));
    }
}

#[test]
fn damage_is_told_by_its_name() {
    let tables = |snapshot: &mut Snapshot| report_of(snapshot, 0).state = State::NoTables;
    let cases: [(Kind, u64, Spoil); 5] = [
        (Kind::SyncLoss, 1, |it| {
            report_of(it, 0).demux.ts_sync_loss += 1;
        }),
        (Kind::TablesMissing, 3, tables),
        (Kind::ContinuityError, 1, |it| {
            report_of(it, 0).demux.continuity_count_error += 1;
        }),
        (Kind::ClockMissing, 30, |it| {
            report_of(it, 0).demux.pcr_missing += 1;
        }),
        (Kind::ReceiveBufferDrop, 1, |it| {
            report_of(it, 0).receive.kernel_dropped_datagrams += 5;
            // They are missing, too.
            report_of(it, 0).demux.continuity_count_error += 5;
        }),
    ];
    for (kind, seconds, spoil) in cases {
        assert_eq!(
            incident(seconds, 62, spoil),
            raised_and_cleared(kind),
            "{kind:?}"
        );
    }
}

#[test]
fn a_burst_of_damage_is_one_alarm_in_the_end() {
    let mut rig = Rig::after(WARM_S);
    rig.run(20, |snapshot| {
        report_of(snapshot, 0).demux.continuity_count_error += 50;
    });
    assert_eq!(rig.roots(), [Kind::ContinuityBurst]);
    rig.run(63, |_| {});
    assert_eq!(rig.report.alarms, []);
}

#[test]
fn half_of_a_bitrate_is_told_and_is_the_new_measure_in_time() {
    let mut rig = Rig::after(WARM_S);
    let halve = |snapshot: &mut Snapshot| report_of(snapshot, 2).bitrate_bps = BITRATE_BPS / 2;
    rig.run(10, halve);
    assert_eq!(rig.roots(), []);
    rig.run(1, halve);
    assert_eq!(rig.roots(), [Kind::BitrateVariance]);
    rig.run(1_200, halve);
    assert_eq!(rig.history(), raised_and_cleared(Kind::BitrateVariance));
}

#[test]
fn ladders_that_drift_or_lack_a_rung_are_told() {
    let drift = |snapshot: &mut Snapshot| {
        snapshot.channels[0].ladder = Arc::new(ladder::Report {
            alignment: Alignment::Drifting {
                since: wall(0),
                renditions: Vec::new(),
            },
            ..ladder::Report::default()
        });
    };
    let lack = |snapshot: &mut Snapshot| {
        snapshot.channels[0].ladder = Arc::new(ladder::Report {
            findings: vec![Finding {
                check: Check::RungMissing,
                since: wall(0),
                reason: "R1 is not there".to_owned(),
            }],
            ..ladder::Report::default()
        });
    };
    let mend = |snapshot: &mut Snapshot| snapshot.channels[0].ladder = Arc::default();
    let mut rig = Rig::after(WARM_S);
    rig.run(5, drift);
    assert_eq!(rig.roots(), [Kind::LadderDrifting]);
    rig.run(31, mend);
    rig.run(5, lack);
    assert_eq!(
        rig.report.alarms[0].text,
        "the ladder fails 1 of its checks: R1 is not there"
    );
    rig.run(31, mend);
    assert_eq!(rig.history().len(), 4);
    assert_eq!(rig.report.alarms, []);
}

#[test]
fn an_origin_that_is_out_of_use_explains_errors() {
    let mut rig = Rig::after(WARM_S);
    rig.run(60, |snapshot| {
        snapshot.origins = vec![origin("half-open")];
        // From when it is out of use.
        snapshot.http.responses_5xx += u64::from(snapshot.uptime.as_secs() > WARM_S + 15);
    });
    assert_eq!(rig.roots(), [Kind::OriginDown]);
    assert_eq!(rig.report.alarms[0].affected, 1);
    rig.run(600, |snapshot| snapshot.origins = vec![origin("closed")]);
    // It is as bad as its effects from when there are any.
    let events = [Event::Raised, Event::Changed, Event::Cleared];
    assert_eq!(rig.history(), events.map(|event| (event, Kind::OriginDown)));
}

#[test]
fn errors_are_told_from_one_in_a_hundred_on() {
    // 50 answers a second: one error in two seconds is one in a hundred.
    let errors = |snapshot: &mut Snapshot| {
        let second = snapshot.uptime.as_secs();
        snapshot.http.responses_5xx += u64::from(second.is_multiple_of(3));
    };
    assert_eq!(incident(300, 300, errors), []);
    let errors = |snapshot: &mut Snapshot| snapshot.http.responses_5xx += 1;
    assert_eq!(
        incident(300, 300, errors),
        raised_and_cleared(Kind::ServerErrors)
    );
}

#[test]
fn a_hit_ratio_is_told_low_and_then_critical_as_one() {
    let mut rig = Rig::after(WARM_S);
    rig.run(300, |snapshot| snapshot.routes[0].counters.misses += 10);
    assert_eq!(rig.roots(), [Kind::HitRatioLow]);
    rig.run(300, |snapshot| snapshot.routes[0].counters.misses += 100);
    assert_eq!(rig.roots(), [Kind::HitRatioCritical]);
    rig.run(600, |_| {});
    assert_eq!(rig.report.alarms, []);
}

#[test]
fn a_cache_that_is_still_cold_is_not_judged_by_its_hits() {
    let mut rig = Rig::after(0);
    rig.run(899, |snapshot| snapshot.routes[0].counters.misses += 100);
    assert_eq!(rig.history(), []);
    rig.run(1, |snapshot| snapshot.routes[0].counters.misses += 100);
    assert_eq!(rig.roots(), [Kind::HitRatioCritical]);
}

#[tokio::test]
async fn a_ratio_that_was_low_before_a_restart_is_not_good_for_want_of_samples() {
    let machine = Simulation::new(1);
    let mut rig = Rig::on(&machine, WARM_S);
    rig.run(300, |snapshot| snapshot.routes[0].counters.misses += 10);
    assert_eq!(rig.roots(), [Kind::HitRatioLow]);
    Arc::new(rig.alarms).write_newer(Ending::Final).await;
    let mut after = Rig::on(&machine, 899);
    assert_eq!(after.roots(), [Kind::HitRatioLow]);
    after.run(1, |_| {});
    assert_eq!(after.history(), raised_and_cleared(Kind::HitRatioLow));
}

#[test]
fn a_disk_that_fills_up_is_one_alarm_and_what_is_unknown_none() {
    let mut rig = Rig::after(WARM_S);
    rig.run(1, |snapshot| snapshot.disk_usage_percent = Some(90.5));
    assert_eq!(rig.roots(), [Kind::DiskFilling]);
    rig.run(1, |snapshot| snapshot.disk_usage_percent = Some(95.1));
    assert_eq!(rig.roots(), [Kind::DiskFull]);
    rig.run(600, |snapshot| snapshot.disk_usage_percent = None);
    assert_eq!(rig.roots(), [Kind::DiskFull]);
    rig.run(1, |snapshot| snapshot.disk_usage_percent = Some(84.9));
    assert_eq!(rig.report.alarms, []);
}

#[test]
fn a_device_that_is_given_up_is_latched() {
    let mut rig = Rig::after(WARM_S);
    rig.run(1, |snapshot| {
        snapshot.store_offline = Some(Offline {
            reason: "cannot sync /cache/store".to_owned(),
            since: wall(0),
        });
    });
    rig.run(60, |snapshot| snapshot.store_offline = None);
    assert_eq!(rig.roots(), [Kind::DiskError]);
    let alarm = &rig.report.alarms[0];
    assert!(
        alarm.is_over && alarm.text.ends_with(": cannot sync /cache/store"),
        "{}",
        alarm.text
    );
}

#[test]
fn a_channel_that_is_taken_out_takes_its_alarms_along() {
    let mut rig = Rig::after(WARM_S);
    let last = rig.rendition(0).clone();
    rig.run(10, |snapshot| starve(report_of(snapshot, 0), &last));
    rig.snapshot.channels.clear();
    rig.report = rig.alarms.look(&rig.snapshot);
    assert_eq!(rig.report.alarms, []);
    assert_eq!(rig.history(), raised_and_cleared(Kind::IngestDown));
}

#[test]
fn a_wall_clock_that_is_set_raises_nothing() {
    let told = incident(600, 600, |snapshot| snapshot.taken = wall(10_000_000));
    assert_eq!(told, []);
}
