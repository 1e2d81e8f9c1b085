//! One client, one endpoint, and an origin that says what a test has it say. Time is that of the
//! runtime, which stands still while anybody works.

mod bodies;
mod connections;
mod heads;
mod lies;

use std::{net::IpAddr, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::sleep;
use weir_hal::{Network, sim};

use super::{Client, Download, ExchangeError, Interim, Outgoing};
use crate::fetch::{
    Endpoint, EndpointSettings, Identity,
    origin_script::{Act, Script, address},
};

/// A client and the one endpoint it asks.
struct Pair {
    network: sim::Network,
    client: Client,
    endpoint: Arc<Endpoint>,
    origin: Script,
}

impl Pair {
    /// An origin whose nth connection is answered by the nth script.
    fn new(scripts: Vec<Vec<Act>>) -> Self {
        Self::with(EndpointSettings::default(), scripts)
    }

    fn with(settings: EndpointSettings, scripts: Vec<Vec<Act>>) -> Self {
        Self::at("http://origin", settings, scripts)
    }

    fn at(url: &str, settings: EndpointSettings, scripts: Vec<Vec<Act>>) -> Self {
        let network = sim::Network::new();
        network.set_host("origin", &[IpAddr::from([192, 0, 2, 1])]);
        let identity = Arc::new(Identity::with_instance("edge", 1));
        Self {
            client: Client::new(Arc::new(network.clone()) as Arc<dyn Network>, identity),
            endpoint: Arc::new(Endpoint::new(url, settings).unwrap()),
            origin: Script::listen(&network, address(1), scripts),
            network,
        }
    }

    async fn send(&self, request: Request<Outgoing>) -> Result<Response<Download>, ExchangeError> {
        self.client.send(&self.endpoint, request, None).await
    }

    async fn observed(
        &self,
        request: Request<Outgoing>,
        interim: Interim,
    ) -> Result<Response<Download>, ExchangeError> {
        self.client
            .send(&self.endpoint, request, Some(interim))
            .await
    }

    async fn ask(&self) -> Result<Response<Download>, ExchangeError> {
        self.send(request(Method::GET, "/a")).await
    }

    /// Asks, and reads the answer to its end.
    async fn fetch(&self) -> Result<(StatusCode, Vec<u8>), ExchangeError> {
        read(self.ask().await?).await
    }

    /// Lets every task do what it can.
    async fn settle(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    fn counters(&self) -> super::Counters {
        self.endpoint.counters().read()
    }
}

fn request(method: Method, target: &str) -> Request<Outgoing> {
    Request::builder()
        .method(method)
        .uri(target)
        .body(Outgoing::Empty)
        .unwrap()
}

async fn read(response: Response<Download>) -> Result<(StatusCode, Vec<u8>), ExchangeError> {
    let status = response.status();
    let body = response.into_body().collect().await?;
    Ok((status, body.to_bytes().to_vec()))
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
