//! Asks a running appliance on its management listener.
//!
//! Source: RFC 9112. Refuses: `https`, which the management listener does not speak.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, HeaderValue},
    http::uri::Authority,
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use weir_hal::Network;

/// Longest time from the first packet to the end of an answer.
const WAIT: Duration = Duration::from_secs(10);

/// Bytes an answer may have: all counters of 1,000 renditions are 6 MB.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Why the appliance did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// It cannot be asked there.
    #[error("{0:?} is no address of an appliance: write one as in \"http://127.0.0.1:8080\"")]
    NoUrl(String),
    /// Nobody answers.
    #[error(
        "no appliance answers at {url}: check that weir runs, and its management.listen, or give \
         the address with --management"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// What answers breaks off, or is late.
    #[error("what answers at {0} does not speak as an appliance does: check the address")]
    Garbled(String),
    /// It says no.
    #[error("the appliance at {url} refuses ({status}): {text}")]
    Refused {
        /// Where it is.
        url: String,
        /// Its status.
        status: StatusCode,
        /// Its words.
        text: String,
    },
}

/// The management listener of an appliance.
#[derive(Debug)]
pub(super) struct Management {
    network: Arc<dyn Network>,
    url: String,
    authority: String,
    host: String,
    port: u16,
}

impl Management {
    /// The appliance whose management listener is at `url`.
    ///
    /// # Errors
    /// [`ManagementError::NoUrl`]
    pub(super) fn new(network: Arc<dyn Network>, url: &str) -> Result<Self, ManagementError> {
        let parsed = url.parse::<Uri>().ok();
        let parsed = parsed.filter(|parsed| parsed.scheme_str() == Some("http"));
        let parsed = parsed.ok_or_else(|| ManagementError::NoUrl(url.to_owned()))?;
        Ok(Self {
            network,
            host: parsed
                .host()
                .unwrap_or("")
                .trim_matches(['[', ']'])
                .to_owned(),
            port: parsed.port_u16().unwrap_or(80),
            authority: parsed.authority().map_or("", Authority::as_str).to_owned(),
            url: url.to_owned(),
        })
    }

    /// Sends `body`, if it is not empty, as JSON to `path`, and returns the JSON that it answers.
    ///
    /// # Errors
    /// [`ManagementError`]
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ManagementError> {
        let asking = timeout(WAIT, self.exchange(method, path, body));
        let (status, answer) = asking.await.map_err(|_elapsed| self.garbled())??;
        if status.is_success() {
            return Ok(answer);
        }
        Err(ManagementError::Refused {
            url: self.url.clone(),
            status,
            text: String::from_utf8_lossy(&answer).trim_end().to_owned(),
        })
    }

    /// What stands at `path`.
    ///
    /// # Errors
    /// [`ManagementError`]
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, ManagementError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// What stands at `path`, which is JSON.
    ///
    /// # Errors
    /// [`ManagementError`]
    pub(super) async fn read_json<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<T, ManagementError> {
        let answer = self.get(path).await?;
        serde_json::from_slice(&answer).map_err(|_other| self.garbled())
    }

    /// Says that what answers is no appliance.
    pub(super) fn garbled(&self) -> ManagementError {
        ManagementError::Garbled(self.url.clone())
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ManagementError> {
        let garbled = || self.garbled();
        let host = HeaderValue::from_str(&self.authority).map_err(|_unlikely| garbled())?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_unlikely| garbled())?;
        request.headers_mut().insert(HOST, host);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let connection = TokioIo::new(self.connect().await?);
        let (mut sender, driving) = http1::handshake(connection)
            .await
            .map_err(|_broken| garbled())?;
        let driver = tokio::spawn(driving);
        let answered = async {
            let response = sender.send_request(request).await.ok()?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.ok()?;
            Some((head.status, body.to_bytes()))
        };
        let answered = answered.await.ok_or_else(garbled);
        driver.abort();
        answered
    }

    async fn connect(&self) -> Result<Box<dyn weir_hal::Connection>, ManagementError> {
        let unreachable = |source| ManagementError::Unreachable {
            url: self.url.clone(),
            source,
        };
        let addresses = self.network.resolve(&self.host, self.port).await;
        let mut failure = None;
        for address in addresses.map_err(unreachable)? {
            match self.network.connect(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) => Err(unreachable(error)),
            None => Err(self.garbled()),
        }
    }
}
