use std::{path::Path, sync::Arc, time::Duration};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::oneshot,
    time::{Instant, sleep},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, SignatureScheme,
        pki_types::{CertificateDer, ServerName},
    },
};
use weir_hal::{Access, Disk, sim};

use super::{CertificateError, Certificates, PairError, Tls, pair::provider};
use crate::serve::{CounterCells, Counters};

const DIRECTORY: &str = "/etc/weir/tls";
const SEED: u64 = 11;

/// A certificate for some hosts, in PEM.
struct Issued {
    der: CertificateDer<'static>,
    certificate: String,
    key: String,
}

fn issue(hosts: &[&str]) -> Issued {
    issue_by(&PKCS_ECDSA_P256_SHA256, hosts)
}

fn issue_by(algorithm: &'static rcgen::SignatureAlgorithm, hosts: &[&str]) -> Issued {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let certificate = CertificateParams::new(hosts)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    Issued {
        der: certificate.der().clone(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

fn disk() -> sim::Disk {
    let disk = sim::Disk::new(SEED);
    disk.create_directory(Path::new(DIRECTORY)).unwrap();
    disk
}

fn put(disk: &sim::Disk, name: &str, text: &str) {
    let file = disk
        .open(&Path::new(DIRECTORY).join(name), Access::Create)
        .unwrap();
    file.write_at(text.as_bytes(), 0).unwrap();
}

fn put_pair(disk: &sim::Disk, name: &str, issued: &Issued) {
    put(disk, &format!("{name}.crt"), &issued.certificate);
    put(disk, &format!("{name}.key"), &issued.key);
}

fn read(disk: &sim::Disk) -> super::Reading {
    Certificates::read(disk, Path::new(DIRECTORY)).unwrap()
}

fn broken(disk: &sim::Disk) -> String {
    let broken = read(disk).broken;
    assert_eq!(broken.len(), 1, "{broken:?}");
    broken[0].to_string()
}

const ALL_SCHEMES: [SignatureScheme; 2] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
];

fn shown(certificates: &Certificates, host: Option<&str>) -> CertificateDer<'static> {
    let key = certificates.choose(host, &ALL_SCHEMES);
    key.expect("a certificate is shown").cert[0].clone()
}

#[test]
fn the_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let disk = disk();
    let [first, exact, wild] = [
        &["first"][..],
        &["tv.box.example", "TV2.box.example"],
        &["*.box.example"],
    ]
    .map(issue);
    put_pair(&disk, "a", &first);
    put_pair(&disk, "b", &wild);
    put_pair(&disk, "c", &exact);
    let certificates = read(&disk).certificates;
    for (host, issued) in [
        (Some("tv.box.example"), &exact),
        (Some("tv2.BOX.example"), &exact),
        (Some("tv3.box.example"), &wild),
        (Some("a.tv3.box.example"), &first),
        (Some("box.example"), &first),
        (Some("nobody"), &first),
        (None, &first),
    ] {
        assert_eq!(shown(&certificates, host), issued.der, "{host:?}");
    }
}

#[test]
fn of_two_certificates_for_a_name_the_client_gets_the_one_it_can_check() {
    let disk = disk();
    let (ecdsa, ed25519) = (issue(&["tv"]), issue_by(&PKCS_ED25519, &["tv"]));
    put_pair(&disk, "a", &ecdsa);
    put_pair(&disk, "b", &ed25519);
    let certificates = read(&disk).certificates;
    for (scheme, issued) in ALL_SCHEMES.into_iter().zip([&ecdsa, &ed25519]) {
        let key = certificates.choose(Some("tv"), &[scheme]).unwrap();
        assert_eq!(key.cert[0], issued.der);
    }
}

#[test]
fn a_directory_without_a_pair_is_refused_with_the_remedy() {
    let disk = disk();
    let refused = || read(&disk).usable().unwrap_err().to_string();
    let wanted = "there is no NAME.crt with its NAME.key in /etc/weir/tls: put both there, in PEM";
    assert_eq!(refused(), wanted);
    put(&disk, "a.crt", &issue(&["tv"]).certificate);
    assert_eq!(refused(), "no certificate in /etc/weir/tls is usable");
    let absent = Certificates::read(&disk, Path::new("/nowhere")).unwrap_err();
    assert!(
        matches!(absent, CertificateError::Directory { .. }),
        "{absent}"
    );
}

