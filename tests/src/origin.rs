//! An origin whose every answer a test writes, down to where it breaks off.

use std::{
    fmt::{self, Debug},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Longest wait for a gate, and for a client to send or take anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// Header fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of the first field called `name` (lower case).
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first and the last byte of a `Range: bytes=first-last`; the last is absent if it is.
    pub fn range(&self) -> Option<(usize, Option<usize>)> {
        let (first, last) = self
            .field("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()))
    }
}

/// A door that opens once, and stays open.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Opens it.
    pub fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let waiting = opened.wait_timeout_while(lock(is_open), DEADLINE, |is_open| !*is_open);
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }
}

/// One step of an answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes as they are.
    Send(Vec<u8>),
    /// Goes on when the gate is open.
    Wait(Gate),
    /// Goes on after a while.
    Pause(Duration),
    /// Closes the connection.
    Close,
}

/// An answer: its steps, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Reply(Vec<Step>);

impl Reply {
    /// An answer of `status` with these fields and all of `body`.
    pub fn new(status: u16, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len().to_string();
        let has_length = status != 204 && status != 304;
        let own = [("Content-Length", length.as_str())];
        let own = if has_length { &own[..] } else { &[] };
        Self::head(status, &[fields, own].concat()).send(body)
    }

    /// The head of an answer with these fields and no others.
    pub fn head(status: u16, fields: &[(&str, &str)]) -> Self {
        let fields = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let fields: String = fields.collect();
        Self::default().send(format!("HTTP/1.1 {status} Status\r\n{fields}\r\n"))
    }

    /// No answer: the connection is closed.
    pub fn none() -> Self {
        Self::default().close()
    }

    /// Then sends these bytes.
    #[must_use]
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// Then goes on when `gate` is open.
    #[must_use]
    pub fn wait(mut self, gate: &Gate) -> Self {
        self.0.push(Step::Wait(gate.clone()));
        self
    }

    /// Then goes on after a while.
    #[must_use]
    pub fn pause(mut self, span: Duration) -> Self {
        self.0.push(Step::Pause(span));
        self
    }

    /// Then goes on with the steps of `reply`.
    #[must_use]
    pub fn then(mut self, reply: Self) -> Self {
        self.0.extend(reply.0);
        self
    }

    /// Then closes the connection.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.0.push(Step::Close);
        self
    }
}

impl Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Origin({})", self.address)
    }
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

/// An origin on loopback. Dropping it closes its port and its connections.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    arrived: Condvar,
    connections: Mutex<Vec<TcpStream>>,
    is_down: AtomicBool,
}

impl Origin {
    /// Answers each request as `script` says.
    pub fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script)
    }

    /// The same at an address of the caller's choice.
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("nobody else listens there");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            arrived: Condvar::new(),
            connections: Mutex::default(),
            is_down: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || serving.accept(&listener));
        Self { address, shared }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that have come, in order.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Waits until `count` requests have come.
    ///
    /// # Panics
    /// When they do not.
    pub fn wait_for(&self, count: usize) {
        let seen = lock(&self.shared.seen);
        let waiting = self
            .shared
            .arrived
            .wait_timeout_while(seen, DEADLINE, |seen| seen.len() < count);
        let (seen, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        assert!(seen.len() >= count, "only {} requests came", seen.len());
    }

    /// Breaks all connections, and every one that comes from now on.
    pub fn go_down(&self) {
        self.shared.is_down.store(true, Ordering::SeqCst);
        for connection in lock(&self.shared.connections).drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.go_down();
        // Wakes the thread that accepts, which then ends.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            if self.is_down.load(Ordering::SeqCst) {
                // The thread goes on only as long as somebody may still come up.
                if Arc::strong_count(&self) == 1 {
                    return;
                }
                continue;
            }
            let kept = stream.try_clone().expect("a descriptor");
            lock(&self.connections).push(kept);
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.converse(stream));
        }
    }

    fn converse(&self, mut stream: TcpStream) {
        let deadline = Some(DEADLINE);
        let is_set = stream.set_read_timeout(deadline).is_ok()
            && stream.set_write_timeout(deadline).is_ok()
            && stream.set_nodelay(true).is_ok();
        assert!(is_set, "a socket takes deadlines");
        let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        while let Some(seen) = read_request(&mut reader) {
            lock(&self.seen).push(seen.clone());
            self.arrived.notify_all();
            for step in (self.script)(&seen).0 {
                match step {
                    Step::Send(bytes) if stream.write_all(&bytes).is_ok() => {}
                    Step::Wait(gate) => gate.pass(),
                    Step::Pause(span) => thread::sleep(span),
                    Step::Send(_) | Step::Close => {
                        drop(stream.shutdown(Shutdown::Both));
                        return;
                    }
                }
            }
        }
    }
}

/// One request; `None` if the connection ends before it is whole.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).ok().filter(|read| *read > 0);
        read?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let (request, fields) = lines.split_first()?;
    let mut words = request.split(' ');
    let fields = fields.iter().filter_map(|line| line.split_once(':'));
    let mut seen = Seen {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        fields: fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    };
    if seen.field("transfer-encoding").is_some() {
        seen.body = read_chunks(reader)?;
    } else if let Some(length) = seen.field("content-length") {
        seen.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut seen.body).ok()?;
    }
    Some(seen)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        chunk.truncate(length);
        body.append(&mut chunk);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
