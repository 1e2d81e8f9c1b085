//! Hit ratios beside those of an exact LRU and a FIFO of the same size, on kinds of traffic, and
//! what is written for them.

use std::sync::Arc;

use weir_cache::{Config, Store};
use weir_hal::sim;
use weir_tests::traffic::{REGION_BYTES, REQUESTS, STORE_BYTES, list_hits, store_counters, traces};

/// How much lower than that of the LRU the hit ratio may be.
const SHORTFALL_PPM_MAX: u64 = 10_000;
/// Bytes written for those put in. Each region costs three slots, which is most of it here: its
/// regions are a 64th of usual ones.
const AMPLIFICATION_PPM_MAX: u64 = 1_050_000;

#[test]
#[expect(clippy::print_stdout, reason = "the comparison is made for people")]
fn hit_ratios_are_those_of_an_exact_lru() {
    let config = Config {
        path: "/cache".into(),
        bytes_max: STORE_BYTES,
        memory_bytes_max: 16 << 20,
        region_bytes: Some(REGION_BYTES),
        ..Config::default()
    };
    println!("hits in 60,000 requests: trace, FIFO, exact LRU, store, write amplification");
    for (name, trace) in traces() {
        let disk = Arc::new(sim::Disk::new(1));
        let store = Store::open(disk, Arc::new(sim::Clock::manual()), &config).unwrap();
        let fifo = list_hits(&trace, STORE_BYTES, false);
        let lru = list_hits(&trace, STORE_BYTES, true);
        let counters = store_counters(&store, &trace);
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