#[test]
fn what_is_wrong_with_a_pair_is_named_and_the_others_are_taken() {
    let disk = disk();
    put_pair(&disk, "good", &issue(&["tv"]));
    let (one, other) = (issue(&["one"]), issue(&["other"]));
    put(&disk, "a.key", &one.key);
    assert_eq!(
        broken(&disk),
        "/etc/weir/tls/a.key has no /etc/weir/tls/a.crt beside it: add it"
    );
    put(&disk, "a.crt", &other.certificate);
    let text = "/etc/weir/tls/a.key is not the key of /etc/weir/tls/a.crt: \
                give the one it was made for";
    assert_eq!(broken(&disk), text);
    put(
        &disk,
        "a.crt",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    assert!(broken(&disk).starts_with("/etc/weir/tls/a.crt holds no chain of certificates"));
    put(&disk, "a.crt", &one.certificate);
    put(&disk, "a.key", &one.certificate);
    assert!(broken(&disk).starts_with("/etc/weir/tls/a.key holds no usable private key"));
    put(&disk, "a.key", &"x".repeat(70_000));
    assert!(broken(&disk).starts_with("/etc/weir/tls/a.key is longer than 65536 bytes"));
    assert_eq!(read(&disk).certificates.pairs().len(), 1);
    put(&disk, "a.key", &one.key);
    assert_eq!(read(&disk).certificates.pairs().len(), 2);
}

#[test]
fn no_text_about_a_pair_holds_its_key() {
    let disk = disk();
    let issued = issue(&["tv"]);
    put_pair(&disk, "a", &issued);
    let tls = open(&disk);
    let secret = issued.key.lines().nth(1).unwrap();
    let told = format!("{tls:?} {:?} {:?}", tls.certificates(), read(&disk));
    assert!(
        !told.contains(secret) && told.contains("Pair(a: tv)"),
        "{told}"
    );
    let mismatch = PairError::NoKey {
        file: "a.key".into(),
    };
    assert!(!format!("{mismatch:?}").contains(secret));
}

fn deadline() -> Instant {
    Instant::now() + Tls::HANDSHAKE_WAIT
}

fn open(disk: &sim::Disk) -> Arc<Tls> {
    let clock = Arc::new(sim::Clock::jumping());
    Arc::new(Tls::open(Arc::new(disk.clone()), clock, Path::new(DIRECTORY)).unwrap())
}

/// What a client that trusts `root` alone gets for its hello to `host`.
async fn connect(
    io: DuplexStream,
    root: &Issued,
    host: &str,
    alpn: &[&[u8]],
) -> std::io::Result<tokio_rustls::client::TlsStream<DuplexStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|one| one.to_vec()).collect();
    let host = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(host, io).await
}

/// A handshake of a client with `tls`; whether it succeeds, and what is counted.
async fn shake(tls: &Tls, root: &Issued, host: &str, alpn: &[&[u8]]) -> (bool, Counters) {
    let (near, far) = duplex(64 << 10);
    let counters = CounterCells::default();
    let (served, client) = tokio::join!(
        tls.handshake(far, &[], deadline(), &counters),
        connect(near, root, host, alpn)
    );
    assert_eq!(served.is_some(), client.is_ok());
    (served.is_some(), counters.read())
}

#[tokio::test]
async fn a_handshake_agrees_on_the_better_protocol_and_carries_bytes_both_ways() {
    let disk = disk();
    let issued = issue(&["tv"]);
    put_pair(&disk, "a", &issued);
    let (tls, counters) = (open(&disk), CounterCells::default());
    for (alpn, is_http2) in [
        (&[b"http/1.1".as_slice(), b"h2"][..], true),
        (&[b"http/1.1"], false),
        (&[], false),
    ] {
        let (near, far) = duplex(1 << 10);
        let (served, client) = tokio::join!(
            tls.handshake(far, &[], deadline(), &counters),
            connect(near, &issued, "tv", alpn)
        );
        let (mut served, mut client) = (served.unwrap(), client.unwrap());
        assert_eq!(served.is_http2(), is_http2);
        let mut heard = [0; 4];
        client.write_all(b"ask!").await.unwrap();
        served.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ask!");
        served.write_all(b"told").await.unwrap();
        served.flush().await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"told");
    }
    assert_eq!(counters.read().handshakes, 3);
}

