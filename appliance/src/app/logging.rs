//! The way of the log to a syslog server, out of the configuration.

use std::{net::SocketAddr, sync::Arc};

use weir_hal::{Board, Destination, Disk, Error, Multicast, MulticastSender};

use crate::{
    app::AppError,
    config::{self, Config, Syslog, SyslogTransport},
    fetch::tls::{TlsError, client_config},
    log::{
        self,
        syslog::{Forwarder, Route},
    },
};

/// Hops of a message to a group of servers.
const HOPS: u8 = 16;

/// What sends the log on, if the configuration asks for it. Blocks.
///
/// # Errors
/// [`AppError::Syslog`] when there is nobody to believe.
pub(super) fn forwarder<M: Multicast>(
    config: &Config,
    board: &Board<M>,
) -> Result<Option<Forwarder>, AppError> {
    let Some(syslog) = &config.log.syslog else {
        return Ok(None);
    };
    Ok(Some(Forwarder {
        node: config.node.name.clone(),
        host: syslog.host.clone(),
        port: syslog.port,
        route: route(syslog, board).map_err(AppError::Syslog)?,
        ring: Arc::clone(log::of_process()),
        network: Arc::clone(&board.network),
    }))
}

/// Whether it is known whom to believe where TLS is spoken. Blocks.
///
/// # Errors
/// [`AppError::Syslog`] when it is not.
pub(super) fn check(log: &config::Log, disk: &dyn Disk) -> Result<(), AppError> {
    let syslog = log.syslog.as_ref();
    let Some(syslog) = syslog.filter(|it| it.transport == SyslogTransport::Tls) else {
        return Ok(());
    };
    let believed = client_config(disk, syslog.ca.as_deref());
    believed.map(drop).map_err(AppError::Syslog)
}

fn route<M: Multicast>(syslog: &Syslog, board: &Board<M>) -> Result<Route, TlsError> {
    Ok(match syslog.transport {
        SyslogTransport::Udp => {
            let multicast = Arc::clone(&board.multicast);
            let open = move |group: SocketAddr| -> Result<Box<dyn MulticastSender>, Error> {
                let destination = Destination {
                    group,
                    interface: None,
                    hops: HOPS,
                };
                Ok(Box::new(multicast.sender(&destination)?))
            };
            Route::Udp(Arc::new(open))
        }
        SyslogTransport::Tcp => Route::Tcp,
        SyslogTransport::Tls => {
            let config = client_config(&*board.disk, syslog.ca.as_deref())?;
            let mut config = (*config).clone();
            // It is for HTTP, and a server that knows none of it may refuse.
            config.alpn_protocols.clear();
            Route::Tls(Arc::new(config))
        }
    })
}
