//! What the sampler reads, and one reading of all of it.
//!
//! Refuses: whatever may hang, which [`Gauges`](super::gauges) read, and whatever follows from
//! readings before.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwapOption;
use weir_cache::Store;
use weir_hal::{Clock, Disk, DiskUsage, Sensors, Slots};

use crate::{
    access::Attempts,
    fetch::{Pull, prewarm::Prewarmer, purge::Purger, tiers::Tiers},
    health::{
        Alarms, CertificateEnd, ChannelSnapshot, DiskSnapshot, Snapshot, sampler::gauges::Gauged,
    },
    live::Live,
    recorder::Recorder,
    serve::{CounterCells, access_log::AccessLog, coding::Coder, tls::Tls},
    snmp::Tally,
};

/// What the sampler reads.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The channels.
    pub live: Arc<Live>,
    /// The store.
    pub store: Store,
    /// Counters of the data listener.
    pub http: Arc<CounterCells>,
    /// Counters of the management listener.
    pub management: Arc<CounterCells>,
    /// What came of attempts to be known to it.
    pub attempts: Arc<Attempts>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Processor load.
    pub sensors: Arc<dyn Sensors>,
    /// What the machine boots from.
    pub slots: Arc<dyn Slots>,
    /// Fill of the disk.
    pub disk: Arc<dyn Disk>,
    /// Where the cache is.
    pub cache_path: PathBuf,
    /// Who purges, if anybody does.
    pub purger: Option<Arc<Purger>>,
    /// Who prewarms, if anybody does.
    pub prewarmer: Option<Arc<Prewarmer>>,
    /// The access log, if there is one.
    pub log: Option<Arc<AccessLog>>,
    /// What compresses playlists.
    pub coder: Arc<Coder>,
    /// The origins.
    pub tiers: Arc<Tiers>,
    /// The routes, if there are any.
    pub pull: Option<Pull>,
    /// Who shows certificates to clients, if anybody does.
    pub tls: Vec<Arc<Tls>>,
    /// What the SNMP agent counts, if there is one.
    pub snmp: Option<Arc<Tally>>,
    /// Who judges what was read.
    pub alarms: Arc<Alarms>,
    /// Who keeps it for a day, if anybody does.
    pub recorder: Option<Arc<Recorder>>,
    /// Why the latest reload of the configuration was not taken, if it was not.
    pub config_refused: Arc<ArcSwapOption<String>>,
}

impl Watched {
    /// Reads all of it beside what was `gauged`.
    pub(super) fn read(&self, gauged: Gauged) -> Snapshot {
        let Gauged {
            usage,
            nics,
            thermometers,
            slots,
        } = gauged;
        let channels = self.live.channels();
        Snapshot {
            taken: self.clock.wall(),
            channels: channels.iter().map(|it| ChannelSnapshot::of(it)).collect(),
            load_averages: self.sensors.load_averages().ok(),
            memory: self.sensors.memory().ok(),
            clock_discipline: self.sensors.clock_discipline().ok(),
            machine_uptime: self.sensors.uptime().ok(),
            processes: self.sensors.processes().ok(),
            sessions: self.sensors.sessions().ok(),
            disk_usage_percent: usage.and_then(usage_percent),
            disks: vec![DiskSnapshot {
                path: self.cache_path.clone(),
                purpose: "cache",
                usage,
            }],
            nics,
            thermometers,
            slots,
            ..self.counted()
        }
    }

    /// What the parts of the appliance have counted.
    fn counted(&self) -> Snapshot {
        let (pull, recorder) = (self.pull.as_ref(), self.recorder.as_ref());
        let (purger, prewarmer) = (self.purger.as_ref(), self.prewarmer.as_ref());
        Snapshot {
            certificate: first_end(&self.tls),
            http: self.http.read(),
            management: self.management.read(),
            attempts: self.attempts.counters(),
            attempt_refused: self.attempts.last_refused(),
            store: self.store.counters(),
            store_offline: self.store.offline().cloned(),
            purge: purger.map(|it| it.counters()).unwrap_or_default(),
            prewarm: prewarmer.map(|it| it.counters()).unwrap_or_default(),
            prefetch: pull.map(Pull::prefetched).unwrap_or_default(),
            coding: self.coder.counters(),
            access_log: self.log.as_ref().map(|it| it.counters()),
            recorder: recorder.map(|it| it.counters()).unwrap_or_default(),
            origins: self.tiers.report(),
            routes: pull.map(Pull::report).unwrap_or_default(),
            snmp: self.snmp.as_ref().map(|it| it.read()),
            config_refused: self.config_refused.load_full(),
            ..Snapshot::default()
        }
    }
}

/// The end of the certificate that ends first.
fn first_end(tls: &[Arc<Tls>]) -> Option<CertificateEnd> {
    let shown = tls.iter().map(|tls| tls.certificates());
    let ends = shown.filter_map(|certificates| {
        let ends = certificates.pairs().iter().filter_map(|pair| {
            let (name, not_after) = (pair.name.clone(), pair.not_after?);
            Some(CertificateEnd { name, not_after })
        });
        ends.min_by_key(|end| end.not_after)
    });
    ends.min_by_key(|end| end.not_after)
}

fn usage_percent(usage: DiskUsage) -> Option<f64> {
    if usage.bytes_total == 0 {
        return None;
    }
    let used = usage.bytes_total.saturating_sub(usage.bytes_free);
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no 53 bits")]
    let share = used as f64 / usage.bytes_total as f64;
    Some(share * 100.0)
}
