//! Hit ratios and write amplification, beside an exact LRU and a FIFO of the same size.

use weir_tests::traffic::{REQUESTS, list_hits, store_counters, traces};

use crate::{
    Outcome,
    rig::{row, title},
};

pub(crate) fn section() -> Outcome {
    title("hit ratio of 60,000 requests, and bytes written for each byte put in");
    for (name, trace) in traces() {
        let counters = store_counters(&trace)?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let percent = |hits: u64| hits as f64 * 100.0 / REQUESTS as f64;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let amplification = counters.bytes_written as f64 / counters.bytes_admitted.max(1) as f64;
        let figures = format!(
            "FIFO {:.2} %, exact LRU {:.2} %, store {:.2} %, \
             write amplification {amplification:.3}",
            percent(list_hits(&trace, false)),
            percent(list_hits(&trace, true)),
            percent(counters.hits),
        );
        row(name, &figures);
    }
    Ok(())
}
