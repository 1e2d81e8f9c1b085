//! Handshakes that go well, and all the others.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use weir_tests::{certificate::Certificate, wait::timed};

use crate::rig::{PATIENCE, Rig};

/// A client that trusts `root` alone, and remembers tickets.
pub(crate) fn trusting(root: &Certificate) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let der = CertificateDer::from_pem_slice(root.certificate.as_bytes())
        .expect("a certificate of our own");
    roots.add(der).expect("a certificate of our own");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("ring has them");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A connection by TLS that asks for `path` and has taken the first byte of the answer.
pub(crate) fn ask(
    rig: &Rig,
    config: &Arc<ClientConfig>,
    path: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let host = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::clone(config), host).expect("a sound configuration");
    let mut stream = StreamOwned::new(session, connect(rig));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the server shakes hands and reads");
    stream.read_exact(&mut [0]).expect("the server answers");
    stream
}

fn connect(rig: &Rig) -> TcpStream {
    let stream = TcpStream::connect(rig.address()).expect("the server listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time above zero");
    stream
}

/// What the server says to `bytes` until it closes the connection; a reset is as good.
fn answer(rig: &Rig, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(rig);
    stream.write_all(bytes).expect("the server reads");
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    said
}

#[test]
fn a_client_that_comes_back_goes_on_from_its_ticket() {
    let rig = Rig::start();
    let config = trusting(&rig.certificate);
    let kinds = [(); 3].map(|()| ask(&rig, &config, "/livez").conn.handshake_kind());
    let (new, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
    assert_eq!(kinds, [new, resumed, resumed]);
    rig.counted("handshakes_resumed", 2);
}

#[test]
fn garbage_is_closed_and_plain_http_is_told_what_is_wrong() {
    let rig = Rig::start();
    assert_eq!(answer(&rig, b"\x00\x01garbage"), b"");
    assert_eq!(answer(&rig, b"ssh-2.0-client\r\n"), b"");
    // A hello that makes no sense is answered by an alert.
    let hello = b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\xff\xff\xff\xff";
    assert_eq!(answer(&rig, hello).first(), Some(&21));
    rig.counted("handshakes_malformed", 3);
    let told = answer(&rig, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let told = String::from_utf8(told).unwrap();
    assert!(told.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{told}");
    assert!(
        told.ends_with("this port speaks TLS: ask with https://\n"),
        "{told}"
    );
    rig.counted("handshakes_plain_http", 1);
    assert_eq!(rig.fetch(&["--http2"], &rig.secure("/livez")).0, "2 200");
}

#[test]
fn a_handshake_that_stands_still_ends_after_ten_seconds() {
    let rig = Rig::start();
    let config = trusting(&rig.certificate);
    let host = ServerName::try_from("localhost").expect("a name");
    let mut session = ClientConnection::new(config, host).unwrap();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let half = &hello[..hello.len() / 2];
    for (bytes, what) in [(half, "half a hello"), (&hello, "no answer to ours")] {
        let (_, waited) = timed(|| answer(&rig, bytes));
        println!("{what}: closed after {waited:?}");
        assert!((9..14).contains(&waited.as_secs()), "{waited:?}");
    }
    rig.counted("handshakes_timed_out", 2);
}

#[test]
fn a_client_that_trusts_somebody_else_is_counted_as_such() {
    let rig = Rig::start();
    rig.trust(&Certificate::issue(&["localhost"]));
    let status = rig
        .curl()
        .arg(rig.secure("/livez"))
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(60));
    rig.counted("handshakes_rejected", 1);
}

#[test]
fn connections_that_have_not_begun_do_not_hold_up_the_end() {
    let rig = Rig::start();
    let silent = connect(&rig);
    let mut begun = connect(&rig);
    begun.write_all(b"\x16\x03\x01").unwrap();
    let (ended, _folder) = rig.daemon.end("TERM", Duration::from_secs(3));
    assert!(ended.status.success(), "{}", ended.output);
    drop((silent, begun));
}