#[tokio::test]
async fn handshakes_that_fail_are_counted_by_their_kind() {
    let disk = disk();
    let (issued, stranger) = (issue(&["tv"]), issue(&["tv"]));
    put_pair(&disk, "a", &issued);
    let tls = open(&disk);
    let (_, counters) = shake(&tls, &issued, "tv", &[b"spdy/1"]).await;
    assert_eq!(counters.handshakes_incompatible, 1);
    let (near, far) = duplex(64 << 10);
    let cells = CounterCells::default();
    let (served, client) = tokio::join!(
        tls.handshake(far, &[], deadline(), &cells),
        connect(near, &stranger, "tv", &[])
    );
    assert!(served.is_none() && client.is_err());
    assert_eq!(cells.read().handshakes_rejected, 1);
    let (mut near, far) = duplex(64 << 10);
    near.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
    assert!(tls.handshake(far, &[], deadline(), &cells).await.is_none());
    assert_eq!(cells.read().handshakes_malformed, 1);
    let (near, far) = duplex(64 << 10);
    drop(near);
    assert!(tls.handshake(far, &[], deadline(), &cells).await.is_none());
    assert_eq!(cells.read().handshakes_broken, 1);
    assert_eq!(cells.read().handshakes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up_after_ten_seconds() {
    let disk = disk();
    put_pair(&disk, "a", &issue(&["tv"]));
    let (tls, counters) = (open(&disk), CounterCells::default());
    let (_near, far) = duplex(64 << 10);
    let begun = Instant::now();
    assert!(
        tls.handshake(far, &[], deadline(), &counters)
            .await
            .is_none()
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert_eq!(counters.read().handshakes_timed_out, 1);
}

/// Runs the watch of `tls` while `act` runs.
async fn watched<T>(tls: &Arc<Tls>, act: impl Future<Output = T>) -> T {
    let (stop, stopped) = oneshot::channel::<()>();
    let watch = async {
        tls.watch(async { drop(stopped.await) }).await;
    };
    let ((), outcome) = tokio::join!(watch, async {
        let outcome = act.await;
        drop(stop);
        outcome
    });
    outcome
}

#[tokio::test(start_paused = true)]
async fn new_certificates_are_taken_once_they_stand_still() {
    let disk = disk();
    let (old, new) = (issue(&["tv"]), issue(&["tv"]));
    put_pair(&disk, "a", &old);
    let tls = open(&disk);
    let certificate = || shown(&tls.certificates(), Some("tv"));
    watched(&tls, async {
        put(&disk, "a.crt", &new.certificate);
        sleep(Duration::from_millis(2_500)).await;
        put(&disk, "a.key", &new.key);
        sleep(Duration::from_millis(2_500)).await;
        assert_eq!(certificate(), old.der);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(certificate(), new.der);
        put_pair(&disk, "a", &old);
        tls.look();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(certificate(), old.der);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_breaks_stays_as_it_was_while_others_change() {
    let disk = disk();
    let [a, b, c] = [&["a"][..], &["b"], &["b"]].map(issue);
    put_pair(&disk, "a", &a);
    put_pair(&disk, "b", &b);
    let tls = open(&disk);
    watched(&tls, async {
        put(&disk, "a.key", &b.key);
        put_pair(&disk, "b", &c);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(shown(&tls.certificates(), Some("a")), a.der);
        assert_eq!(shown(&tls.certificates(), Some("b")), c.der);
        for name in ["a.crt", "a.key", "b.crt", "b.key"] {
            disk.remove(&Path::new(DIRECTORY).join(name)).unwrap();
        }
        sleep(Duration::from_secs(5)).await;
        assert_eq!(tls.certificates().pairs().len(), 2);
        put_pair(&disk, "b", &b);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(tls.certificates().pairs().len(), 1);
        assert_eq!(shown(&tls.certificates(), Some("b")), b.der);
    })
    .await;
}
