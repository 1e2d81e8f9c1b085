//! From an endpoint to a stream: its addresses, one after the other, and TLS.
//!
//! Source: RFC 8305 (Happy Eyeballs v2) §5: the next address is tried 250 ms after the one before,
//! or when that has failed; the first connection that stands is taken.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_rustls::TlsConnector;
use weir_hal::{Connection, Error, Network};

use super::{ExchangeError, wire::Stream};
use crate::fetch::Endpoint;

/// Source: RFC 8305 §5, Connection Attempt Delay.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to `endpoint`: a stream, and the address it leads to. The deadline is the caller's.
pub(super) async fn connect(
    network: &Arc<dyn Network>,
    endpoint: &Endpoint,
) -> Result<(Stream, SocketAddr), ExchangeError> {
    let place = (endpoint.host.as_str(), endpoint.port);
    let names = &endpoint.names;
    let addresses = names.addresses(network.as_ref(), place, &endpoint.counters);
    let addresses = addresses.await.map_err(ExchangeError::Resolve)?;
    let dialled = dial(network, &addresses).await;
    let dialled = dialled.map_err(ExchangeError::Connect)?;
    names.prefer(dialled.address);
    endpoint.take_round_trip(dialled.round_trip);
    let Some((config, name)) = &endpoint.tls else {
        return Ok((Stream::Plain(dialled.connection), dialled.address));
    };
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name.clone(), dialled.connection).await;
    let stream = stream.map_err(ExchangeError::Tls)?;
    Ok((Stream::Encrypted(Box::new(stream)), dialled.address))
}

/// A connection that stands.
struct Dialled {
    connection: Box<dyn Connection>,
    address: SocketAddr,
    round_trip: Duration,
}

/// Connects to whichever of `addresses` answers first; the attempts that are left end with it.
async fn dial(network: &Arc<dyn Network>, addresses: &[SocketAddr]) -> Result<Dialled, Error> {
    let mut attempts = JoinSet::new();
    let mut untried = addresses.iter();
    let mut first_error = None;
    loop {
        let next = untried.next().copied();
        if let Some(address) = next {
            let connecting = network.connect(address);
            attempts.spawn(async move {
                let begun = Instant::now();
                let connection = connecting.await?;
                Ok(Dialled {
                    connection,
                    address,
                    round_trip: begun.elapsed(),
                })
            });
        }
        let patience = async {
            match next {
                Some(_) => sleep(ATTEMPT_DELAY).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(ended) = attempts.join_next() => match ended.expect("connecting does not panic") {
                Ok(dialled) => return Ok(dialled),
                Err(error) => first_error = first_error.or(Some(error)),
            },
            () = patience => {}
            else => break,
        }
        if attempts.is_empty() && untried.len() == 0 {
            break;
        }
    }
    Err(first_error.expect("a name has at least one address, and each attempt ends in an error"))
}
