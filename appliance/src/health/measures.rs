//! What the alarm engine judges, derived from one snapshot after the other; pure.
//!
//! Source: the counters and states of the stages, as every surface shows them. Ages are by the
//! time of the snapshots, so that a wall clock that is set raises nothing.
//! Refuses: to guess. What a stage does not tell has no measure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use weir_hal::Monotonic;

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource, Rules, Unit},
    fetch::tiers::OriginReport,
    health::{
        CertificateEnd, ChannelSnapshot, RenditionSnapshot, Snapshot, feeds::Feeds, nics::NicMeter,
        reception::Reception, slots::of_slots, sources::of_sources, window::Window,
    },
    ladder::Alignment,
};

/// What answers are looked at over.
const ANSWERS_SPAN: Duration = Duration::from_mins(1);

/// What hits are looked at over.
const HITS_SPAN: Duration = Duration::from_mins(5);

/// What refused logins and tokens are looked at over.
const ATTEMPTS_SPAN: Duration = Duration::from_mins(5);

/// Seconds of a day: so many milliseconds are a thousandth of one.
const DAY_S: u128 = 86_400;

/// What the kernel takes a clock to be off at most that a source sets (`NTP_PHASE_LIMIT`): one that
/// none sets is as far off at least, by all that anybody knows.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(16);

/// URLs of origins that an alarm names: its text has room for no more with their troubles.
const TROUBLES_TOLD: usize = 2;

/// Until then a cache is not warm.
const WARM: Duration = Duration::from_mins(15);

/// Derives measures, and remembers what they are differences of.
#[derive(Debug)]
pub(super) struct Meter {
    receptions: BTreeMap<Resource, Reception>,
    nics: NicMeter,
    /// All answers, and those with a status of 5xx.
    answers: Window<2>,
    /// Those that were slow.
    slow: Window<6>,
    /// All requests for content, and hits.
    hits: Window<2>,
    /// Refused logins and tokens.
    refused: Window<1>,
}

impl Meter {
    pub(super) const fn new() -> Self {
        Self {
            receptions: BTreeMap::new(),
            nics: NicMeter::new(),
            answers: Window::new(ANSWERS_SPAN),
            slow: Window::new(ANSWERS_SPAN),
            hits: Window::new(HITS_SPAN),
            refused: Window::new(ATTEMPTS_SPAN),
        }
    }

    /// All that `snapshot` tells: nine measures of a rendition and one of each of its sources, two
    /// of a channel and of an interface, three of a slot, and a few. Feeds are lost by `rules`.
    pub(super) fn measures(&mut self, snapshot: &Snapshot, rules: &Rules) -> Vec<Measure> {
        let now = Monotonic::ZERO + snapshot.uptime;
        let mut measures = Vec::new();
        let mut before = std::mem::take(&mut self.receptions);
        let mut feeds = Feeds::new(rules.of(Kind::IngestDown));
        for channel in &snapshot.channels {
            for rendition in &channel.renditions {
                let resource = resource_of(channel, rendition);
                let reception = before.remove(&resource);
                let mut reception = reception.unwrap_or_else(|| Reception::new(rendition, now));
                measures.extend(reception.measures(&resource, rendition, now));
                measures.extend(of_sources((&channel.id, rendition)));
                feeds.add(rendition, &reception);
                self.receptions.insert(resource, reception);
            }
            measures.extend(of_ladder(channel));
        }
        measures.extend(feeds.measures(now));
        measures.extend(of_origins(&snapshot.origins));
        measures.extend(of_disk(snapshot));
        measures.extend(of_slots(snapshot));
        measures.push(of_clock(snapshot));
        measures.push(of_config(snapshot));
        measures.push(self.of_attempts(snapshot, now));
        measures.extend(self.nics.measures(snapshot));
        measures.extend(
            snapshot
                .certificate
                .as_ref()
                .map(|end| of_certificate(end, snapshot)),
        );
        measures.extend(self.of_service(snapshot, now));
        measures
    }

    /// How many logins and tokens were refused lately, and from where the last came.
    fn of_attempts(&mut self, snapshot: &Snapshot, now: Monotonic) -> Measure {
        let attempts = &snapshot.attempts;
        let refused = attempts.logins_refused + attempts.tokens_refused;
        let [refused] = self.refused.gained(now, [refused]);
        let reading = Reading::of(Amount::whole(refused));
        let from = snapshot.attempt_refused;
        let from = from.map(|from| format!("the last came from {from}").into());
        Measure::new(Kind::AuthenticationFailures, Resource::Node, reading).because(from)
    }

