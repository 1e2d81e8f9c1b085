//! Hit ratios beside those of an exact LRU and a FIFO of the same size, on kinds of traffic, and
//! what is written for them.

use weir_tests::traffic::{REQUESTS, list_hits, store_counters, traces};

/// How much lower than that of the LRU the hit ratio may be.
const SHORTFALL_PPM_MAX: u64 = 10_000;
/// Bytes written for those put in. Each region costs three slots, which is most of it here: its
/// regions are a 64th of usual ones.
const AMPLIFICATION_PPM_MAX: u64 = 1_050_000;

#[test]
#[expect(clippy::print_stdout, reason = "the comparison is made for people")]
fn hit_ratios_are_those_of_an_exact_lru() {
    println!("hits in 60,000 requests: trace, FIFO, exact LRU, store, write amplification");
    for (name, trace) in traces() {
        let fifo = list_hits(&trace, false);
        let lru = list_hits(&trace, true);
        let counters = store_counters(&trace).unwrap();
        assert_eq!(counters.hits + counters.misses, REQUESTS);
        let amplification_ppm = counters.bytes_written * 1_000_000 / counters.bytes_admitted.max(1);
        println!(
            "{name}: {fifo} {lru} {} {amplification_ppm} ppm",
            counters.hits
        );
        let shortfall_ppm = lru.saturating_sub(counters.hits) * 1_000_000 / REQUESTS;
        assert!(
            shortfall_ppm <= SHORTFALL_PPM_MAX,
            "{name}: {counters:?} of {lru}"
        );
        assert!(
            amplification_ppm <= AMPLIFICATION_PPM_MAX,
            "{name}: {counters:?}"
        );
    }
}
