//! Which sources of a rendition are lost while others carry it; pure.
//!
//! Where no source is usable the rendition is down, which is told of it as a whole: what is known
//! of each of them stays until one is back. A source that is alone is its rendition.
//!
//! Refuses: to judge a source. Its condition is what the choice among sources goes by.

use crate::{
    alarm::{Amount, Kind, Measure, Reading, Resource},
    health::RenditionSnapshot,
    live::{Condition, Leg},
};

/// One measure of each source of `rendition`, of which it has several.
pub(super) fn of_sources(
    (channel, rendition): (&str, &RenditionSnapshot),
) -> impl Iterator<Item = Measure> {
    let report = &*rendition.report;
    let sources = report.legs.as_slice();
    let is_protected = sources.len() > 1;
    let is_carried = sources.iter().any(|source| !is_lost(source));
    let nic = report.interface.as_deref();
    let nic = nic.map(|name| Resource::Nic(name.into()));
    let nic_of = move |source: &Leg| nic.clone().filter(|_| !source.url.starts_with("http"));
    let numbered = (1..=u16::MAX).zip(sources).filter(move |_| is_protected);
    numbered.map(move |(number, source)| {
        let resource = Resource::Source {
            channel: channel.into(),
            rendition: rendition.name.as_str().into(),
            number,
        };
        let reading = if is_carried {
            Reading::of(Amount::claim(is_lost(source)))
        } else {
            Reading::Unknown
        };
        let detail = source.failure.as_deref().unwrap_or(&source.url);
        Measure::new(Kind::SourceDown, resource, reading)
            .through(nic_of(source))
            .because(Some(detail.into()))
    })
}

fn is_lost(source: &Leg) -> bool {
    source.condition == Condition::Unusable
}
