//! The two sides of the contract.

use std::{fs, net::SocketAddr};

use weir_hal::{Board, Connection, Error, Multicast, SlotTable, Slots as _, linux, sim};

/// One side: a board, and the outside world's way to it.
pub(crate) trait Side {
    type Multicast: Multicast;

    fn board(&self) -> &Board<Self::Multicast>;

    /// Connects as a client would.
    async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Connection>, Error>;

    /// What is told of slots where the initramfs has written `running`, if it has, and there are
    /// `kernels` of these names, if they can be read.
    fn booted(
        &self,
        running: Option<&str>,
        kernels: Option<&[&str]>,
    ) -> Result<Option<SlotTable>, Error>;
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

    fn booted(
        &self,
        running: Option<&str>,
        kernels: Option<&[&str]>,
    ) -> Result<Option<SlotTable>, Error> {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = |path: &str| {
            let folder = root.path().join(path);
            fs::create_dir_all(&folder).expect("the folder is ours");
            folder
        };
        if let Some(running) = running {
            fs::write(folder("run/weir").join("slot"), running).expect("the folder is ours");
        }
        for name in kernels.unwrap_or_default() {
            fs::write(folder("efi/EFI/Linux").join(name), "").expect("the folder is ours");
        }
        if kernels.is_some() {
            folder("efi/EFI/Linux");
        }
        linux::Slots::below(root.path()).slots()
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

    fn booted(
        &self,
        running: Option<&str>,
        kernels: Option<&[&str]>,
    ) -> Result<Option<SlotTable>, Error> {
        let slots = &self.simulation.slots;
        slots.boot_without();
        if let Some(running) = running {
            slots.boot(running, kernels.unwrap_or_default());
        }
        if kernels.is_none() {
            slots.lose_kernels();
        }
        slots.slots()
    }
}
