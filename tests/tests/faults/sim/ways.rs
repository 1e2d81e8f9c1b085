//! Faults of the way by which streams come: of what several have in common, and of chance.

use std::time::Duration;

use weir::alarm::Kind;
use weir_hal::sim::WireFaults;

use super::{
    inject::Inject,
    table::{CLEAN, ETH, Fault, HD, OTHER, RTP, SD},
};
use crate::feed::Harm;

/// A wire that loses so many of a million datagrams.
const fn lossy(loss_ppm: u32) -> WireFaults {
    WireFaults { loss_ppm, ..CLEAN }
}

/// What takes some datagrams and leaves others, by chance.
pub(crate) const CHANCES: &[Fault] = &[
    // Where no key frame is whole no segments come, and that is as bad.
    Fault::of(
        (
            "half of all datagrams is lost",
            Inject::Wire(&[HD], lossy(500_000)),
        ),
        (Kind::ContinuityBurst, HD, "major"),
        8,
    )
    .or_worse(),
    Fault::of(
        (
            "nine of ten datagrams are lost",
            Inject::Wire(&[OTHER], lossy(900_000)),
        ),
        (Kind::ContinuityBurst, OTHER, "critical"),
        8,
    )
    .hiding(2),
    Fault::of(
        (
            "a link that two streams share is full",
            Inject::Wire(&[HD, SD], lossy(300_000)),
        ),
        (Kind::FeedsDamaged, ETH[0], "major"),
        4,
    )
    .or_worse()
    .hiding(2),
];

/// What becomes of several things at once.
pub(crate) const COMMON: &[Fault] = &[
    Fault::of(
        (
            "all streams of an interface lack a datagram now and then",
            Inject::Feeds(&[RTP, OTHER], Harm::DatagramTrickle(5)),
        ),
        (Kind::FeedsDamaged, ETH[1], "major"),
        4,
    )
    .hiding(2),
    Fault::of(
        (
            "a cable damages packets, and streams lack them",
            Inject::All(&[
                Inject::NicErrors(0, 1),
                Inject::Feeds(&[HD, SD], Harm::Trickle(5)),
            ]),
        ),
        (Kind::NicErrors, ETH[0], "major"),
        4,
    )
    .hiding(3),
    Fault::of(
        (
            "nobody asks for memberships any more, and streams end",
            Inject::All(&[
                Inject::Querier(1, Duration::from_secs(260)),
                Inject::Feeds(&[RTP, OTHER], Harm::Silent),
            ]),
        ),
        (Kind::QuerierLost, ETH[1], "critical"),
        2,
    )
    .hiding(3),
];
