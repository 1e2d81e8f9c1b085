//! Origins for tests: each connection is answered by a script, on a simulated network.

use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};
use weir_hal::{Connection, Network as _, sim};

/// What an origin does on a connection, one after the other; then it closes it.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Waits for the head of a request.
    Read,
    /// Sends this.
    Say(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// Sends this, again and again.
    Repeat(&'static [u8]),
    /// Answers each request with this, until the client closes.
    Serve(Vec<u8>),
    /// Does nothing any more.
    Hang,
}

/// An act that says `text`.
pub(crate) fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// An act that answers each request with `text`.
pub(crate) fn serve(text: &str) -> Act {
    Act::Serve(text.as_bytes().to_vec())
}

/// An origin that listens.
#[derive(Debug)]
pub(crate) struct Script {
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Script {
    /// Listens on `address` of `network`; the nth connection is answered by the nth of `scripts`,
    /// those after the last one by it.
    pub(crate) fn listen(
        network: &sim::Network,
        address: SocketAddr,
        scripts: Vec<Vec<Act>>,
    ) -> Self {
        let mut listener = network.listen(address).expect("the address is free");
        let script = Self {
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (
            Arc::clone(&script.requests),
            Arc::clone(&script.connections),
        );
        tokio::spawn(async move {
            loop {
                let accepted = poll_fn(|context| listener.poll_accept(context)).await;
                let (connection, _) = accepted.expect("the simulation accepts");
                let acts = {
                    let mut connections = connections.lock().expect("nobody panics");
                    *connections += 1;
                    let last = scripts.len() - 1;
                    scripts[(*connections - 1).min(last)].clone()
                };
                tokio::spawn(perform(connection, acts, Arc::clone(&requests)));
            }
        });
        script
    }

    /// The heads of the requests that came so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panics").clone()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().expect("nobody panics")
    }
}

/// The address of the host number `host`.
pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::from([192, 0, 2, host]), 80)
}

async fn perform(
    mut connection: Box<dyn Connection>,
    acts: Vec<Act>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    for act in acts {
        let done = match act {
            Act::Read => read_head(&mut connection, &requests).await,
            Act::Say(bytes) => connection.write_all(&bytes).await.ok(),
            Act::Pause(time) => {
                sleep(time).await;
                Some(())
            }
            Act::Repeat(bytes) => {
                while connection.write_all(bytes).await.is_ok() {}
                None
            }
            Act::Serve(bytes) => {
                while read_head(&mut connection, &requests).await.is_some()
                    && connection.write_all(&bytes).await.is_ok()
                {}
                None
            }
            Act::Hang => {
                let mut rest = Vec::new();
                drop(connection.read_to_end(&mut rest).await);
                std::future::pending().await
            }
        };
        if done.is_none() {
            return;
        }
    }
}

/// Reads up to the empty line, and not a byte more.
async fn read_head(
    connection: &mut Box<dyn Connection>,
    requests: &Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("what we send is text");
    requests.lock().expect("nobody panics").push(head);
    Some(())
}
