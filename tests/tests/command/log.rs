//! Where the log goes besides standard error.

use std::{net::UdpSocket, time::Duration};

use weir_tests::{daemon::Daemon, http};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// The next message in which `words` stand.
fn message_with(server: &UdpSocket, words: &str) -> String {
    let mut datagram = [0; 4_096];
    loop {
        let bytes = server.recv(&mut datagram).expect("a message in time");
        let message = String::from_utf8_lossy(&datagram[..bytes]).into_owned();
        if message.contains(words) {
            return message;
        }
    }
}

#[test]
fn an_alarm_goes_to_a_syslog_server_with_its_severity_and_its_data() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = server.local_addr().expect("an address");
    let daemon = Daemon::start(&format!(
        "[log.syslog]\naddress = \"{address}\"\n[alarm]\nboot_inhibit = \"0s\"\n\
         [[channel]]\nid = \"CH_1\"\n[[channel.rendition]]\nname = \"HD\"\n\
         sources = [\"udp://239.255.83.12:5000\"]\ninterface = \"lo\"\n"
    ));
    let message = message_with(&server, "alarm raised: no transport packet");
    // The alert of RFC 5674, by a daemon.
    assert!(message.starts_with("<25>1 2"), "{message}");
    let data = " box weir - - [alarm@32473 kind=\"ingest-down\" resource=\"channel/CH_1/HD\" \
                severity=\"critical\" state=\"raised\" sequence=\"";
    assert!(message.contains(data), "{message}");
    drop(daemon);
}

#[test]
fn the_log_is_kept_and_goes_to_a_syslog_server() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = server.local_addr().expect("an address");
    let daemon = Daemon::start(&format!(
        "[log.syslog]\naddress = \"{address}\"\n[[origin]]\nname = \"o\"\n\
         urls = [\"http://127.0.0.1:9\"]\n[[route]]\npath = \"/vod/\"\norigin = [\"o\"]\n"
    ));
    let message = message_with(&server, " running ");
    assert!(message.starts_with("<30>1 2"), "{message}");
    let expected = " box weir - - - running node=box channels=0";
    assert!(message.ends_with(expected), "{message}");
    let log = http::get(&daemon.management("/api/v1/log")).expect("an answer");
    let log = log.json();
    let events = log["events"].as_array().expect("a list");
    let running = events.iter().find(|event| event["message"] == "running");
    let running = running.unwrap_or_else(|| panic!("nothing runs: {log}"));
    assert_eq!(running["fields"]["node"], "box");
    assert_eq!(running["level"], "INFO");
}
