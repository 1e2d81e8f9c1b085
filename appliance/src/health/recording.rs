//! What the flight recorder keeps of a snapshot; pure.
//!
//! Counters are kept as they are: what they have gained is the difference of two lines. Bitrates
//! are in kilobits and ages in tenths of a second, for what trembles takes room.

use crate::{
    health::{ChannelSnapshot, DiskSnapshot, RenditionSnapshot, Snapshot},
    recorder::Sample,
};

/// The values of `snapshot`: four of each rendition and interface, and a few more.
pub(super) fn sample(snapshot: &Snapshot) -> Sample {
    let mut sample = Sample::at(snapshot.taken);
    of_node(&mut sample, snapshot);
    for channel in &snapshot.channels {
        for rendition in &channel.renditions {
            of_rendition(&mut sample, channel, rendition, snapshot);
        }
    }
    for nic in &snapshot.nics {
        let mut push = |name, value| sample.push(format!("nic/{}/{name}", nic.name), value);
        push("rx_bytes", nic.statistics.rx_bytes);
        push("rx_dropped", nic.statistics.rx_dropped);
        push("rx_errors", nic.statistics.rx_errors);
        push("tx_bytes", nic.statistics.tx_bytes);
    }
    for disk in &snapshot.disks {
        of_disk(&mut sample, disk);
    }
    sample
}

fn of_node(sample: &mut Sample, snapshot: &Snapshot) {
    let http = &snapshot.http;
    let mut push = |name: &str, value: Option<u64>| sample.push(format!("node/{name}"), value);
    push("alarms", Some(snapshot.alarms.roots().count() as u64));
    push(
        "cpu_usage_permille",
        snapshot.cpu_usage_percent.map(permille),
    );
    push("hits", Some(http.hits));
    push("misses", Some(http.misses));
    push(
        "output_bitrate_kbps",
        Some(snapshot.output_bitrate_bps / 1_000),
    );
    push("requests", Some(http.requests));
    push("responses_5xx", Some(http.responses_5xx));
    push("cache_bytes", Some(snapshot.store.bytes));
    push("cache_read_errors", Some(snapshot.store.read_errors));
    push("cache_write_errors", Some(snapshot.store.write_errors));
}

fn of_rendition(
    sample: &mut Sample,
    channel: &ChannelSnapshot,
    rendition: &RenditionSnapshot,
    snapshot: &Snapshot,
) {
    let report = &rendition.report;
    let age = report
        .last_segment
        .map(|last| report.seen(snapshot.taken).since(last));
    let age_ms = age.and_then(|age| u64::try_from(age.as_millis() / 100 * 100).ok());
    let lost = report.receive.kernel_dropped_datagrams + report.receive.rtp_lost;
    let (id, name) = (&channel.id, &rendition.name);
    let mut push = |word: &str, value: Option<u64>| {
        sample.push(format!("channel/{id}/{name}/{word}"), value);
    };
    push("bitrate_kbps", Some(report.bitrate_bps / 1_000));
    push(
        "continuity_count_error",
        Some(report.demux.continuity_count_error),
    );
    push("datagrams_lost", Some(lost));
    push("segment_age_ms", age_ms);
}

fn of_disk(sample: &mut Sample, disk: &DiskSnapshot) {
    let free = disk.usage.map(|usage| usage.bytes_free);
    sample.push(format!("disk/{}/bytes_free", disk.path.display()), free);
}

fn permille(percent: f64) -> u64 {
    let permille = (percent * 10.0).round().clamp(0.0, 1_000.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1,000"
    )]
    let permille = permille as u64;
    permille
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{health::snapshot::tests::snapshot, live::State};

    #[test]
    fn each_rendition_interface_and_disk_has_its_series() {
        let mut snapshot = snapshot(&[&[State::OnAir]]);
        snapshot.nics = vec![weir_hal::Nic {
            name: "eth0".to_owned(),
            ..weir_hal::Nic::default()
        }];
        let sample = sample(&snapshot);
        assert_eq!(sample.at_ms, 1_700_000_004_250);
        for (name, value) in [
            ("node/cpu_usage_permille", Some(123)),
            ("node/output_bitrate_kbps", Some(12_345)),
            ("channel/CH_0/R0/bitrate_kbps", Some(2_040)),
            ("channel/CH_0/R0/segment_age_ms", Some(4_200)),
            ("channel/CH_0/R0/datagrams_lost", Some(0)),
            ("nic/eth0/rx_errors", Some(0)),
        ] {
            let named = sample.values.iter().find(|(known, _)| known == name);
            assert_eq!(named, Some(&(name.to_owned(), value)));
        }
    }
}
