//! An hour of everything at once: loss, jumps, wraps and power cuts.

use std::time::Duration;

use weir_hal::sim::{Generator, Simulation, WireFaults};
use weir_tests::stream::Encoder;

use crate::{checker::Checker, life::CACHE_LARGE, on_air::OnAir};

/// One hour of pictures at 25 a second.
const PICTURES: u64 = 3_600 * 25;

pub(crate) async fn hour(seed: u64) -> Checker {
    let mut chance = Generator::new(seed);
    // Twenty seconds before the first wrap of PTS.
    let encoder = Encoder::new((1 << 33) - 90_000 * 20, 1_000);
    let mut on_air = OnAir::begin(seed, encoder, CACHE_LARGE).await;
    for picture in 0..PICTURES {
        on_air.picture().await;
        if picture % 25 == 0 {
            disturb(&mut on_air.encoder, &on_air.simulation, &mut chance);
        }
        if chance.below(25 * 600) == 0 {
            on_air.cut_power().await;
        }
    }
    on_air.checker
}

/// What happens to the encoder and the wire, by chance, once a second.
fn disturb(encoder: &mut Encoder, simulation: &Simulation, chance: &mut Generator) {
    match chance.below(600) {
        0 => encoder.pts_90k += 90_000 * (11 + chance.below(100_000)),
        1 => {
            encoder.pts_90k = encoder
                .pts_90k
                .saturating_sub(90_000 * (1 + chance.below(50_000)));
        }
        2 => encoder.pts_90k = (1 << 33) - 90_000 * 20,
        3 => simulation.ether.set_faults(WireFaults {
            is_silent: true,
            ..WireFaults::default()
        }),
        4..20 => simulation.ether.set_faults(WireFaults::default()),
        20..30 => simulation.ether.set_faults(WireFaults {
            loss_ppm: 20_000,
            duplicate_ppm: 10_000,
            reorder_ppm: 10_000,
            reorder_span: Duration::from_millis(30),
            bit_flip_ppm: 5_000,
            jitter: Duration::from_millis(20),
            ..WireFaults::default()
        }),
        _ => {}
    }
}
