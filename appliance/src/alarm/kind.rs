//! The one table of all kinds of alarm: rule, causes, and what people are told.
//!
//! Source: X.733 §8.1.2.1 (probable causes); RFC 8632 §3.2 (an alarm type is a stable name).
//! Kinds stand behind their causes, so that one pass from the top finds the root of each alarm.
//! Refuses: a kind that nothing measures.

use crate::alarm::{
    Amount, Unit,
    rule::Rule,
    severity::Severity::{Critical, Major, Minor, Warning},
};

/// What is known of one kind of alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The stable name.
    pub id: &'static str,
    /// What it means, one sentence.
    pub help: &'static str,
    /// What is read.
    pub unit: Unit,
    /// Thresholds and holds, unless the configuration has others.
    pub rule: Rule,
    /// Whether it stays until an operator acknowledges it.
    pub is_latched: bool,
    /// Kinds that explain it where they are raised on a related resource.
    pub causes: &'static [Kind],
    /// The probable cause of X.733.
    pub probable_cause: &'static str,
    /// What is wrong, with `{}` for the worst lately read.
    pub text: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

macro_rules! kinds {
    (
        $(
            #[doc = $help:literal]
            $Kind:ident = $id:literal { $( $field:ident: $value:expr, )+ }
        )+
    ) => {
        /// A kind of alarm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $( #[doc = $help] $Kind, )+
        }

        impl Kind {
            /// All kinds, each behind its causes.
            pub const ALL: [Self; Self::COUNT] = [ $( Self::$Kind, )+ ];

            /// How many there are.
            pub const COUNT: usize = [ $( $id, )+ ].len();

            /// What is known of it.
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $( Self::$Kind => const {
                        &Definition { id: $id, help: $help.trim_ascii(), $( $field: $value, )+ }
                    }, )+
                }
            }
        }
    };
}

const fn percent(units: u64) -> Amount {
    Amount::whole(units)
}

const fn seconds(units: u64) -> Amount {
    Amount::whole(units)
}

/// A claim that must hold for so many seconds, and then not hold for so many.
const fn claim(severity: super::Severity, raise_hold_s: u64, clear_hold_s: u64) -> Rule {
    Rule::above(
        severity,
        (Amount::ZERO, raise_hold_s),
        (Amount::ZERO, clear_hold_s),
    )
}

/// What takes packets of a stream away.
const LOSS_CAUSES: &[Kind] = &[
    Kind::NicDown,
    Kind::NicErrors,
    Kind::FeedsLost,
    Kind::FeedsDamaged,
    Kind::IngestDown,
    Kind::ReceiveBufferDrop,
    Kind::SyncLoss,
];

/// What spoils a stream, and what is judged of it.
const STREAM_CAUSES: &[Kind] = &[
    Kind::NicDown,
    Kind::NicErrors,
    Kind::FeedsLost,
    Kind::FeedsDamaged,
    Kind::IngestDown,
    Kind::ReceiveBufferDrop,
    Kind::SyncLoss,
    Kind::ContinuityBurst,
    Kind::TablesMissing,
];

/// What takes a rendition out of step with the others of its channel.
const LADDER_CAUSES: &[Kind] = &[
    Kind::IngestDown,
    Kind::ReceiveBufferDrop,
    Kind::SyncLoss,
    Kind::ContinuityBurst,
    Kind::TablesMissing,
    Kind::SegmentStale,
];

