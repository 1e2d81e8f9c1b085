//! Hours of trouble in a moment: paths that refuse, delay, cut and swallow at random.
//!
//! Goal: no request waits for longer than its deadlines allow, no body that is not whole ends
//! cleanly, and while one endpoint is well every request is answered. Method: three endpoints whose
//! paths change by a seed; the third is always well. They change seldom enough that a tenth of the
//! requests is enough to find out.

use tokio::time::{Instant, timeout};
use weir_hal::sim::Generator;

use super::*;

/// What is asked in one run.
const REQUESTS: u32 = 3_000;

/// Requests until the weather changes: 25 s.
const SPELL_REQUESTS: u32 = 150;

/// Nobody waits longer for the head of an answer: one attempt beside another for a second each.
const PATIENCE: Duration = Duration::from_secs(3);

fn trouble(random: &mut Generator) -> PathFaults {
    let share = |random: &mut Generator| match random.below(4) {
        0 => 300_000,
        1 => 1_000_000,
        _ => 0,
    };
    PathFaults {
        refused_ppm: share(random),
        delay: Duration::from_millis(random.below(100)),
        jitter: Duration::from_millis(random.below(50)),
        cut_ppm: share(random),
        cut_bytes_max: 3_000,
        is_black_hole: random.chance_ppm(200_000),
    }
}

/// Tells how many bodies were torn.
async fn weather(seed: u64) -> u32 {
    let rig = Rig::seeded(seed, &[&[1, 2], &[3]], |_| {});
    let body = "x".repeat(2_000);
    let origins: Vec<Script> = (1..=3)
        .map(|host| rig.host(host, answers(200, &body)))
        .collect();
    let _upkeep = tokio::spawn(Arc::clone(&rig.tiers).run(std::future::pending()));
    let mut random = Generator::new(seed);
    let (mut whole_bodies, mut torn_bodies) = (0, 0);
    for number in 0..REQUESTS {
        if number % SPELL_REQUESTS == 0 {
            for host in 1..=2 {
                rig.path(host, trouble(&mut random));
            }
        }
        let begun = Instant::now();
        let answered = timeout(PATIENCE, rig.get()).await;
        let answered = answered.unwrap_or_else(|_| panic!("request {number} waits, seed {seed}"));
        let answered = answered.unwrap_or_else(|failed| {
            panic!(
                "request {number} failed after {:?}, seed {seed}: {failed:?}",
                begun.elapsed()
            )
        });
        match whole(answered).await {
            Ok((_, received)) => {
                assert!(received == body, "a wrong body, seed {seed}");
                whole_bodies += 1;
            }
            Err(_) => torn_bodies += 1,
        }
        sleep(Duration::from_millis(random.below(333))).await;
    }
    assert!(
        whole_bodies > REQUESTS * 8 / 10,
        "{whole_bodies} whole, seed {seed}"
    );
    let tier = rig.tier(0);
    let resent: u64 = (1..=3).map(|host| rig.counters(host).requests_resent).sum();
    let sent: usize = origins.iter().map(|origin| origin.requests().len()).sum();
    let counted = u64::from(REQUESTS) + tier.retries + tier.hedges + resent;
    assert!(
        sent as u64 <= counted,
        "{sent} sent, {counted} counted, seed {seed}"
    );
    torn_bodies
}

#[tokio::test(start_paused = true)]
async fn no_weather_keeps_anybody_from_an_answer_while_one_endpoint_is_well() {
    let mut torn_bodies = 0;
    for seed in 0..4 {
        torn_bodies += weather(seed).await;
    }
    assert!(torn_bodies > 0, "the weather was too good");
}
