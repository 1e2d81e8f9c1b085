//! The faults that are injected into the simulated board: what is done, and what must be told.

use std::time::Duration;

use weir::alarm::Kind;
use weir_hal::{OperationalStatus, sim::WireFaults};

use super::inject::Inject;
use crate::feed::{Harm, Table};

/// A fault, and the one alarm it must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) inject: Inject,
    pub(crate) kind: Kind,
    pub(crate) resource: &'static str,
    pub(crate) severity: &'static str,
    /// Seconds until it is told, at most: until the measure is beyond its threshold, the hold of
    /// its rule, and two.
    pub(crate) within_s: u64,
    /// Whether it may be worse, for chance takes more or less of a stream.
    pub(crate) is_or_worse: bool,
    /// Alarms that it hides, at least, after it was there for [`Fault::STAY_S`].
    pub(crate) affected_min: u64,
    /// A lesser alarm of the same resource that it grows out of, and ends in.
    pub(crate) through: Option<Kind>,
}

impl Fault {
    /// How long it stays after it was told.
    pub(crate) const STAY_S: u64 = 20;

    pub(crate) const fn of(
        (name, inject): (&'static str, Inject),
        (kind, resource, severity): (Kind, &'static str, &'static str),
        within_s: u64,
    ) -> Self {
        Self {
            name,
            inject,
            kind,
            resource,
            severity,
            within_s,
            is_or_worse: false,
            affected_min: 0,
            through: None,
        }
    }

    pub(crate) const fn through(self, kind: Kind) -> Self {
        Self {
            through: Some(kind),
            ..self
        }
    }

    /// The same, which is as bad as this or worse.
    pub(crate) const fn or_worse(self) -> Self {
        Self {
            is_or_worse: true,
            ..self
        }
    }

    pub(crate) const fn hiding(self, affected_min: u64) -> Self {
        Self {
            affected_min,
            ..self
        }
    }
}

pub(crate) const HD: &str = "channel/news/hd";
pub(crate) const SD: &str = "channel/news/sd";
pub(crate) const RTP: &str = "channel/sport/hd";
pub(crate) const OTHER: &str = "channel/sport/sd";
const FIRST: &str = "channel/film/sd/1";
const SECOND: &str = "channel/film/sd/2";

const DOWN: (Kind, &str) = (Kind::IngestDown, "critical");
const SYNC: (Kind, &str) = (Kind::SyncLoss, "critical");
const TABLES: (Kind, &str) = (Kind::TablesMissing, "critical");
const BURST: (Kind, &str) = (Kind::ContinuityBurst, "major");
const TRICKLE: (Kind, &str) = (Kind::ContinuityError, "minor");
const VARIANCE: (Kind, &str) = (Kind::BitrateVariance, "major");
const STALE: (Kind, &str) = (Kind::SegmentStale, "critical");
const SOURCE: (Kind, &str) = (Kind::SourceDown, "minor");

/// A fault of one source.
const fn feed(
    name: &'static str,
    (source, harm): (&'static str, Harm),
    (kind, severity): (Kind, &'static str),
    within_s: u64,
) -> Fault {
    let inject = Inject::Feed(source, harm);
    Fault::of((name, inject), (kind, source, severity), within_s)
}

/// What goes wrong with streams, in an order in which no two that take a rendition of one channel
/// off air follow one another: five changes of its ladder in ten minutes would be flapping.
pub(crate) const STREAMS: &[Fault] = &[
    feed("a sender stops", (HD, Harm::Silent), DOWN, 5).hiding(1),
    feed(
        "the PAT is damaged",
        (OTHER, Harm::Damaged(Table::Pat)),
        TABLES,
        10,
    ),
    feed("a sender by RTP stops", (RTP, Harm::Silent), DOWN, 5),
    feed(
        "the PAT is gone",
        (HD, Harm::Without(Table::Pat)),
        TABLES,
        10,
    ),
    feed(
        "the lower of two renditions stops",
        (SD, Harm::Silent),
        DOWN,
        5,
    ),
    feed(
        "both tables are gone",
        (RTP, Harm::Without(Table::Both)),
        TABLES,
        10,
    ),
    feed("datagrams come empty", (OTHER, Harm::Empty), DOWN, 5),
    feed(
        "the PMT is gone",
        (SD, Harm::Without(Table::Pmt)),
        TABLES,
        10,
    ),
    feed(
        "every second datagram is lost",
        (RTP, Harm::DatagramBurst),
        BURST,
        8,
    ),
    feed("something else is sent", (HD, Harm::Noise), DOWN, 5).hiding(1),
    feed(
        "the bitrate is three times as much",
        (RTP, Harm::Fat(5)),
        VARIANCE,
        14,
    ),
    feed(
        "synchronisation is lost by RTP",
        (RTP, Harm::Desync),
        SYNC,
        3,
    ),
    feed(
        "the PMT is damaged",
        (HD, Harm::Damaged(Table::Pmt)),
        TABLES,
        10,
    ),
    feed(
        "more comes than is fetched",
        (OTHER, Harm::Flood),
        (Kind::ReceiveBufferDrop, "major"),
        3,
    ),
    feed(
        "the PCR is gone",
        (SD, Harm::WithoutClock),
        (Kind::ClockMissing, "minor"),
        5,
    ),
    feed("pictures are scrambled", (HD, Harm::Scrambled), STALE, 12),
    feed(
        "a packet a second is lost",
        (HD, Harm::Trickle(5)),
        TRICKLE,
        3,
    ),
    feed(
        "pictures have no time stamps",
        (RTP, Harm::Untimed),
        STALE,
        12,
    ),
    feed(
        "a packet in five seconds is lost",
        (SD, Harm::Trickle(25)),
        TRICKLE,
        8,
    ),
    feed(
        "no key frames come",
        (SD, Harm::WithoutKeyFrames),
        TABLES,
        12,
    ),
    feed(
        "every third packet is lost",
        (HD, Harm::Burst(3)),
        (Kind::ContinuityBurst, "critical"),
        8,
    ),
    // It is as bad as that no segments come of it.
    feed(
        "pictures are gone",
        (OTHER, Harm::WithoutPictures),
        (Kind::BitrateVariance, "critical"),
        14,
    )
    .hiding(1),
    feed(
        "datagrams come in another order",
        (HD, Harm::Swapped),
        BURST,
        8,
    ),
    Fault::of(
        (
            "both feeds of an interface stop at once",
            Inject::Feeds(&[RTP, OTHER], Harm::Silent),
        ),
        (Kind::FeedsLost, "nic/eth1", "critical"),
        5,
    )
    .hiding(2),
    feed(
        "a source stops that another is there for",
        (SECOND, Harm::Silent),
        SOURCE,
        9,
    ),
    feed(
        "a source is scrambled that another is there for",
        (SECOND, Harm::Scrambled),
        SOURCE,
        11,
    ),
    Fault::of(
        (
            "both sources of a rendition stop",
            Inject::Feeds(&[FIRST, SECOND], Harm::Silent),
        ),
        (Kind::IngestDown, "channel/film/sd", "critical"),
        5,
    )
    .hiding(1),
    feed(
        "the source in use stops, and another is there",
        (FIRST, Harm::Silent),
        SOURCE,
        9,
    ),
    feed(
        "the bitrate falls by a half",
        (HD, Harm::Lean),
        VARIANCE,
        14,
    ),
    Fault::of(
        (
            "one rendition alone has sound",
            Inject::Feed(HD, Harm::WithSound),
        ),
        (Kind::LadderFinding, "channel/news", "warning"),
        30,
    ),
    feed(
        "the bitrate grows by a half",
        (SD, Harm::Fat(2)),
        VARIANCE,
        14,
    ),
    feed(
        "a source sends something else that another is there for",
        (SECOND, Harm::Noise),
        SOURCE,
        11,
    ),
    feed("every datagram comes twice", (OTHER, Harm::Twice), BURST, 8),
    Fault::of(
        (
            "both sources of a rendition are scrambled",
            Inject::Feeds(&[FIRST, SECOND], Harm::Scrambled),
        ),
        (Kind::SegmentStale, "channel/film/sd", "critical"),
        14,
    ),
    feed(
        "all packets are marked as damaged",
        (SD, Harm::Marked),
        TABLES,
        10,
    ),
    feed(
        "five datagrams in a row are lost every two seconds",
        (SD, Harm::DatagramGap(10)),
        TRICKLE,
        4,
    ),
    feed("packets are not counted", (RTP, Harm::Uncounted), BURST, 8),
    feed(
        "a datagram in two seconds is lost",
        (RTP, Harm::DatagramTrickle(10)),
        TRICKLE,
        4,
    ),
];

/// What does not end by itself: renditions that were cut apart once may stay so.
pub(crate) const APART: Fault = Fault::of(
    (
        "key frames of one rendition come later",
        Inject::Feed(SD, Harm::Shifted(2)),
    ),
    (Kind::LadderDrifting, "channel/news", "minor"),
    30,
);

pub(crate) const ETH: [&str; 3] = ["nic/eth0", "nic/eth1", "nic/eth2"];
const NIC_DOWN: (Kind, &str) = (Kind::NicDown, "critical");
const NIC_ERRORS: (Kind, &str) = (Kind::NicErrors, "minor");

const fn nic(
    name: &'static str,
    inject: Inject,
    (number, (kind, severity)): (usize, (Kind, &'static str)),
) -> Fault {
    Fault::of((name, inject), (kind, ETH[number], severity), 4)
}

/// What goes wrong with interfaces, the disk and certificates.
pub(crate) const MACHINE: &[Fault] = &[
    Fault::of(
        ("the disk fills up", Inject::Fill(910)),
        (Kind::DiskFilling, "disk", "major"),
        2,
    ),
    nic(
        "a cable is pulled",
        Inject::Nic(0, OperationalStatus::Down),
        (0, NIC_DOWN),
    )
    .hiding(2),
    nic(
        "what an interface stands on is down",
        Inject::Nic(1, OperationalStatus::LowerLayerDown),
        (1, NIC_DOWN),
    )
    .hiding(2),
    nic(
        "an interface waits for an authentication",
        Inject::Nic(0, OperationalStatus::Dormant),
        (0, NIC_DOWN),
    )
    .hiding(2),
    nic("an adapter is unplugged", Inject::NicGone(1), (1, NIC_DOWN)).hiding(2),
    nic(
        "a part of an interface is missing",
        Inject::Nic(2, OperationalStatus::NotPresent),
        (2, NIC_DOWN),
    ),
    nic(
        "an interface without channels loses its link",
        Inject::Nic(2, OperationalStatus::Down),
        (2, NIC_DOWN),
    ),
    nic(
        "a cable damages packets",
        Inject::NicErrors(0, 1),
        (0, NIC_ERRORS),
    ),
    nic(
        "an idle cable damages packets",
        Inject::NicErrors(2, 40),
        (2, NIC_ERRORS),
    ),
    Fault::of(
        ("the disk is nearly full", Inject::Fill(960)),
        (Kind::DiskFull, "disk", "critical"),
        2,
    ),
    Fault::of(
        ("a certificate ends in 29 days", Inject::Certificate(29)),
        (Kind::CertificateExpiry, "node", "major"),
        6,
    ),
    Fault::of(
        ("a certificate has ended", Inject::Certificate(-1)),
        (Kind::CertificateExpiry, "node", "major"),
        6,
    ),
    Fault::of(
        (
            "a datagram in some hundred is lost",
            Inject::Wire(
                &[SD],
                WireFaults {
                    loss_ppm: 5_000,
                    ..CLEAN
                },
            ),
        ),
        (Kind::ContinuityError, SD, "minor"),
        20,
    ),
    Fault::of(
        ("nothing sets the clock", Inject::Clock(None)),
        (Kind::ClockUnsynchronised, "node", "major"),
        602,
    ),
    Fault::of(
        (
            "the clock is a fifth of a second off",
            Inject::Clock(Some(Duration::from_millis(200))),
        ),
        (Kind::ClockUnsynchronised, "node", "major"),
        602,
    ),
    Fault::of(
        (
            "a configuration is not taken",
            Inject::Config("line 1: node.name: no name"),
        ),
        (Kind::ConfigRejected, "node", "major"),
        2,
    ),
    Fault::of(
        ("somebody guesses tokens", Inject::Tokens(6)),
        (Kind::AuthenticationFailures, "node", "warning"),
        2,
    ),
    Fault::of(
        ("the disk is full", Inject::Fill(1_000)),
        (Kind::DiskFull, "disk", "critical"),
        2,
    ),
    Fault::of(
        (
            "an update was given up",
            Inject::Slots("a", &["weir_1.0.0_a.efi", "weir_1.1.0_b+0-3.efi"]),
        ),
        (Kind::SlotRollback, "slot/b", "major"),
        2,
    ),
    Fault::of(
        (
            "an update does not become good",
            Inject::Slots("b", &["weir_1.0.0_a.efi", "weir_1.1.0_b+2-1.efi"]),
        ),
        (Kind::SlotUncommitted, "slot/b", "major"),
        902,
    ),
    Fault::of(
        (
            "an older version runs than there is",
            Inject::Slots("a", &["weir_1.0.0_a.efi", "weir_1.1.0_b.efi"]),
        ),
        (Kind::SlotOutdated, "slot/a", "warning"),
        62,
    ),
    Fault::of(
        (
            "nobody asks for memberships any more",
            Inject::Querier(2, Duration::from_secs(260)),
        ),
        (Kind::QuerierLost, ETH[2], "major"),
        2,
    ),
];

pub(crate) const CLEAN: WireFaults = WireFaults {
    loss_ppm: 0,
    burst_ppm: 0,
    burst_datagrams: 0,
    duplicate_ppm: 0,
    reorder_ppm: 0,
    reorder_span: Duration::ZERO,
    bit_flip_ppm: 0,
    wrong_group_ppm: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    is_silent: false,
};