kinds! {
    /// A network interface that was up, or that a channel is received on, is down.
    NicDown = "nic-down" {
        unit: Unit::Claim,
        rule: claim(Critical, 1, 5),
        is_latched: false,
        causes: &[],
        probable_cause: "lossOfSignal",
        text: "the interface is down",
        remedy: "check the cable and the port of the switch; where there is none of that name, \
            plug it in or change `interface`",
    }
    /// Many packets of the last minute came damaged.
    NicErrors = "nic-errors" {
        unit: Unit::Count,
        rule: Rule::above(Minor, (Amount::whole(100), 0), (Amount::whole(50), 60))
            .of_samples(1_000),
        is_latched: false,
        causes: &[Kind::NicDown],
        probable_cause: "degradedSignal",
        text: "packets that came damaged, of a million in the last minute: {}",
        remedy: "check the cable, its connectors and the port of the switch",
    }
    /// Nobody asks for memberships on an interface any more.
    QuerierLost = "igmp-querier-lost" {
        unit: Unit::Claim,
        rule: claim(Major, 0, 5),
        is_latched: false,
        causes: &[Kind::NicDown],
        probable_cause: "communicationsProtocolError",
        text: "nobody has asked for memberships for 260 s, and switches forget their members",
        remedy: "check the router or switch that asked (IGMP, MLD querier), and what lies between",
    }
    /// Most feeds of an interface fell silent at once; `node` is for those that name none.
    FeedsLost = "feeds-lost" {
        unit: Unit::Percent,
        rule: Rule::above(Critical, (percent(50), 0), (percent(25), 5)).of_samples(2),
        is_latched: false,
        causes: &[Kind::NicDown, Kind::QuerierLost],
        probable_cause: "lossOfSignal",
        text: "{} of the feeds fell silent at once",
        remedy: "look at what all of them come through: the uplink of the switch, its IGMP \
            snooping, the head-end",
    }
    /// Most feeds of an interface began to lose packets at once; `node`: those that name none.
    FeedsDamaged = "feeds-damaged" {
        unit: Unit::Percent,
        rule: Rule::above(Major, (percent(50), 0), (percent(25), 60)).of_samples(2),
        is_latched: false,
        causes: &[Kind::NicDown, Kind::NicErrors, Kind::QuerierLost, Kind::FeedsLost],
        probable_cause: "degradedSignal",
        text: "{} of the feeds began to lose packets at once",
        remedy: "look at what all of them come through: a link that is full, the switch and its \
            uplink, the head-end",
    }
    /// No transport packet is received.
    IngestDown = "ingest-down" {
        unit: Unit::Second,
        rule: Rule::above(Critical, (seconds(3), 0), (seconds(2), 5)),
        is_latched: false,
        causes: &[Kind::NicDown, Kind::QuerierLost, Kind::FeedsLost],
        probable_cause: "lossOfSignal",
        text: "no transport packet has come for {}",
        remedy: "check the sender, the cable and the port of the switch",
    }
    /// The kernel drops datagrams because the buffer of a group is full.
    ReceiveBufferDrop = "udp-rcvbuf-drop" {
        unit: Unit::Count,
        rule: Rule::above(Major, (Amount::ZERO, 0), (Amount::ZERO, 60)),
        is_latched: false,
        causes: &[],
        probable_cause: "queueSizeExceeded",
        text: "datagrams that the kernel dropped within a second, for the buffer was full: {}",
        remedy: "raise `receive.bitrate_max` or `receive.stall`, and look at the load of the box",
    }
    /// Synchronisation on transport packets is lost (TR 101 290, 1.1).
    SyncLoss = "ts-sync-loss" {
        unit: Unit::Count,
        rule: Rule::above(Critical, (Amount::ZERO, 0), (Amount::ZERO, 60)),
        is_latched: false,
        causes: &[
            Kind::NicDown,
            Kind::FeedsLost,
            Kind::IngestDown,
            Kind::ReceiveBufferDrop,
        ],
        probable_cause: "framingError",
        text: "losses of synchronisation within a second: {}",
        remedy: "check what is sent: something other than a transport stream is on the group",
    }
    /// Many transport packets are lost or out of order (TR 101 290, 1.4).
    ContinuityBurst = "ts-continuity-burst" {
        unit: Unit::Count,
        rule: Rule::above(Major, (Amount::whole(10), 5), (Amount::ZERO, 60)),
        is_latched: false,
        causes: LOSS_CAUSES,
        probable_cause: "framingError",
        text: "continuity errors within a second, or of a thousand packets if that is more: {}",
        remedy: "check the cable, the switch and the source for loss",
    }
    /// The stream has no PAT or no PMT (TR 101 290, 1.3 and 1.5).
    TablesMissing = "ts-tables-missing" {
        unit: Unit::Claim,
        rule: claim(Critical, 2, 60),
        is_latched: false,
        causes: &[
            Kind::NicDown,
            Kind::NicErrors,
            Kind::FeedsLost,
            Kind::FeedsDamaged,
            Kind::IngestDown,
            Kind::ReceiveBufferDrop,
            Kind::SyncLoss,
            Kind::ContinuityBurst,
        ],
        probable_cause: "framingError",
        text: "no PAT or no PMT comes",
        remedy: "check the tables of the multiplexer",
    }
    /// Transport packets are lost or out of order (TR 101 290, 1.4).
    ContinuityError = "ts-continuity" {
        unit: Unit::Count,
        rule: Rule::above(Minor, (Amount::ZERO, 0), (Amount::ZERO, 60)),
        is_latched: false,
        causes: STREAM_CAUSES,
        probable_cause: "framingError",
        text: "continuity errors within a second: {}",
        remedy: "check the cable, the switch and the source for loss",
    }
    /// Pictures go on, and the PCR that the tables name does not come (TR 101 290, 2.3).
    ClockMissing = "ts-pcr-missing" {
        unit: Unit::Count,
        rule: Rule::above(Minor, (Amount::ZERO, 0), (Amount::ZERO, 60)),
        is_latched: false,
        causes: STREAM_CAUSES,
        probable_cause: "timingProblem",
        text: "no PCR has come for a second while pictures go on",
        remedy: "check the multiplexer: on the PCR PID of the PMT there is no clock, and set-top \
            boxes and hardware decoders stop",
    }
    /// The bitrate is far from that of the last five minutes.
    BitrateVariance = "bitrate-variance" {
        unit: Unit::Percent,
        rule: Rule::above(Major, (percent(25), 10), (percent(15), 30)).of_samples(60),
        is_latched: false,
        causes: STREAM_CAUSES,
        probable_cause: "signalQuality",
        text: "the bitrate is {} off that of the last five minutes",
        remedy: "check the encoder and the multiplexer",
    }
    /// The next segment is overdue: the last is older than its Target Duration by the threshold.
    SegmentStale = "segment-stale" {
        unit: Unit::Second,
        rule: Rule::above(Critical, (seconds(2), 0), (seconds(1), 10)),
        is_latched: false,
        causes: &[
            Kind::NicDown,
            Kind::NicErrors,
            Kind::FeedsLost,
            Kind::FeedsDamaged,
            Kind::IngestDown,
            Kind::ReceiveBufferDrop,
            Kind::SyncLoss,
            Kind::ContinuityBurst,
            Kind::TablesMissing,
            Kind::BitrateVariance,
        ],
        probable_cause: "outputDegraded",
        text: "the next segment in which players can begin is {} overdue",
        remedy: "look at the state of the rendition, which tells what is missing",
    }
    /// One of several sources of a rendition is lost, and others carry it.
    SourceDown = "source-down" {
        unit: Unit::Claim,
        rule: claim(Minor, 5, 10),
        is_latched: false,
        causes: &[
            Kind::NicDown,
            Kind::QuerierLost,
            Kind::FeedsLost,
            Kind::FeedsDamaged,
            Kind::IngestDown,
            Kind::SyncLoss,
            Kind::ContinuityBurst,
            Kind::TablesMissing,
            Kind::SegmentStale,
        ],
        probable_cause: "lossOfSignal",
        text: "the source is lost, and the rendition has one less to fall back on",
        remedy: "check its sender and the way by which it comes, before the other goes too",
    }
    /// The renditions of a channel are not cut at the same pictures.
    LadderDrifting = "ladder-drifting" {
        unit: Unit::Claim,
        rule: claim(Minor, 0, 30),
        is_latched: false,
        causes: LADDER_CAUSES,
        probable_cause: "outputDegraded",
        text: "the renditions are not cut alike",
        remedy: "have the encoders share one clock and one key-frame interval",
    }
    /// Something is wrong with the ladder of a channel.
    LadderFinding = "ladder-finding" {
        unit: Unit::Count,
        rule: Rule::above(Warning, (Amount::ZERO, 0), (Amount::ZERO, 30)),
        is_latched: false,
        causes: LADDER_CAUSES,
        probable_cause: "outputDegraded",
        text: "the ladder fails {} of its checks",
        remedy: "look at the findings of the channel",
    }
    /// All of several origins are out of use.
    UplinkDown = "uplink-down" {
        unit: Unit::Claim,
        rule: claim(Major, 10, 10),
        is_latched: false,
        causes: &[Kind::NicDown],
        probable_cause: "communicationsSubsystemFailure",
        text: "no origin is in use",
        remedy: "check the way to the origins: the router, its uplink, names and routes",
    }
    /// All URLs of an origin are out of use.
    OriginDown = "origin-down" {
        unit: Unit::Claim,
        rule: claim(Major, 10, 10),
        is_latched: false,
        causes: &[Kind::UplinkDown],
        probable_cause: "communicationsSubsystemFailure",
        text: "none of its URLs is in use",
        remedy: "check the origin and the network to it; the counters of each URL tell what fails",
    }
    /// The device of the store fails, and is not written any more.
    DiskError = "disk-io" {
        unit: Unit::Claim,
        rule: claim(Critical, 0, 0),
        is_latched: true,
        causes: &[],
        probable_cause: "inputOutputDeviceError",
        text: "the cache is in memory alone, for its device keeps failing",
        remedy: "check or replace the device, then restart weir",
    }
    /// The file system that holds the cache is nearly full.
    DiskFull = "disk-full" {
        unit: Unit::Percent,
        rule: Rule::above(Critical, (percent(95), 0), (percent(85), 0)),
        is_latched: false,
        causes: &[],
        probable_cause: "storageCapacityProblem",
        text: "the file system that holds the cache is {} full",
        remedy: "remove what else lies there, or move the cache",
    }
    /// The file system that holds the cache fills up.
    DiskFilling = "disk-filling" {
        unit: Unit::Percent,
        rule: Rule::above(Major, (percent(90), 0), (percent(85), 0)),
        is_latched: false,
        causes: &[Kind::DiskFull],
        probable_cause: "storageCapacityProblem",
        text: "the file system that holds the cache is {} full",
        remedy: "remove what else lies there, or move the cache",
    }
    /// Many answers of the last minute have a status of 5xx.
    ServerErrors = "http-5xx" {
        unit: Unit::Percent,
        rule: Rule::above(
            Critical,
            (Amount::from_thousandths(1_000), 5),
            (Amount::from_thousandths(500), 120),
        )
        .of_samples(100),
        is_latched: false,
        causes: &[Kind::OriginDown, Kind::DiskError],
        probable_cause: "serviceDegraded",
        text: "{} of the answers of a minute had a status of 5xx",
        remedy: "look at the origins, and at the counters of each route and channel",
    }
    /// One in twenty answers of the last minute was late.
    AnswersSlow = "http-latency" {
        unit: Unit::Second,
        rule: Rule::above(
            Major,
            (seconds(1), 5),
            (Amount::from_thousandths(700), 120),
        )
        .of_samples(100),
        is_latched: false,
        causes: &[Kind::OriginDown, Kind::DiskError, Kind::ServerErrors],
        probable_cause: "responseTimeExcessive",
        text: "one in twenty answers of a minute took long to begin",
        remedy: "look at the times of the origins, the disk and the processor",
    }
    /// Most requests of the last five minutes were for what is not here.
    HitRatioCritical = "hit-ratio-critical" {
        unit: Unit::Percent,
        rule: Rule::below(Critical, (percent(50), 0), (percent(55), 0)).of_samples(200),
        is_latched: false,
        causes: &[Kind::OriginDown, Kind::DiskError],
        probable_cause: "thresholdCrossed",
        text: "only {} of the requests of five minutes were answered from this box",
        remedy: "look at what is asked for, `cache.size`, and what was purged",
    }
    /// Many requests of the last five minutes were for what is not here.
    HitRatioLow = "hit-ratio-low" {
        unit: Unit::Percent,
        rule: Rule::below(Major, (percent(85), 0), (percent(88), 0)).of_samples(200),
        is_latched: false,
        causes: &[Kind::OriginDown, Kind::DiskError, Kind::HitRatioCritical],
        probable_cause: "thresholdCrossed",
        text: "only {} of the requests of five minutes were answered from this box",
        remedy: "look at what is asked for, `cache.size`, and what was purged",
    }
    /// A certificate that clients are shown ends before long.
    CertificateExpiry = "cert-expiry" {
        unit: Unit::Day,
        rule: Rule::below(Major, (Amount::whole(30), 0), (Amount::whole(30), 0)),
        is_latched: false,
        causes: &[],
        probable_cause: "keyExpired",
        text: "a certificate ends in {}",
        remedy: "renew it where it lies; nothing need be restarted",
    }
    /// No source of time sets the clock, or it is far from its source.
    ClockUnsynchronised = "clock-unsync" {
        unit: Unit::Second,
        rule: Rule::above(
            Major,
            (Amount::from_thousandths(100), 600),
            (Amount::from_thousandths(50), 60),
        ),
        is_latched: false,
        causes: &[],
        probable_cause: "timingProblem",
        text: "the clock may be {} off",
        remedy: "check the NTP service of this box and the way to its servers: dates of playlists, \
                 signed URLs and certificates go by the clock",
    }
    /// The configuration was to be read again, and was not taken.
    ConfigRejected = "config-rejected" {
        unit: Unit::Claim,
        rule: claim(Major, 0, 0),
        is_latched: false,
        causes: &[],
        probable_cause: "configurationOrCustomizationError",
        text: "the configuration was not taken when it was read again",
        remedy: "weir goes on as before: mend the file (`weir check` names every mistake), then \
            have it read again (SIGHUP)",
    }
    /// Logins and tokens were refused again and again in the last five minutes.
    AuthenticationFailures = "auth-failures" {
        unit: Unit::Count,
        rule: Rule::above(Warning, (Amount::whole(5), 0), (Amount::ZERO, 0)),
        is_latched: false,
        causes: &[],
        probable_cause: "authenticationFailure",
        text: "logins and tokens that were refused within five minutes: {}",
        remedy: "look at who is at that address: somebody guesses, or a program has an old token",
    }
    /// A slot has used up its tries, and the machine went back to the other one by itself.
    SlotRollback = "slot-rollback" {
        unit: Unit::Claim,
        rule: claim(Major, 0, 5),
        is_latched: false,
        causes: &[],
        probable_cause: "softwareProgramError",
        text: "the slot became good in none of its tries, and was given up",
        remedy: "this box went on with the other slot: find out what this version lacks here \
            before it is installed again. It ends with the next update",
    }
    /// The slot that runs has not become good for long.
    SlotUncommitted = "slot-uncommitted" {
        unit: Unit::Claim,
        rule: claim(Major, 900, 5),
        is_latched: false,
        causes: &[Kind::SlotRollback],
        probable_cause: "softwareError",
        text: "the slot that runs has not become good, so another may start next",
        remedy: "ask `/readyz`, which tells what is missing: a version becomes good once this box \
            was ready for long enough",
    }
    /// The other slot has a newer version, which is good.
    SlotOutdated = "slot-outdated" {
        unit: Unit::Claim,
        rule: claim(Warning, 60, 5),
        is_latched: false,
        causes: &[],
        probable_cause: "versionMismatch",
        text: "an older version runs than the other slot has",
        remedy: "if nobody went back on purpose, the newer one could not start: look at the disk \
            and the messages of the kernel, or install it again",
    }
    /// There are more alarms than are listed.
    AlarmsOverflow = "alarms-overflow" {
        unit: Unit::Count,
        rule: Rule::above(Major, (Amount::ZERO, 0), (Amount::ZERO, 60)),
        is_latched: false,
        causes: &[],
        probable_cause: "queueSizeExceeded",
        text: "alarms that are not listed: {}",
        remedy: "act on those that are, or shelve them",
    }
}