    fn of_service(&mut self, snapshot: &Snapshot, now: Monotonic) -> [Measure; 4] {
        let http = &snapshot.http;
        let answers = [
            http.responses_2xx,
            http.responses_3xx,
            http.responses_4xx,
            http.responses_5xx,
        ];
        let answers = answers.into_iter().fold(0, u64::saturating_add);
        let is_full = snapshot.uptime >= ANSWERS_SPAN;
        let [answers, errors] = self.answers.gained(now, [answers, http.responses_5xx]);
        let slow = http.slow_answers();
        let (bounds_ms, slow) = (slow.map(|it| it.0), slow.map(|it| it.1));
        let slow = self.slow.gained(now, slow);
        let [hits, misses] = self.hits.gained(now, hits_and_misses(snapshot));
        let is_warm = snapshot.uptime >= WARM;
        let hits = share(hits, if is_warm { hits + misses } else { 0 });
        let (latency, begun) = latency(answers, bounds_ms, slow);
        let of_node = |kind, is_full, reading| {
            let enough = if is_full {
                reading
            } else {
                if_enough(kind, reading)
            };
            Measure::new(kind, Resource::Node, enough)
        };
        [
            of_node(Kind::ServerErrors, is_full, share(errors, answers)),
            of_node(Kind::AnswersSlow, is_full, latency).because(Some(begun.into())),
            of_node(Kind::HitRatioCritical, is_warm, hits),
            of_node(Kind::HitRatioLow, is_warm, hits),
        ]
    }
}

/// `reading`, unless it is made of too few samples: a box that has just begun is not well for want
/// of them.
pub(super) fn if_enough(kind: Kind, reading: Reading) -> Reading {
    match reading {
        Reading::Is { samples, .. } if samples < kind.definition().rule.samples_min => {
            Reading::Unknown
        }
        Reading::Is { .. } | Reading::Unknown => reading,
    }
}

/// Requests that routes answered from this box, and those that they did not.
fn hits_and_misses(snapshot: &Snapshot) -> [u64; 2] {
    let routes = snapshot.routes.iter().map(|route| &route.counters);
    routes.fold([0, 0], |[hits, misses], route| {
        [
            hits + route.hits + route.hits_on_error,
            misses + route.misses,
        ]
    })
}

/// The least bound that 95 of 100 answers kept, twice the last if they kept none; and what is known
/// of how long the others took: what lies between two bounds is counted as one.
fn latency(answers: u64, bounds_ms: [u64; 6], over: [u64; 6]) -> (Reading, String) {
    let kept = |over: u64| u128::from(over) * 20 <= u128::from(answers);
    let first = over.into_iter().position(kept);
    let [.., last_ms] = bounds_ms;
    let shown = |ms| Unit::Second.show(Amount::from_thousandths(ms));
    let (within_ms, begun) = match first.and_then(|first| bounds_ms.get(..=first)) {
        Some([.., after, within]) => {
            let between = format!("between {} and {}", shown(*after), shown(*within));
            (*within, between)
        }
        Some(&[within]) => (within, format!("up to {}", shown(within))),
        Some([]) | None => (2 * last_ms, format!("more than {}", shown(last_ms))),
    };
    let reading = Reading::Is {
        amount: Amount::from_thousandths(within_ms),
        samples: answers,
    };
    (reading, begun)
}

fn resource_of(channel: &ChannelSnapshot, rendition: &RenditionSnapshot) -> Resource {
    Resource::Rendition {
        channel: channel.id.as_str().into(),
        rendition: rendition.name.as_str().into(),
    }
}

fn share(part: u64, whole: u64) -> Reading {
    Reading::Is {
        amount: Amount::percentage(part, whole),
        samples: whole,
    }
}

fn of_ladder(channel: &ChannelSnapshot) -> [Measure; 2] {
    let resource = || Resource::Channel(channel.id.as_str().into());
    let ladder = &channel.ladder;
    let is_drifting = matches!(ladder.alignment, Alignment::Drifting { .. });
    let drifting = is_drifting.then(|| ladder.alignment.to_string().into());
    let findings = Reading::of(Amount::whole(ladder.findings.len() as u64));
    let first = ladder.findings.first();
    let first = first.map(|finding| finding.reason.as_str().into());
    [
        claim(Kind::LadderDrifting, resource(), is_drifting).because(drifting),
        Measure::new(Kind::LadderFinding, resource(), findings).because(first),
    ]
}

