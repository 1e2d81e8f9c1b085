//! Where a demo is found: the usual ports of 127.0.0.1, or free ones when those are taken.

use std::{
    fmt::{self, Display},
    io,
    net::{Ipv4Addr, SocketAddr},
};

use weir_hal::{Error, Network};

use crate::demo::CHANNEL;

/// Port of the data listener, if free.
const DATA_PORT: u16 = 8080;
/// Port of the management listener, if free.
const MANAGEMENT_PORT: u16 = 8081;

/// Addresses of the two listeners. As text: a line each for player, playlist, status and health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// What players connect to.
    pub data: SocketAddr,
    /// What people connect to.
    pub management: SocketAddr,
}

impl Display for Addresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { data, management } = self;
        writeln!(formatter, "player   http://{management}/player/{CHANNEL}")?;
        writeln!(
            formatter,
            "playlist http://{data}/live/{CHANNEL}/master.m3u8"
        )?;
        writeln!(formatter, "status   http://{management}/")?;
        writeln!(formatter, "health   http://{management}/api/health")
    }
}

/// Finds two addresses that nobody listens on now.
pub(super) fn free_addresses(network: &dyn Network) -> Result<Addresses, Error> {
    // Held until both are chosen, so that they differ.
    let data = listener_on(network, DATA_PORT)?;
    let management = listener_on(network, MANAGEMENT_PORT)?;
    Ok(Addresses {
        data: data.local_address(),
        management: management.local_address(),
    })
}

fn listener_on(network: &dyn Network, port: u16) -> Result<Box<dyn weir_hal::Listener>, Error> {
    let listen = |port| network.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    match listen(port) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => listen(0),
        listener_or_error => listener_or_error,
    }
}
