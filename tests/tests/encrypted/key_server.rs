//! A key server: TLS, HTTP/1.1, and a key for each number, unless it is told to fail.

use std::{
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use weir_tests::certificate::Certificate;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// With keys.
    Well,
    /// With 503.
    Down,
    /// With 17 bytes.
    Long,
    /// With a redirect to the key.
    Elsewhere,
}

pub(crate) struct KeyServer {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    mood: AtomicU8,
    heads: Mutex<Vec<String>>,
}

/// The key that it gives for `path`.
pub(crate) fn key_of(path: &str) -> [u8; 16] {
    let mut key = [0x5A_u8; 16];
    for (index, byte) in path.bytes().enumerate() {
        key[index % 16] = key[index % 16].rotate_left(3) ^ byte;
    }
    key
}

impl KeyServer {
    /// Starts one on a free port of localhost, whose certificate it writes to `root`.
    pub(crate) fn start(root: &Path, mood: Mood) -> Self {
        let certificate = Certificate::issue(&["localhost"]);
        std::fs::write(root, &certificate.certificate).expect("the folder can be written");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket of ours");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared::default());
        let server = Self {
            port,
            shared: Arc::clone(&shared),
        };
        server.be(mood);
        // Ends with the process.
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime")
                .block_on(serve(listener, certificate, shared));
        });
        server
    }

    /// Answers like this from now on.
    pub(crate) fn be(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().expect("nobody panicked").clone()
    }
}

#[expect(clippy::infinite_loop, reason = "it ends with the process")]
async fn serve(listener: TcpListener, certificate: Certificate, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks them")
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("PEM")], key.expect("PEM"));
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a pair")));
    loop {
        let (stream, _) = listener.accept().await.expect("a listener");
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                while answer(&mut stream, &shared).await.is_some() {}
            }
        });
    }
}

/// Answers one request; `None` at the end of the connection.
async fn answer<S>(stream: &mut S, shared: &Shared) -> Option<()>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    shared.heads.lock().expect("nobody panicked").push(head);
    let key = key_of(&path);
    let mood = shared.mood.load(Ordering::Relaxed);
    let (status, body) = match mood {
        mood if mood == Mood::Well as u8 => ("200 OK", key.to_vec()),
        mood if mood == Mood::Long as u8 => ("200 OK", [&key[..], b"\n"].concat()),
        mood if mood == Mood::Elsewhere as u8 => ("302 Found\r\nLocation: /", key.to_vec()),
        _ => ("503 Service Unavailable", Vec::new()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.write_all(&body).await.ok()?;
    stream.flush().await.ok()
}
