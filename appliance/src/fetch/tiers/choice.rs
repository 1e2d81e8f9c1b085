//! In which order the URLs of one origin are asked. Pure.
//!
//! *Nearest*: by measured round trip; those about as near as the nearest stand in the order of the
//! configuration. *Weights*: in turn, each as often as its weight says (smooth weighted round
//! robin). *Rendezvous*: by a hash of the key and the URL, so that all boxes ask the same URL for
//! the same key, and a URL that is gone moves only its own keys.
//!
//! Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998);
//! Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005).

use std::time::Duration;

use heapless::Vec;

use crate::{
    config::{Config, Strategy},
    hash::fnv1a,
};

/// URLs of one origin, by number.
pub type Order = Vec<usize, { Config::ORIGIN_URLS_MAX }>;

/// Round trips that differ by less are alike.
const ALIKE_MIN: Duration = Duration::from_millis(1);

/// One URL, as far as the choice goes.
#[derive(Debug, Clone, Copy)]
pub struct Choosable {
    /// How often it is chosen beside the others, from 1.
    pub weight: u32,
    /// Its average round trip, if it was measured.
    pub round_trip: Option<Duration>,
    /// A hash of its name, the same on all boxes.
    pub hash: u64,
}

/// Chooses, and remembers whose turn it is.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// How far each URL is behind its share.
    credits: Vec<i64, { Config::ORIGIN_URLS_MAX }>,
}

impl Choice {
    /// The order in which `urls` are asked for what `key` is the hash of.
    ///
    /// # Limits
    /// Takes the first 16 of them.
    pub fn order(&mut self, strategy: Strategy, urls: &[Choosable], key: u64) -> Order {
        let mut order: Order = (0..urls.len().min(Config::ORIGIN_URLS_MAX)).collect();
        match strategy {
            Strategy::Nearest => by_distance(&mut order, urls),
            Strategy::Weights => self.by_turn(&mut order, urls),
            Strategy::Rendezvous => by_score(&mut order, urls, key),
        }
        order
    }

    fn by_turn(&mut self, order: &mut Order, urls: &[Choosable]) {
        self.credits
            .resize(order.len(), 0)
            .expect("as many as the order has room for");
        let mut total = 0;
        for (credit, url) in self.credits.iter_mut().zip(urls) {
            *credit += i64::from(url.weight);
            total += i64::from(url.weight);
        }
        let credit = |index: &usize| self.credits.get(*index).copied().unwrap_or_default();
        order.sort_by_key(|index| -credit(index));
        if let Some(credit) = order.first().and_then(|first| self.credits.get_mut(*first)) {
            *credit -= total;
        }
    }
}

/// Those that were never measured count as near, or they never would be measured.
fn by_distance(order: &mut Order, urls: &[Choosable]) {
    let round_trip = |index: &usize| urls.get(*index).and_then(|url| url.round_trip);
    let nearest = order
        .iter()
        .filter_map(round_trip)
        .min()
        .unwrap_or_default();
    let alike = nearest + (nearest / 4).max(ALIKE_MIN);
    order.sort_by_key(|index| {
        let round_trip = round_trip(index).unwrap_or_default();
        if round_trip <= alike {
            Duration::ZERO
        } else {
            round_trip
        }
    });
}

fn by_score(order: &mut Order, urls: &[Choosable], key: u64) {
    let score = |index: &usize| {
        let url = urls.get(*index);
        url.map_or(0.0, |url| score(url.weight, mix(url.hash ^ mix(key))))
    };
    order.sort_by(|left, right| score(right).total_cmp(&score(left)));
}

/// A draw whose chance to be the highest is as its weight.
fn score(weight: u32, hash: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits of a hash are as good as 64"
    )]
    let drawn = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(weight) / drawn.ln()
}

/// A hash that is the same on every box and in every version, with all bits alike.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    mix(fnv1a(bytes.iter().copied()))
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, 2014).
const fn mix(value: u64) -> u64 {
    let mixed = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    fn url(name: &str, weight: u32, round_trip_ms: Option<u64>) -> Choosable {
        Choosable {
            weight,
            round_trip: round_trip_ms.map(Duration::from_millis),
            hash: stable_hash(name.as_bytes()),
        }
    }

    fn first(strategy: Strategy, urls: &[Choosable], key: u64) -> usize {
        Choice::default().order(strategy, urls, key)[0]
    }

    #[test]
    fn the_nearest_is_asked_first_and_those_unknown_count_as_near() {
        let urls = [
            url("a", 1, Some(40)),
            url("b", 1, Some(10)),
            url("c", 1, Some(12)),
        ];
        let order = Choice::default().order(Strategy::Nearest, &urls, 0);
        assert_eq!(order, [1, 2, 0]);
        let urls = [
            url("a", 1, Some(12)),
            url("b", 1, Some(10)),
            url("c", 1, None),
        ];
        assert_eq!(
            Choice::default().order(Strategy::Nearest, &urls, 0),
            [0, 1, 2]
        );
        let urls = [
            url("a", 1, Some(40)),
            url("b", 1, Some(10)),
            url("c", 1, None),
        ];
        assert_eq!(
            Choice::default().order(Strategy::Nearest, &urls, 0),
            [1, 2, 0]
        );
    }

    #[test]
    fn weights_take_turns_smoothly() {
        let urls = [url("a", 5, None), url("b", 1, None), url("c", 1, None)];
        let mut choice = Choice::default();
        let mut turn = || choice.order(Strategy::Weights, &urls, 0)[0];
        let turns: std::vec::Vec<usize> = (0..7).map(|_| turn()).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn keys_spread_by_weight() {
        let urls = [url("http://a", 1, None), url("http://b", 3, None)];
        let keys = 0..10_000_u64;
        let to_b = keys
            .filter(|key| first(Strategy::Rendezvous, &urls, mix(*key)) == 1)
            .count();
        assert!((7_300..7_700).contains(&to_b), "{to_b} of 10,000");
    }

    #[test]
    fn boxes_of_every_version_agree() {
        assert_eq!(stable_hash(b"/vod/a.ts"), 0x62a5_b430_6f8b_cd6d);
    }

    proptest! {
        #[test]
        fn a_url_that_is_gone_moves_only_its_own_keys(
            key in any::<u64>(),
            weights in prop::collection::vec(1..100_u32, 2..16),
            gone in any::<prop::sample::Index>(),
        ) {
            let named = |(index, weight): (usize, &u32)| {
                url(&format!("http://m{index}"), *weight, None)
            };
            let urls: std::vec::Vec<_> = weights.iter().enumerate().map(named).collect();
            let gone = gone.index(urls.len());
            let mut left = urls.clone();
            left.remove(gone);
            let before = first(Strategy::Rendezvous, &urls, key);
            let after = first(Strategy::Rendezvous, &left, key);
            if before != gone {
                prop_assert_eq!(urls[before].hash, left[after].hash);
            }
        }

        #[test]
        fn every_order_names_every_url_once(
            weights in prop::collection::vec(1..100_u32, 1..16),
            round_trips in prop::collection::vec(prop::option::of(0..500_u64), 16),
            key in any::<u64>(),
        ) {
            let urls: std::vec::Vec<_> = weights.iter().zip(&round_trips).enumerate()
                .map(|(index, (weight, ms))| url(&format!("m{index}"), *weight, *ms)).collect();
            for strategy in [Strategy::Nearest, Strategy::Weights, Strategy::Rendezvous] {
                let mut order = Choice::default().order(strategy, &urls, key);
                order.sort_unstable();
                let all: Order = (0..urls.len()).collect();
                prop_assert_eq!(order, all);
            }
        }
    }
}
