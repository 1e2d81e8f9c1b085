//! The faults between the box and its origins, and of what players ask for.

use std::time::Duration;

use weir::alarm::Kind;
use weir_hal::sim::PathFaults;

use super::{
    inject::Inject,
    players::{Asked, Mood},
    table::Fault,
};

const GOOD_PATH: PathFaults = PathFaults {
    refused_ppm: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    cut_ppm: 0,
    cut_bytes_max: 0,
    is_black_hole: false,
};

const REFUSED: PathFaults = PathFaults {
    refused_ppm: 1_000_000,
    ..GOOD_PATH
};

const BLACK_HOLE: PathFaults = PathFaults {
    is_black_hole: true,
    ..GOOD_PATH
};

const CUT: PathFaults = PathFaults {
    cut_ppm: 1_000_000,
    cut_bytes_max: 20,
    ..GOOD_PATH
};

const ORIGIN: (Kind, &str) = (Kind::OriginDown, "major");

/// What goes wrong between the box and its origins.
///
/// A player that has to wait or is refused for want of its origin is no alarm by itself: that makes
/// the alarm of the origin as bad.
pub(crate) const SERVICE: &[Fault] = &[
    Fault::of(
        ("an origin refuses connections", Inject::Path(&[0], REFUSED)),
        (Kind::OriginDown, "origin/mid", "critical"),
        20,
    )
    .hiding(1),
    Fault::of(
        ("an origin is a black hole", Inject::Path(&[0], BLACK_HOLE)),
        (Kind::OriginDown, "origin/mid", "critical"),
        40,
    )
    .hiding(1),
    Fault::of(
        ("an origin cuts its answers off", Inject::Path(&[0], CUT)),
        (Kind::OriginDown, "origin/mid", "critical"),
        40,
    )
    .hiding(1),
    Fault::of(
        (
            "the nearer of two origins refuses",
            Inject::Path(&[1, 2], REFUSED),
        ),
        (ORIGIN.0, "origin/near", ORIGIN.1),
        40,
    ),
    Fault::of(
        (
            "an origin closes in place of an answer",
            Inject::Mood(
                &[0],
                Mood {
                    is_closing: true,
                    ..Mood::WELL
                },
            ),
        ),
        (Kind::OriginDown, "origin/mid", "critical"),
        40,
    )
    .hiding(1),
    Fault::of(
        ("an origin never answers", Inject::Mood(&[0], NEVER)),
        (Kind::OriginDown, "origin/mid", "critical"),
        60,
    )
    .hiding(1),
    Fault::of(
        ("probes of an origin fail", Inject::Path(&[3], REFUSED)),
        (ORIGIN.0, "origin/far", ORIGIN.1),
        60,
    ),
    Fault::of(
        (
            "all origins are black holes",
            Inject::Path(&[0, 1, 2, 3], BLACK_HOLE),
        ),
        (Kind::UplinkDown, "node", "critical"),
        90,
    )
    .hiding(3),
    Fault::of(
        (
            "all origins refuse connections",
            Inject::Path(&[0, 1, 2, 3], REFUSED),
        ),
        (Kind::UplinkDown, "node", "critical"),
        60,
    )
    .hiding(3),
    Fault::of(
        (
            "an origin answers 503",
            Inject::Mood(
                &[0],
                Mood {
                    status: 503,
                    ..Mood::WELL
                },
            ),
        ),
        (Kind::ServerErrors, "node", "critical"),
        30,
    ),
    Fault::of(
        (
            "an origin answers 500",
            Inject::Mood(
                &[0],
                Mood {
                    status: 500,
                    ..Mood::WELL
                },
            ),
        ),
        (Kind::ServerErrors, "node", "critical"),
        30,
    ),
    Fault::of(
        ("all origins are late", Inject::Mood(&[0, 1, 2, 3], LATE)),
        (Kind::AnswersSlow, "node", "major"),
        70,
    ),
    Fault::of(
        (
            "a quarter of what is asked for is new",
            Inject::Asked(Asked {
                known: 15,
                new: 4,
                new_two: 1,
            }),
        ),
        (Kind::HitRatioLow, "node", "major"),
        300,
    ),
    Fault::of(
        (
            "nearly all that is asked for is new",
            Inject::Asked(Asked {
                known: 2,
                new: 17,
                new_two: 1,
            }),
        ),
        (Kind::HitRatioCritical, "node", "critical"),
        300,
    )
    .through(Kind::HitRatioLow),
];

const NEVER: Mood = Mood {
    delay: Duration::from_hours(1),
    ..Mood::WELL
};

const LATE: Mood = Mood {
    delay: Duration::from_millis(1_200),
    ..Mood::WELL
};
