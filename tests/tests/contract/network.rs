//! Claims on [`weir_hal::Network`].

use std::{
    future::{Future, poll_fn},
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    task::Poll,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime, time,
};
use weir_hal::{Accepted, Listener};

use crate::side::Side;

pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The longest a claim may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough for the other end of loopback to take what it has room for.
const BRIEFLY: Duration = Duration::from_millis(100);

crate::claims! {
    the_system_chooses_a_port,
    bytes_go_both_ways,
    the_end_of_a_connection_is_seen,
    what_the_peer_does_not_have_is_told_if_anybody_can_tell,
    a_busy_port_is_refused_as_such,
    a_busy_port_blocks_all_addresses,
    a_port_is_free_when_its_listener_is_gone,
    siblings_share_what_comes,
    the_port_is_taken_until_the_last_sibling_is_gone,
    nobody_listening_refuses,
    an_accept_given_up_loses_nothing,
    connections_come_in_order,
    both_families_share_a_port,
    the_machine_connects_to_who_listens,
    the_machine_is_refused_where_nobody_listens,
    a_connection_given_up_leaves_the_next_one_alone,
    an_address_in_numbers_is_its_own,
    a_name_that_nobody_knows_is_said_to_be,
    localhost_is_this_machine,
}

pub(crate) fn run(claim: impl Future<Output = ()>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { time::timeout(PATIENCE, claim).await.expect("ends in time") });
}

pub(crate) async fn accept(listener: &mut dyn Listener) -> Accepted {
    poll_fn(|context| listener.poll_accept(context))
        .await
        .unwrap()
}

pub(crate) fn listen(side: &impl Side, address: SocketAddr) -> Box<dyn Listener> {
    side.board().network.listen(address).unwrap()
}

fn refusal(side: &impl Side, address: SocketAddr) -> ErrorKind {
    side.board().network.listen(address).unwrap_err().kind()
}

fn the_system_chooses_a_port(side: &impl Side) {
    run(async {
        let [first, second] = [listen(side, LOOPBACK), listen(side, LOOPBACK)];
        let (first, second) = (first.local_address(), second.local_address());
        assert_eq!(first.ip(), LOOPBACK.ip());
        assert_ne!(first.port(), 0);
        assert_ne!(first.port(), second.port());
    });
}

fn bytes_go_both_ways(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        let mut client = side.connect(listener.local_address()).await.unwrap();
        let (mut server, peer) = accept(&mut *listener).await;
        assert!(peer.ip().is_loopback() && peer.port() != 0, "{peer}");
        let mut four = [0; 4];
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"ping");
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"pong");
    });
}

fn the_end_of_a_connection_is_seen(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        let mut client = side.connect(listener.local_address()).await.unwrap();
        let (mut server, _) = accept(&mut *listener).await;
        server.write_all(b"last words").await.unwrap();
        drop(server);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
    });
}

fn what_the_peer_does_not_have_is_told_if_anybody_can_tell(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        let address = listener.local_address();
        let (near, far) = tokio::join!(side.connect(address), accept(&mut *listener));
        let (mut near, (mut far, _)) = (near.unwrap(), far);
        near.limit_unsent(64 << 10).unwrap();
        let (mut written, bytes) = (0, vec![7; 64 << 10]);
        while let Ok(count) = time::timeout(BRIEFLY, near.write(&bytes)).await {
            written += count.unwrap();
        }
        let is_told = near.unacknowledged_bytes().map(|bytes| bytes > 0);
        assert_ne!(is_told, Some(false), "{written} bytes fill both ends");
        let mut read = vec![0; written];
        far.read_exact(&mut read).await.unwrap();
        while near.unacknowledged_bytes().unwrap_or(0) > 0 {
            time::sleep(BRIEFLY).await;
        }
    });
}

fn a_busy_port_is_refused_as_such(side: &impl Side) {
    run(async {
        let listener = listen(side, LOOPBACK);
        assert_eq!(
            refusal(side, listener.local_address()),
            ErrorKind::AddrInUse
        );
    });
}

fn a_busy_port_blocks_all_addresses(side: &impl Side) {
    run(async {
        let listener = listen(side, LOOPBACK);
        let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, listener.local_address().port()));
        assert_eq!(refusal(side, all), ErrorKind::AddrInUse);
    });
}

fn a_port_is_free_when_its_listener_is_gone(side: &impl Side) {
    run(async {
        let mut first = listen(side, LOOPBACK);
        let address = first.local_address();
        let _client = side.connect(address).await.unwrap();
        let _server = accept(&mut *first).await;
        drop(first);
        assert_eq!(listen(side, address).local_address(), address);
    });
}

