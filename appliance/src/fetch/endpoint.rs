//! One URL of one origin: where it is, how long it may take, and what it has done so far.

use std::{
    fmt::{self, Debug},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{
    StatusCode, Uri,
    header::HeaderValue,
    http::uri::{Authority, Scheme},
};
use tokio::time::Instant;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

use crate::{
    causes::with_causes,
    fetch::{
        exchange::{CounterCells, ExchangeError, FailureKind, Names, Pool},
        latency::{Average, Histogram},
    },
};

/// Bytes of what is told of the last trouble with an endpoint.
const TROUBLE_BYTES_MAX: usize = 120;

/// How long an endpoint may take for each part of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Finding its address, connecting and the TLS handshake, all together. Default: 1 s.
    pub connect: Duration,
    /// From the last byte of the request to the end of the response head. Default: 5 s.
    pub first_byte: Duration,
    /// Between any two pieces of the body. Default: 10 s.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            first_byte: Duration::from_secs(5),
            stall: Duration::from_secs(10),
        }
    }
}

/// What an endpoint is told.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// The Host field; that of the client's request when absent.
    pub host: Option<HeaderValue>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Connections open to it at one time, in use and idle. Default: 64.
    pub connections_max: usize,
    /// Bytes one response body may have. Default: 1 TiB, so that only an endless one is cut.
    pub response_bytes_max: u64,
    /// How its connections are encrypted; needed for `https://`.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            host: None,
            timeouts: Timeouts::default(),
            connections_max: 64,
            response_bytes_max: 1 << 40,
            tls: None,
        }
    }
}

/// The text is no URL of an endpoint.
#[derive(Debug, thiserror::Error)]
#[error("{url} is no usable URL: write http://host, http://host:port or the same with https")]
pub struct InvalidUrl {
    url: String,
}

/// One URL of one origin, with its connections and what was measured on them.
pub struct Endpoint {
    url: String,
    pub(crate) authority: Authority,
    /// Path before that of a request, without a slash at its end.
    pub(crate) base_path: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(crate) settings: EndpointSettings,
    pub(crate) names: Names,
    pub(crate) pool: Pool,
    pub(crate) counters: Arc<CounterCells>,
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    round_trip: Average,
    /// When a connection was last tried for the sake of its round trip, or stood.
    round_trip_at: Option<Instant>,
    first_byte: Histogram,
    trouble: Option<Arc<str>>,
}

impl Endpoint {
    /// The endpoint at `url`, without any connection yet.
    ///
    /// # Errors
    /// [`InvalidUrl`] when `url` is not of the form `http://host[:port][/path]`, or is `https`
    /// and `settings` have no TLS.
    pub fn new(url: &str, settings: EndpointSettings) -> Result<Self, InvalidUrl> {
        let invalid = || InvalidUrl {
            url: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_unhelpful| invalid())?;
        let authority = uri.authority().cloned().ok_or_else(invalid)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        let tls = match settings.tls.clone().filter(|_| is_encrypted) {
            Some(config) => {
                let name = ServerName::try_from(host.clone());
                Some((config, name.map_err(|_unhelpful| invalid())?))
            }
            None if uri.scheme() == Some(&Scheme::HTTP) => None,
            None => return Err(invalid()),
        };
        let default_port = if is_encrypted { 443 } else { 80 };
        Ok(Self {
            url: url.to_owned(),
            base_path: uri.path().trim_end_matches('/').to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
            host,
            authority,
            tls,
            names: Names::default(),
            pool: Pool::new(settings.connections_max),
            counters: Arc::default(),
            measured: Mutex::default(),
            settings,
        })
    }

    /// The URL, as it was written.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What was counted.
    pub fn counters(&self) -> &CounterCells {
        &self.counters
    }

    /// Average time until a TCP connection stood; `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.measured().round_trip.value()
    }

    /// Time that `percent` of a hundred of the latest answers took to begin, once there are at
    /// least `samples` of them.
    pub fn first_byte(&self, percent: u32, samples: u32) -> Option<Duration> {
        let measured = self.measured();
        let first_byte = Some(&measured.first_byte).filter(|it| it.samples() >= samples);
        first_byte.and_then(|it| it.percentile(percent))
    }

    /// Connections open now, in use and idle.
    pub fn connections(&self) -> usize {
        self.pool.connections()
    }

    /// The addresses that the name had when it was last looked up.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.names.known()
    }

    /// Why it did not do what was asked of it the last time that it did not; `None` if it always
    /// did. Nothing of a request is in it.
    pub fn trouble(&self) -> Option<Arc<str>> {
        self.measured().trouble.clone()
    }

    /// Counts a failure, and remembers it if it is one of the endpoint.
    pub(crate) fn note_failure(&self, error: &ExchangeError) {
        let kind = error.kind();
        self.counters.count_failure(kind);
        if !matches!(kind, FailureKind::Refused | FailureKind::Upload) {
            self.take_trouble(with_causes(error));
        }
    }

    /// Counts an answer, and remembers its status if it is an error of the endpoint.
    pub(crate) fn note_status(&self, status: StatusCode) {
        self.counters.count_status(status);
        if status.is_server_error() {
            self.take_trouble(format!("it answers {}", status.as_u16()));
        }
    }

    /// Remembers what is wrong with it.
    pub(crate) fn take_trouble(&self, mut trouble: String) {
        trouble.truncate(trouble.floor_char_boundary(TROUBLE_BYTES_MAX));
        self.measured().trouble = Some(trouble.into());
    }

    pub(crate) fn take_round_trip(&self, sample: Duration) {
        let mut measured = self.measured();
        measured.round_trip.take(sample);
        measured.round_trip_at = Some(Instant::now());
    }

    /// Whether no round trip was measured for as long as `fresh`; if so, one should be.
    pub(crate) fn begin_measurement(&self, fresh: Duration) -> bool {
        let mut measured = self.measured();
        let is_due = measured
            .round_trip_at
            .is_none_or(|at| at.elapsed() >= fresh);
        if is_due {
            measured.round_trip_at = Some(Instant::now());
        }
        is_due
    }

    pub(crate) fn take_first_byte(&self, sample: Duration) {
        self.measured().first_byte.take(sample);
    }

    fn measured(&self) -> std::sync::MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Endpoint({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim;

    use super::*;
    use crate::fetch::tls::client_config;

    #[test]
    fn a_url_is_taken_apart() {
        let tls = client_config(&sim::Disk::new(1), None).unwrap();
        let settings = EndpointSettings {
            tls: Some(tls),
            ..EndpointSettings::default()
        };
        for (url, host, port, base_path, is_encrypted) in [
            ("http://origin", "origin", 80, "", false),
            ("http://origin:8080/a/b/", "origin", 8080, "/a/b", false),
            ("https://origin/", "origin", 443, "", true),
            ("https://[2001:db8::1]:444", "2001:db8::1", 444, "", true),
        ] {
            let endpoint = Endpoint::new(url, settings.clone()).unwrap();
            assert_eq!(endpoint.url(), url);
            assert_eq!(
                (endpoint.host.as_str(), endpoint.port),
                (host, port),
                "{url}"
            );
            assert_eq!(endpoint.base_path, base_path, "{url}");
            assert_eq!(endpoint.tls.is_some(), is_encrypted, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_of_an_endpoint_is_refused() {
        for url in [
            "origin",
            "/a",
            "ftp://origin",
            "https://origin",
            "http://",
            "",
        ] {
            let refused = Endpoint::new(url, EndpointSettings::default());
            assert!(refused.is_err(), "{url}");
        }
    }
}