/// One of each origin, and what they have in common if there are several.
fn of_origins(origins: &[OriginReport]) -> impl Iterator<Item = Measure> {
    let is_lost = origins.len() > 1 && origins.iter().all(is_down);
    let all = is_lost.then(|| troubles(origins));
    let uplink = claim(Kind::UplinkDown, Resource::Node, is_lost).because(all);
    let of_one = |origin: &OriginReport| {
        let resource = Resource::Origin(origin.name.as_str().into());
        let why = is_down(origin).then(|| troubles(std::slice::from_ref(origin)));
        claim(Kind::OriginDown, resource, why.is_some()).because(why)
    };
    origins.iter().map(of_one).chain([uplink])
}

/// What is wrong with the first URLs of `origins`, and how many more there are.
fn troubles(origins: &[OriginReport]) -> Arc<str> {
    let endpoints = || origins.iter().flat_map(|origin| &origin.endpoints);
    let told = endpoints().take(TROUBLES_TOLD).map(|endpoint| {
        let (url, trouble) = (&endpoint.url, endpoint.trouble.as_deref());
        trouble.map_or_else(|| url.clone(), |trouble| format!("{url} ({trouble})"))
    });
    let told = told.collect::<Vec<_>>().join(", ");
    match endpoints().count().saturating_sub(TROUBLES_TOLD) {
        0 => told.into(),
        more => format!("{told}, and {more} more").into(),
    }
}

fn is_down(origin: &OriginReport) -> bool {
    let mut states = origin.endpoints.iter().map(|endpoint| endpoint.state);
    // What is tried is not in use yet.
    !origin.endpoints.is_empty() && states.all(|state| state != "closed")
}

fn of_disk(snapshot: &Snapshot) -> [Measure; 3] {
    let offline = snapshot.store_offline.as_ref();
    let reason: Option<Arc<str>> = offline.map(|offline| offline.reason.as_str().into());
    let fill = snapshot.disk_usage_percent.map_or(Reading::Unknown, fill);
    [
        claim(Kind::DiskError, Resource::Store, offline.is_some()).because(reason),
        Measure::new(Kind::DiskFull, Resource::Disk, fill),
        Measure::new(Kind::DiskFilling, Resource::Disk, fill),
    ]
}

/// How long the certificate that ends first is still valid; no time at all behind its end.
fn of_certificate(end: &CertificateEnd, snapshot: &Snapshot) -> Measure {
    let left = end.not_after.since(snapshot.taken).as_millis() / DAY_S;
    let days = Amount::from_thousandths(u64::try_from(left).unwrap_or(u64::MAX));
    let name = Arc::from(end.name.as_str());
    Measure::new(Kind::CertificateExpiry, Resource::Node, Reading::of(days)).because(Some(name))
}

/// How far the clock may be off.
fn of_clock(snapshot: &Snapshot) -> Measure {
    let of_node = |reading| Measure::new(Kind::ClockUnsynchronised, Resource::Node, reading);
    let Some(discipline) = snapshot.clock_discipline else {
        return of_node(Reading::Unknown);
    };
    let offset = discipline.offset;
    let off = offset.unwrap_or(CLOCK_ERROR_MAX).as_millis();
    let off = Amount::from_thousandths(u64::try_from(off).unwrap_or(u64::MAX));
    let why = offset.is_none().then(|| "no source of time sets it".into());
    of_node(Reading::of(off)).because(why)
}

/// Whether the latest reload was not taken.
fn of_config(snapshot: &Snapshot) -> Measure {
    let refused = snapshot.config_refused.as_ref();
    claim(Kind::ConfigRejected, Resource::Node, refused.is_some())
        .because(refused.map(|why| why.as_str().into()))
}

fn fill(percent: f64) -> Reading {
    let thousandths = (percent * 1_000.0).clamp(0.0, 100_000.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 100,000"
    )]
    let thousandths = thousandths as u64;
    Reading::of(Amount::from_thousandths(thousandths))
}

pub(super) fn claim(kind: Kind, resource: Resource, is_so: bool) -> Measure {
    Measure::new(kind, resource, Reading::of(Amount::claim(is_so)))
}
