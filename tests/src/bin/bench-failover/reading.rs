//! An origin goes in the middle of bodies that clients read.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use weir_tests::{bench::Outcome, http};

use crate::{
    FAILOVER_MAX, origin,
    rig::{Death, Rig},
};

/// Bodies, and clients that read each.
const BODIES: usize = 5;
const CLIENTS: usize = 10;
/// Half of the time that a body takes.
const HALF: Duration = Duration::from_secs(1);
/// Longest wait for a byte.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a client saw: its longest wait for the next byte, and what came of the body.
struct Read {
    silence: Duration,
    body: Result<Vec<u8>, http::Failure>,
}

/// The nearer of two origins goes.
pub(crate) fn with_another(death: Death) -> Outcome<String> {
    let rig = Rig::start(true)?;
    let mut longest = Duration::ZERO;
    for (path, read) in read_all(&rig, death)? {
        longest = longest.max(read.silence);
        let body = read.body.map_err(|failure| format!("{path}: {failure}"))?;
        if body != origin::body(&path) {
            return Err(format!("{path}: {} bytes that are wrong", body.len()).into());
        }
    }
    // The daemon looks at its counters once a second.
    thread::sleep(Duration::from_secs(2));
    let mended = rig.daemon.health()["routes"][0]["counters"]["fills_mended"].as_u64();
    let mended = mended.unwrap_or_default();
    let figures = format!(
        "{} bodies, 0 failed, all bytes equal; longest silence {:.0} ms; {mended} of {BODIES} \
         fills taken up",
        BODIES * CLIENTS,
        longest.as_secs_f64() * 1e3,
    );
    // Who was not in the midst of a body when the origin went has proved nothing.
    if longest > FAILOVER_MAX || mended < BODIES as u64 {
        return Err(figures.into());
    }
    Ok(figures)
}

/// The only origin is killed, and comes again.
pub(crate) fn alone() -> Outcome<String> {
    let mut rig = Rig::start(false)?;
    let reads = read_all(&rig, Death::Killed)?;
    let broken = reads.iter().filter(|(_, read)| read.body.is_err()).count();
    if broken != BODIES * CLIENTS {
        let whole = BODIES * CLIENTS - broken;
        return Err(format!("{whole} clients were given half a body for a whole one").into());
    }
    rig.revive()?;
    for number in 0..BODIES {
        let path = format!("/long/{number}");
        let response = whole(&rig, &path)?;
        if response.field("x-cache") != Some("MISS from box") {
            return Err(format!("{path}: something of it was kept").into());
        }
        if response.body != origin::body(&path) {
            return Err(format!("{path}: wrong bytes").into());
        }
    }
    Ok(format!(
        "{broken} of {broken} bodies broke visibly; nothing of {BODIES} was kept"
    ))
}

/// Asks until the origin is in use again, which it is a moment after it is back.
fn whole(rig: &Rig, path: &str) -> Outcome<http::Response> {
    let begun = Instant::now();
    loop {
        let response = http::get(&rig.daemon.data(path)).map_err(|failure| failure.to_string())?;
        if response.status == 200 {
            return Ok(response);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{path}: still {}", response.status).into());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Has all clients read, and the nearer origin go when half has come.
fn read_all(rig: &Rig, death: Death) -> Outcome<Vec<(String, Read)>> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..BODIES * CLIENTS)
            .map(|client| {
                let path = format!("/long/{}", client % BODIES);
                scope.spawn(move || (path.clone(), read(rig, &path)))
            })
            .collect();
        thread::sleep(HALF);
        rig.die(death)?;
        let reads = clients.into_iter().map(thread::ScopedJoinHandle::join);
        let reads: Result<Vec<_>, _> = reads.collect();
        reads.map_err(|_panic| "a client panicked".into())
    })
}

fn read(rig: &Rig, path: &str) -> Read {
    let mut silence = Duration::ZERO;
    let body = try_read(rig, path, &mut silence);
    Read { silence, body }
}

fn try_read(rig: &Rig, path: &str, silence: &mut Duration) -> Result<Vec<u8>, http::Failure> {
    let url = rig.daemon.data("");
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let (mut bytes, mut room) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let asked = Instant::now();
        let count = stream.read(&mut room)?;
        *silence = (*silence).max(asked.elapsed());
        if count == 0 {
            return Ok(http::parse(&bytes, false)?.body);
        }
        bytes.extend_from_slice(room.get(..count).unwrap_or_default());
    }
}
