//! Listeners, connections and names in memory.
//!
//! A client of the machine is a test that calls [`Network::connect`]; what the machine itself
//! connects to goes by [`crate::Network::connect`], over a path that a test makes bad with
//! [`Network::set_path`]. Bytes go through a pipe of the size of a small socket buffer, so a peer
//! that does not read stops the writer as it would on a wire.
//!
//! Refuses: a second listener on a port, and a connection to a port where nobody listens.

use std::{
    collections::BTreeMap,
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{io::DuplexStream, sync::mpsc, time::sleep};

use super::{
    Generator, lock,
    path::{PathFaults, Wire},
};
use crate::{Accepted, Connecting, Connection, Error, Resolving};

/// Connections that wait to be accepted; those beyond are refused.
const BACKLOG_CONNECTIONS: usize = 128;

/// Bytes on their way in each direction of a connection.
const PIPE_BYTES: usize = 65_536;

/// First of the ports that the system chooses, as on Linux.
const EPHEMERAL_PORT_FIRST: u16 = 32_768;

/// The network of one simulated machine. Clones share it.
#[derive(Debug, Clone)]
pub struct Network {
    ports: Arc<Mutex<Ports>>,
    ways: Arc<Mutex<Ways>>,
}

/// What lies between this machine and others.
#[derive(Debug)]
struct Ways {
    generator: Generator,
    paths: BTreeMap<SocketAddr, Path>,
    hosts: BTreeMap<String, Vec<IpAddr>>,
}

#[derive(Debug, Clone, Default)]
struct Path {
    faults: PathFaults,
    is_black_hole: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Ports {
    listeners: BTreeMap<SocketAddr, Siblings>,
    peers: u16,
}

/// The queues of all who listen on one address; at least one.
#[derive(Debug, Default)]
struct Siblings {
    queues: Vec<(usize, mpsc::Sender<Accepted>)>,
    /// Numbers given to siblings so far.
    numbers: usize,
    /// Connections handed out so far: they go to each queue in turn.
    turns: usize,
}

impl Siblings {
    fn join(&mut self) -> (usize, mpsc::Receiver<Accepted>) {
        let (sender, waiting) = mpsc::channel(BACKLOG_CONNECTIONS);
        let number = self.numbers;
        self.numbers += 1;
        self.queues.push((number, sender));
        (number, waiting)
    }

    fn next(&mut self) -> Option<&mpsc::Sender<Accepted>> {
        let turn = self.turns.checked_rem(self.queues.len())?;
        self.turns += 1;
        self.queues.get(turn).map(|(_, queue)| queue)
    }
}

impl Network {
    /// A network where nobody listens, all paths are good and only `localhost` has a name.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// The same, whose accidents are chosen by `seed`.
    pub fn with_seed(seed: u64) -> Self {
        let localhost = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let ways = Ways {
            generator: Generator::new(seed),
            paths: BTreeMap::new(),
            hosts: BTreeMap::from([("localhost".to_owned(), localhost)]),
        };
        Self {
            ports: Arc::default(),
            ways: Arc::new(Mutex::new(ways)),
        }
    }

    /// Sets what becomes of the connections that the machine makes to `address`.
    pub fn set_path(&self, address: SocketAddr, faults: PathFaults) {
        let mut ways = lock(&self.ways);
        let path = ways.paths.entry(address).or_default();
        path.faults = faults;
        path.is_black_hole
            .store(faults.is_black_hole, Ordering::Relaxed);
    }

    /// Gives `host` these addresses; without any, nobody knows the name.
    pub fn set_host(&self, host: &str, addresses: &[IpAddr]) {
        let mut ways = lock(&self.ways);
        ways.hosts.insert(host.to_owned(), addresses.to_vec());
    }

    /// Connects to a listener of this machine.
    ///
    /// # Errors
    /// [`Error::Socket`] with kind `ConnectionRefused` when nobody listens on `address`, or when
    /// as many connections as the backlog holds wait to be accepted.
    pub fn connect(&self, address: SocketAddr) -> Result<DuplexStream, Error> {
        let mut ports = lock(&self.ports);
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        ports.peers = ports.peers.wrapping_add(1);
        let port = EPHEMERAL_PORT_FIRST | ports.peers;
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        ports
            .listener_for(address)
            .and_then(|listener| listener.try_send((Box::new(far), peer)).ok())
            .map(|()| near)
            .ok_or_else(|| refused("connect to", address, io::ErrorKind::ConnectionRefused))
    }
}

impl crate::Network for Network {
    fn listen(&self, address: SocketAddr) -> Result<Box<dyn crate::Listener>, Error> {
        let mut ports = lock(&self.ports);
        let local_address = match address.port() {
            0 => ports.unused(address),
            _ => Some(address).filter(|wanted| !ports.is_taken(*wanted)),
        };
        let local_address =
            local_address.ok_or_else(|| refused("listen on", address, io::ErrorKind::AddrInUse))?;
        let (number, waiting) = ports.listeners.entry(local_address).or_default().join();
        Ok(Box::new(Listener {
            local_address,
            number,
            waiting,
            ports: Arc::clone(&self.ports),
        }))
    }

    fn connect(&self, address: SocketAddr) -> Connecting {
        let network = self.clone();
        Box::pin(async move {
            let (is_black_hole, chances) = lock(&network.ways).draw(address);
            sleep(chances.delay).await;
            if is_black_hole.load(Ordering::Relaxed) {
                pending::<()>().await;
            }
            if chances.is_refused {
                let kind = io::ErrorKind::ConnectionRefused;
                return Err(refused("connect to", address, kind));
            }
            // An inherent method: what any client of that listener does.
            let stream = Self::connect(&network, address)?;
            let wire = Wire::new(stream, is_black_hole, chances.cut_after_bytes);
            Ok(Box::new(wire) as Box<dyn Connection>)
        })
    }

    fn resolve(&self, host: &str, port: u16) -> Resolving {
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => lock(&self.ways)
                .hosts
                .get(host)
                .cloned()
                .unwrap_or_default(),
        };
        let host = host.to_owned();
        Box::pin(async move {
            if found.is_empty() {
                let source = io::ErrorKind::NotFound.into();
                return Err(Error::Resolve { host, source });
            }
            let addresses = found.into_iter();
            Ok(addresses
                .map(|address| SocketAddr::new(address, port))
                .collect())
        })
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// What was drawn for one connection.
#[derive(Debug)]
struct Chances {
    delay: Duration,
    is_refused: bool,
    cut_after_bytes: Option<u64>,
}

impl Ways {
    fn draw(&mut self, address: SocketAddr) -> (Arc<AtomicBool>, Chances) {
        let path = self.paths.entry(address).or_default();
        let (faults, generator) = (path.faults, &mut self.generator);
        let jitter_nanos = u64::try_from(faults.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(generator.below(jitter_nanos));
        let is_refused = generator.chance_ppm(faults.refused_ppm);
        let is_cut = generator.chance_ppm(faults.cut_ppm);
        let cut_bytes = generator.below(faults.cut_bytes_max.saturating_add(1));
        let chances = Chances {
            delay: faults.delay + jitter,
            is_refused,
            cut_after_bytes: is_cut.then_some(cut_bytes),
        };
        (Arc::clone(&path.is_black_hole), chances)
    }
}

fn refused(act: &'static str, address: SocketAddr, kind: io::ErrorKind) -> Error {
    Error::Socket {
        act,
        address,
        source: kind.into(),
    }
}

impl Ports {
    /// Whether a listener stands in the way of one on `wanted`: an unspecified address means all.
    fn is_taken(&self, wanted: SocketAddr) -> bool {
        self.listeners.keys().any(|taken| {
            taken.port() == wanted.port()
                && taken.is_ipv4() == wanted.is_ipv4()
                && (taken.ip() == wanted.ip()
                    || taken.ip().is_unspecified()
                    || wanted.ip().is_unspecified())
        })
    }

    fn unused(&self, mut address: SocketAddr) -> Option<SocketAddr> {
        (EPHEMERAL_PORT_FIRST..=u16::MAX).find_map(|port| {
            address.set_port(port);
            (!self.is_taken(address)).then_some(address)
        })
    }

    fn listener_for(&mut self, address: SocketAddr) -> Option<&mpsc::Sender<Accepted>> {
        let reaches = |listener: &SocketAddr| {
            listener.port() == address.port()
                && listener.is_ipv4() == address.is_ipv4()
                && (listener.ip() == address.ip() || listener.ip().is_unspecified())
        };
        self.listeners
            .iter_mut()
            .find(|(listener, _)| reaches(listener))
            .and_then(|(_, siblings)| siblings.next())
    }
}

#[derive(Debug)]
struct Listener {
    local_address: SocketAddr,
    number: usize,
    waiting: mpsc::Receiver<Accepted>,
    ports: Arc<Mutex<Ports>>,
}

impl crate::Listener for Listener {
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Accepted, Error>> {
        self.waiting.poll_recv(context).map(|accepted| {
            Ok(accepted.expect("the port table keeps the other end while this listener stands"))
        })
    }

    fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    fn sibling(&self) -> Result<Box<dyn crate::Listener>, Error> {
        let mut ports = lock(&self.ports);
        let siblings = ports.listeners.entry(self.local_address).or_default();
        let (number, waiting) = siblings.join();
        Ok(Box::new(Self {
            local_address: self.local_address,
            number,
            waiting,
            ports: Arc::clone(&self.ports),
        }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let listeners = &mut lock(&self.ports).listeners;
        if let Some(siblings) = listeners.get_mut(&self.local_address) {
            siblings.queues.retain(|(number, _)| *number != self.number);
            if siblings.queues.is_empty() {
                listeners.remove(&self.local_address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{Instant, timeout},
    };

    use super::*;
    use crate::Network as _;

    const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    }

    /// A network on which somebody listens, and the way to them has `faults`.
    fn network(faults: PathFaults) -> (Network, Box<dyn crate::Listener>) {
        let network = Network::with_seed(7);
        network.set_path(ADDRESS, faults);
        let listener = network.listen(ADDRESS).unwrap();
        (network, listener)
    }

    async fn dial(network: &dyn crate::Network) -> Result<Box<dyn Connection>, Error> {
        network.connect(ADDRESS).await
    }

    #[test]
    fn a_far_path_takes_its_time() {
        runtime().block_on(async {
            let delay = Duration::from_millis(80);
            let (network, _listener) = network(PathFaults {
                delay,
                ..PathFaults::default()
            });
            let before = Instant::now();
            dial(&network).await.unwrap();
            assert_eq!(before.elapsed(), delay);
        });
    }

    #[test]
    fn refusals_keep_their_share() {
        runtime().block_on(async {
            let (network, mut listener) = network(PathFaults {
                refused_ppm: 500_000,
                ..PathFaults::default()
            });
            let mut refused = 0;
            for _ in 0..200 {
                match dial(&network).await {
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                        refused += 1;
                    }
                    Ok(_) => drop(poll_fn(|context| listener.poll_accept(context)).await),
                }
            }
            assert!((70..130).contains(&refused), "{refused} of 200, seed 7");
        });
    }

    #[test]
    fn a_cut_connection_is_reset_after_at_most_so_many_bytes() {
        runtime().block_on(async {
            let (network, mut listener) = network(PathFaults {
                cut_ppm: 1_000_000,
                cut_bytes_max: 1_000,
                ..PathFaults::default()
            });
            let mut near = dial(&network).await.unwrap();
            let (mut far, _) = poll_fn(|context| listener.poll_accept(context))
                .await
                .unwrap();
            far.write_all(&[1; 5_000]).await.unwrap();
            let mut heard = Vec::new();
            let error = near.read_to_end(&mut heard).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            assert!(heard.len() <= 1_000 && heard.iter().all(|byte| *byte == 1));
        });
    }

    #[test]
    fn a_black_hole_swallows_new_connections_and_those_that_stand() {
        runtime().block_on(async {
            let (network, mut listener) = network(PathFaults::default());
            let mut near = dial(&network).await.unwrap();
            let (mut far, _) = poll_fn(|context| listener.poll_accept(context))
                .await
                .unwrap();
            far.write_u8(1).await.unwrap();
            let hole = PathFaults {
                is_black_hole: true,
                ..PathFaults::default()
            };
            network.set_path(ADDRESS, hole);
            let patience = Duration::from_mins(1);
            assert!(timeout(patience, near.read_u8()).await.is_err());
            assert!(timeout(patience, dial(&network)).await.is_err());
            near.write_u8(2).await.unwrap();
            assert!(timeout(patience, far.read_u8()).await.is_err());
            network.set_path(ADDRESS, PathFaults::default());
            assert!(
                timeout(patience, near.read_u8()).await.is_err(),
                "what was lost stays lost"
            );
            dial(&network).await.unwrap();
        });
    }

    #[test]
    fn a_host_has_the_addresses_it_was_given() {
        runtime().block_on(async {
            let network = Network::new();
            let addresses = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
            network.set_host("midcache", &addresses);
            let found = network.resolve("midcache", 8080).await.unwrap();
            assert_eq!(
                found,
                addresses.map(|address| SocketAddr::new(address, 8080))
            );
            network.set_host("midcache", &[]);
            let error = network.resolve("midcache", 8080).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        });
    }
}
