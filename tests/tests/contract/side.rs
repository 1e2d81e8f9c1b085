//! The two sides of the contract.

use std::net::SocketAddr;

use weir_hal::{Board, Connection, Error, Multicast, linux, sim};

/// One side: a board, and the outside world's way to it.
pub(crate) trait Side {
    type Multicast: Multicast;

    fn board(&self) -> &Board<Self::Multicast>;

    /// Connects as a client would.
    async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Connection>, Error>;
}

/// The kernel of the machine that runs the tests.
#[derive(Debug)]
pub(crate) struct Linux {
    board: Board<linux::Multicast>,
}

impl Linux {
    pub(crate) fn new() -> Self {
        Self {
            board: linux::board(),
        }
    }
}

impl Side for Linux {
    type Multicast = linux::Multicast;

    fn board(&self) -> &Board<linux::Multicast> {
        &self.board
    }

    async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Connection>, Error> {
        self.board.network.connect(address).await
    }
}

/// A simulated machine without faults.
#[derive(Debug)]
pub(crate) struct Sim {
    simulation: sim::Simulation,
    board: Board<sim::Multicast>,
}

impl Sim {
    pub(crate) fn new() -> Self {
        let simulation = sim::Simulation::new(1);
        Self {
            board: simulation.board(),
            simulation,
        }
    }
}

impl Side for Sim {
    type Multicast = sim::Multicast;

    fn board(&self) -> &Board<sim::Multicast> {
        &self.board
    }

    async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Connection>, Error> {
        self.simulation
            .network
            .connect(address)
            .map(|stream| Box::new(stream) as _)
    }
}