impl Kind {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        self.definition().id
    }

    /// The kind of that name; `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What is wrong, when `amount` is read.
    pub(super) fn text(self, amount: Amount, detail: Option<&str>) -> String {
        let definition = self.definition();
        let text = definition.text.replace("{}", &definition.unit.show(amount));
        match detail {
            None => text,
            Some(detail) => format!("{text}: {detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn kinds_stand_behind_their_causes() {
        for kind in Kind::ALL {
            for cause in kind.definition().causes {
                assert!(*cause < kind, "{kind:?} is explained by {cause:?}");
            }
        }
    }

    #[test]
    fn each_has_a_name_of_its_own_for_good() {
        let names: BTreeSet<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
        assert_eq!(names.len(), Kind::COUNT);
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::from_name("no-such-alarm"), None);
    }

    #[test]
    fn thresholds_are_consistent_and_nothing_is_raised_as_cleared() {
        for kind in Kind::ALL {
            let rule = kind.definition().rule;
            assert!(rule.is_consistent(), "{kind:?}");
            assert!(rule.severity > super::super::Severity::Cleared, "{kind:?}");
        }
    }

    #[test]
    fn texts_tell_what_was_read_and_why() {
        let text = Kind::SegmentStale.text(Amount::from_thousandths(7_250), Some("scrambled"));
        assert_eq!(
            text,
            "the next segment in which players can begin is 7.2 s overdue: scrambled"
        );
        let text = Kind::TablesMissing.text(Amount::claim(true), None);
        assert_eq!(text, "no PAT or no PMT comes");
    }
}
