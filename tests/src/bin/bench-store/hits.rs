//! Hit ratios and write amplification, beside an exact LRU and a FIFO of the same size.

use std::sync::Arc;

use weir_cache::{Config, Store};
use weir_hal::sim;
use weir_tests::traffic::{REGION_BYTES, REQUESTS, STORE_BYTES, list_hits, store_counters, traces};

use crate::{
    Outcome,
    rig::{row, title},
};

pub(crate) fn section() -> Outcome {
    title("hit ratio of 60,000 requests, and bytes written for each byte put in");
    let config = Config {
        path: "/cache".into(),
        bytes_max: STORE_BYTES,
        memory_bytes_max: 16 << 20,
        region_bytes: Some(REGION_BYTES),
        ..Config::default()
    };
    for (name, trace) in traces() {
        let disk = Arc::new(sim::Disk::new(1));
        let store = Store::open(disk, Arc::new(sim::Clock::manual()), &config)?;
        let counters = store_counters(&store, &trace);
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let percent = |hits: u64| hits as f64 * 100.0 / REQUESTS as f64;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let amplification = counters.bytes_written as f64 / counters.bytes_admitted.max(1) as f64;
        let figures = format!(
            "FIFO {:.2} %, exact LRU {:.2} %, store {:.2} %, \
             write amplification {amplification:.3}",
            percent(list_hits(&trace, STORE_BYTES, false)),
            percent(list_hits(&trace, STORE_BYTES, true)),
            percent(counters.hits),
        );
        row(name, &figures);
    }
    Ok(())
}