fn siblings_share_what_comes(side: &impl Side) {
    run(async {
        let mut listeners = vec![listen(side, LOOPBACK)];
        let address = listeners[0].local_address();
        for _ in 0..3 {
            listeners.push(listeners[0].sibling().unwrap());
        }
        assert!(listeners.iter().all(|one| one.local_address() == address));
        let mut clients = Vec::new();
        for _ in 0..64 {
            clients.push(side.connect(address).await.unwrap());
        }
        let mut accepted = vec![0; listeners.len()];
        while accepted.iter().sum::<usize>() < clients.len() {
            for (listener, count) in listeners.iter_mut().zip(&mut accepted) {
                let some = time::timeout(Duration::from_millis(10), accept(&mut **listener)).await;
                *count += usize::from(some.is_ok());
            }
        }
        assert!(accepted.iter().all(|count| *count > 0), "{accepted:?}");
    });
}

fn the_port_is_taken_until_the_last_sibling_is_gone(side: &impl Side) {
    run(async {
        let first = listen(side, LOOPBACK);
        let address = first.local_address();
        let mut second = first.sibling().unwrap();
        assert_eq!(refusal(side, address), ErrorKind::AddrInUse);
        drop(first);
        assert_eq!(refusal(side, address), ErrorKind::AddrInUse);
        let mut client = side.connect(address).await.unwrap();
        let (mut server, _) = accept(&mut *second).await;
        client.write_u8(7).await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), 7);
        drop((server, client, second));
        assert_eq!(listen(side, address).local_address(), address);
    });
}

fn nobody_listening_refuses(side: &impl Side) {
    run(async {
        let address = listen(side, LOOPBACK).local_address();
        let refused = side.connect(address).await.map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

fn an_accept_given_up_loses_nothing(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        let is_pending = poll_fn(|context| Poll::Ready(listener.poll_accept(context).is_pending()));
        assert!(is_pending.await);
        let mut client = side.connect(listener.local_address()).await.unwrap();
        client.write_all(b"!").await.unwrap();
        let (mut server, _) = accept(&mut *listener).await;
        assert_eq!(server.read_u8().await.unwrap(), b'!');
    });
}

fn connections_come_in_order(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        let mut clients = Vec::new();
        for number in 0..20 {
            let mut client = side.connect(listener.local_address()).await.unwrap();
            client.write_u8(number).await.unwrap();
            clients.push(client);
        }
        for number in 0..20 {
            let (mut server, _) = accept(&mut *listener).await;
            assert_eq!(server.read_u8().await.unwrap(), number);
        }
    });
}

fn both_families_share_a_port(side: &impl Side) {
    run(async {
        let v6 = listen(side, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
        let port = v6.local_address().port();
        let mut v4 = listen(side, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
        let mut v6 = v6;
        for (listener, host) in [(&mut v4, "127.0.0.1"), (&mut v6, "::1")] {
            let address = SocketAddr::new(host.parse().unwrap(), port);
            let mut client = side.connect(address).await.unwrap();
            let (mut server, _) = accept(&mut **listener).await;
            client.write_u8(6).await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), 6);
        }
    });
}

fn the_machine_connects_to_who_listens(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        let dialled = side.board().network.connect(listener.local_address());
        let mut near = dialled.await.unwrap();
        let (mut far, _) = accept(&mut *listener).await;
        near.write_all(b"GET").await.unwrap();
        let mut heard = [0; 3];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"GET");
        far.write_all(b"200").await.unwrap();
        drop(far);
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"200");
    });
}

fn the_machine_is_refused_where_nobody_listens(side: &impl Side) {
    run(async {
        let address = listen(side, LOOPBACK).local_address();
        let refused = side.board().network.connect(address).await.map(drop);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

fn a_connection_given_up_leaves_the_next_one_alone(side: &impl Side) {
    run(async {
        let mut listener = listen(side, LOOPBACK);
        drop(side.board().network.connect(listener.local_address()));
        let dialled = side.board().network.connect(listener.local_address());
        let mut near = dialled.await.unwrap();
        let (mut far, _) = accept(&mut *listener).await;
        near.write_u8(2).await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), 2);
    });
}

fn an_address_in_numbers_is_its_own(side: &impl Side) {
    run(async {
        for (host, expected) in [
            ("192.0.2.7", "192.0.2.7:80"),
            ("2001:db8::7", "[2001:db8::7]:80"),
        ] {
            let found = side.board().network.resolve(host, 80).await.unwrap();
            assert_eq!(found, [expected.parse::<SocketAddr>().unwrap()]);
        }
    });
}

fn a_name_that_nobody_knows_is_said_to_be(side: &impl Side) {
    run(async {
        // RFC 2606: nobody ever has this name.
        let found = side.board().network.resolve("nobody.invalid", 80).await;
        let error = found.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot find the address of nobody.invalid"
        );
    });
}

fn localhost_is_this_machine(side: &impl Side) {
    run(async {
        let found = side.board().network.resolve("localhost", 80).await.unwrap();
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|one| one.ip().is_loopback() && one.port() == 80)
        );
    });
}
