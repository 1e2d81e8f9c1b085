//! Several origins on a simulated network, asked through tiers. Time is that of the runtime, which
//! stands still while anybody works.

mod choosing;
mod failover;
mod hedging;
mod storm;
mod upkeep;

use std::{net::IpAddr, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{Request, StatusCode};
use tokio::time::sleep;
use weir_hal::{
    Network,
    sim::{self, PathFaults},
};

use super::{AllFailed, Answered, Ask, Reason, Tiers};
use crate::{
    config,
    fetch::{
        Identity,
        exchange::{Client, Counters, ExchangeError, Outgoing},
        origin_script::{Act, Script, address, serve},
    },
};

/// Origins and the tiers that ask them. Host `hN` is 192.0.2.N.
struct Rig {
    network: sim::Network,
    tiers: Arc<Tiers>,
    names: Vec<String>,
}

const BLACK_HOLE: PathFaults = PathFaults {
    refused_ppm: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    cut_ppm: 0,
    cut_bytes_max: 0,
    is_black_hole: true,
};

impl Rig {
    /// One tier of one URL for each of `hosts`.
    fn chain(hosts: &[u8]) -> Self {
        let tiers: Vec<&[u8]> = hosts.iter().map(std::slice::from_ref).collect();
        Self::new(&tiers, |_| {})
    }

    /// A tier for each list of hosts, told more by `tell`.
    fn new(tiers: &[&[u8]], tell: impl Fn(&mut config::Origin)) -> Self {
        Self::seeded(0, tiers, tell)
    }

    fn seeded(seed: u64, tiers: &[&[u8]], tell: impl Fn(&mut config::Origin)) -> Self {
        let network = sim::Network::with_seed(seed);
        for host in 1..=20 {
            network.set_host(&format!("h{host}"), &[IpAddr::from([192, 0, 2, host])]);
        }
        let origin = |(index, hosts): (usize, &&[u8])| {
            let mut origin = config::Origin {
                name: format!("tier{index}"),
                urls: hosts.iter().map(|host| format!("http://h{host}")).collect(),
                ..config::Origin::default()
            };
            tell(&mut origin);
            origin
        };
        let origins: Vec<config::Origin> = tiers.iter().enumerate().map(origin).collect();
        let identity = Arc::new(Identity::with_instance("edge", 1));
        let client = Client::new(Arc::new(network.clone()) as Arc<dyn Network>, identity);
        let tiers = Tiers::new(client, &origins, &sim::Disk::new(1)).unwrap();
        Self {
            network,
            tiers: Arc::new(tiers),
            names: origins.into_iter().map(|origin| origin.name).collect(),
        }
    }

    /// Host `host` answers each connection by `script`.
    fn host(&self, host: u8, script: Vec<Act>) -> Script {
        Script::listen(&self.network, address(host), vec![script])
    }

    fn path(&self, host: u8, faults: PathFaults) {
        self.network.set_path(address(host), faults);
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Answered, AllFailed> {
        self.tiers.send(&self.tiers.list(&self.names), ask).await
    }

    async fn get(&self) -> Result<Answered, AllFailed> {
        self.ask(Ask::new(get("/a"), b"/a")).await
    }

    /// Asks, and reads the answer to its end: the host and the body.
    async fn fetch(&self) -> Result<(String, String), AllFailed> {
        Ok(whole(self.get().await?).await.expect("the body is whole"))
    }

    /// Counters of the endpoint at `host`.
    fn counters(&self, host: u8) -> Counters {
        self.endpoint(host).counters
    }

    fn state(&self, host: u8) -> &'static str {
        self.endpoint(host).state
    }

    fn endpoint(&self, host: u8) -> super::EndpointReport {
        let url = format!("http://h{host}");
        let origins = self.tiers.report().into_iter();
        let mut endpoints = origins.flat_map(|origin| origin.endpoints);
        endpoints
            .find(|it| it.url == url)
            .expect("it is configured")
    }

    /// Counters of the tier number `tier`.
    fn tier(&self, tier: usize) -> super::TierCounters {
        self.tiers.report()[tier].counters
    }
}

fn get(target: &str) -> Request<Outgoing> {
    Request::get(target).body(Outgoing::Empty).unwrap()
}

async fn whole(answered: Answered) -> Result<(String, String), ExchangeError> {
    let host = answered
        .endpoint
        .url()
        .trim_start_matches("http://")
        .to_owned();
    let body = answered.response.into_body().collect().await?.to_bytes();
    Ok((host, String::from_utf8_lossy(&body).into_owned()))
}

/// A script that answers every request with `status` and the body `text`.
fn answers(status: u16, text: &str) -> Vec<Act> {
    let bytes = text.len();
    vec![serve(&format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {bytes}\r\n\r\n{text}"
    ))]
}
