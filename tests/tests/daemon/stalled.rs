//! Clients that ask for a lot and take nothing.

use std::{
    error::Error,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    cached::{bytes, fill},
    daemon::{Daemon, free_port},
    http,
    process::anonymous_bytes,
    wait::until,
};

const SEGMENT: &str = "/live/CH/CH_HD/segment-1.ts";
const SEGMENT_BYTES: usize = 10_000_000;
const CLIENTS: u64 = 100;
/// What a stalled client may cost beyond its socket: buffers and state of its connection, but not
/// 256 KiB of what it has not taken.
const CLIENT_BYTES_MAX: u64 = 48 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for the segment and takes the first byte of the answer.
fn ask(url: &str) -> Result<TcpStream, Box<dyn Error>> {
    let rest = url.strip_prefix("http://").ok_or("no URL")?;
    let (address, _path) = rest.split_once('/').ok_or("no path")?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {SEGMENT} HTTP/1.1\r\nHost: box\r\n\r\n").as_bytes())?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

#[test]
fn a_hundred_clients_that_take_nothing_cost_no_memory_for_what_they_do_not_take() {
    let folder = TempDir::new().unwrap();
    let segment = bytes(SEGMENT_BYTES);
    fill(folder.path(), &[(SEGMENT, &segment)]);
    let channel = format!(
        "[[channel]]\nid = \"CH\"\n[[channel.rendition]]\nname = \"HD\"\n\
         sources = [\"udp://239.255.84.1:{}\"]\ninterface = \"lo\"\n",
        free_port()
    );
    let daemon = Daemon::start_in(folder, &channel);
    let url = daemon.data(SEGMENT);
    assert!(http::get(&url).unwrap().body == segment);
    let process = daemon.process().id();
    let before = anonymous_bytes(process);
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| ask(&url).unwrap()).collect();
    // The highest of many looks, while the kernel's buffers fill.
    let (mut looks, mut most) = (0, 0);
    until("a hundred looks", PATIENCE, || {
        looks += 1;
        most = anonymous_bytes(process).max(most);
        (looks == 100).then_some(())
    });
    let each = most.saturating_sub(before) / CLIENTS;
    println!("{CLIENTS} stalled clients: {each} bytes of memory each");
    assert!(each < CLIENT_BYTES_MAX, "{each} bytes each");
    drop(clients);
    assert!(http::get(&url).unwrap().body == segment);
}
