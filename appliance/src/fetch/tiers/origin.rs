//! One origin: its URLs, the order in which they are asked, and its budget of extra requests.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::header::HeaderValue;
use weir_hal::{Disk, Monotonic};

use super::{
    TierCounterCells, TierCounters, budget::RetryBudget, choice::Choice, member::Member,
    probing::Thresholds,
};
use crate::{
    config,
    fetch::{
        Endpoint, EndpointSettings, InvalidUrl, Timeouts, exchange,
        tls::{TlsError, client_config},
    },
};

/// Why an origin cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the origin {name}")]
pub struct OriginError {
    name: String,
    #[source]
    source: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the host {host:?} cannot stand in a field")]
    Host { host: String },
}

/// An origin of the configuration.
#[derive(Debug)]
pub struct Origin {
    pub(super) config: config::Origin,
    pub(super) members: Vec<Arc<Member>>,
    pub(super) counters: TierCounterCells,
    choice: Mutex<Choice>,
    budget: Mutex<RetryBudget>,
}

/// An origin at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginReport {
    /// Its name.
    pub name: String,
    /// What was counted of it as a tier.
    pub counters: TierCounters,
    /// Its URLs, in the order of the configuration.
    pub endpoints: Vec<EndpointReport>,
}

/// A URL of an origin at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointReport {
    /// The URL.
    pub url: String,
    /// `closed` (in use), `open` (out of use), `half-open` (tried) or `down` (by its probes).
    pub state: &'static str,
    /// Average time until a TCP connection stands.
    pub round_trip: Option<Duration>,
    /// Times from a request to the head of its answer: p50, p95 and p99.
    pub first_byte: [Option<Duration>; 3],
    /// Connections open now, idle ones among them.
    pub connections: usize,
    /// Why it did not do what was asked of it the last time that it did not.
    pub trouble: Option<Arc<str>>,
    /// What was counted.
    pub counters: exchange::Counters,
}

impl Origin {
    /// The origin that `config` describes. Reads its certificates from `disk`.
    pub(crate) fn new(config: &config::Origin, disk: &dyn Disk) -> Result<Self, OriginError> {
        let members = members(config, disk).map_err(|source| OriginError {
            name: config.name.clone(),
            source,
        })?;
        Ok(Self {
            config: config.clone(),
            members,
            counters: TierCounterCells::default(),
            choice: Mutex::default(),
            budget: Mutex::default(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Its members in the order to ask them for what `key` is the hash of.
    pub(super) fn in_order(&self, key: u64) -> impl Iterator<Item = &Arc<Member>> {
        let urls: heapless::Vec<_, { config::Config::ORIGIN_URLS_MAX }> = self
            .members
            .iter()
            .map(|member| member.choosable())
            .collect();
        let mut choice = self.choice.lock().unwrap_or_else(PoisonError::into_inner);
        let order = choice.order(self.config.strategy, &urls, key);
        order
            .into_iter()
            .filter_map(|index| self.members.get(index))
    }

    /// A request has come for which this is the nearest tier.
    pub(super) fn deposit(&self) {
        self.budget().deposit();
    }

    /// Leave to send one more request than was asked for, after a failure.
    pub(super) fn withdraw(&self) -> bool {
        self.budget().withdraw()
    }

    /// The same because an answer is a little late.
    pub(super) fn withdraw_spare(&self) -> bool {
        self.budget().withdraw_spare()
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        let probe = self.config.probe.as_ref();
        probe.map_or_else(Thresholds::default, |probe| Thresholds {
            failures: probe.failures,
            passes: probe.passes,
        })
    }

    pub(super) fn report(&self, now: Monotonic) -> OriginReport {
        OriginReport {
            name: self.config.name.clone(),
            counters: self.counters.read(),
            endpoints: self
                .members
                .iter()
                .map(|member| EndpointReport::of(member, now))
                .collect(),
        }
    }

    fn budget(&self) -> MutexGuard<'_, RetryBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EndpointReport {
    fn of(member: &Member, now: Monotonic) -> Self {
        let endpoint = &member.endpoint;
        Self {
            url: endpoint.url().to_owned(),
            state: member.state(now),
            round_trip: endpoint.round_trip(),
            first_byte: [50, 95, 99].map(|percent| endpoint.first_byte(percent, 1)),
            connections: endpoint.connections(),
            trouble: endpoint.trouble(),
            counters: endpoint.counters().read(),
        }
    }
}

fn members(config: &config::Origin, disk: &dyn Disk) -> Result<Vec<Arc<Member>>, Cause> {
    let is_encrypted = config.urls.iter().any(|url| url.starts_with("https:"));
    let tls = is_encrypted
        .then(|| client_config(disk, config.ca.as_deref()))
        .transpose()?;
    let host = config.host.as_ref().map(|host| {
        HeaderValue::from_str(host).map_err(|_unhelpful| Cause::Host { host: host.clone() })
    });
    let settings = EndpointSettings {
        host: host.transpose()?,
        timeouts: Timeouts {
            connect: config.connect_timeout,
            first_byte: config.first_byte_timeout,
            stall: config.stall_timeout,
        },
        connections_max: config.connections_max,
        response_bytes_max: config.response_max.0,
        tls,
    };
    let weights = config.weights.iter().copied().chain(std::iter::repeat(1));
    let urls = config.urls.iter().zip(weights);
    let members = urls.map(|(url, weight)| {
        let endpoint = Endpoint::new(url, settings.clone())?;
        Ok(Arc::new(Member::new(endpoint, weight)))
    });
    members.collect()
}
