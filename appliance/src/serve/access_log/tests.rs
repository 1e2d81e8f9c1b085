//! Lines from the request to the file, on a simulated machine.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{StatusCode, header::HeaderValue};
use proptest::prelude::*;
use weir_hal::{Access, Disk as _, Wall, sim::Simulation};

use super::*;

const LOG: &str = "/log/access";

/// 2026-01-01T00:00:00.250Z
const NOW: Wall = Wall::from_nanos(1_767_225_600_250_000_000);

struct Rig {
    machine: Simulation,
    log: Arc<AccessLog>,
}

impl Rig {
    fn start(format: LogFormat, sample: u64) -> Self {
        let machine = Simulation::new(1);
        machine.clock.set_wall(NOW);
        let settings = config::AccessLog {
            target: LogTarget::File(LOG.into()),
            format,
            sample,
            ..config::AccessLog::default()
        };
        let board = machine.board();
        let log = AccessLog::open(&settings, board.disk, board.clock).expect("a thread");
        Self {
            machine,
            log: Arc::new(log),
        }
    }

    /// Has a request logged whose body is read as far as `read` says.
    async fn request(&self, request: Request<()>, response: Response<Body>, read: usize) {
        let client = Client {
            address: "[::ffff:203.0.113.7]:4711".parse().expect("an address"),
            is_encrypted: true,
            interim: None,
        };
        let told = self.log.begin(&request, &client);
        self.machine.clock.advance(Duration::from_micros(1_500));
        let mut response = told.answered(response);
        for _ in 0..read {
            drop(response.body_mut().frame().await);
        }
    }

    fn lines(&self) -> String {
        assert!(self.log.flush(Duration::from_secs(10)), "the disk is idle");
        let file = self.machine.disk.open(Path::new(LOG), Access::Read);
        let Ok(file) = file else {
            return String::new();
        };
        let mut bytes = vec![0; usize::try_from(file.bytes().expect("room")).expect("a length")];
        file.read_at(&mut bytes, 0).expect("a flawless disk");
        String::from_utf8(bytes).expect("lines are UTF-8")
    }
}

fn request(uri: &str) -> Request<()> {
    let player = HeaderValue::from_bytes(b"player \"1\"\\\xe9").expect("a field value");
    let request = Request::builder().uri(uri).header("host", "edge");
    let request = request.header("user-agent", player).body(());
    request.unwrap_or_else(|_no_uri| Request::new(()))
}

fn response(body: &'static str) -> Response<Body> {
    let response = Response::builder().header("cache-status", "edge; hit");
    let body = Body::document(Bytes::from_static(body.as_bytes()));
    response.body(body).expect("a response")
}

#[tokio::test]
async fn a_json_line_tells_what_is_known() {
    let rig = Rig::start(LogFormat::Json, 1);
    let uri = "/a.ts?sig=abc&CMCD=br%3D3200,ot%3Dv";
    rig.request(request(uri), response("12345"), 2).await;
    assert_eq!(
        rig.lines(),
        "{\"time\":\"2026-01-01T00:00:00.250Z\",\"client\":\"203.0.113.7\",\"method\":\"GET\",\
         \"scheme\":\"https\",\"host\":\"edge\",\"uri\":\"/a.ts?sig=***&CMCD=br%3D3200,ot%3Dv\",\
         \"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":5,\"complete\":true,\
         \"duration_ms\":1.5,\"cache\":\"edge; hit\",\
         \"user_agent\":\"player \\\"1\\\"\\\\\u{fffd}\",\
         \"cmcd\":{\"br\":3200,\"ot\":\"v\"}}\n"
    );
}

#[tokio::test]
async fn the_other_formats_are_those_of_apache() {
    let rig = Rig::start(LogFormat::Common, 1);
    rig.request(request("/a.ts"), response("12345"), 1).await;
    rig.request(request("/a.ts"), response(""), 0).await;
    let begin = "203.0.113.7 - - [01/Jan/2026:00:00:00 +0000] \"GET /a.ts HTTP/1.1\" 200";
    assert_eq!(rig.lines(), format!("{begin} 5\n{begin} -\n"));
    let rig = Rig::start(LogFormat::Combined, 1);
    rig.request(request("/a.ts"), response("12345"), 1).await;
    let end = r#"5 "-" "player \x221\x22\x5c\xef\xbf\xbd""#;
    assert_eq!(rig.lines(), format!("{begin} {end}\n"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_complete() {
    let rig = Rig::start(LogFormat::Json, 1);
    rig.request(request("/a"), response("12345"), 0).await;
    let mut denied = response("");
    *denied.status_mut() = StatusCode::FORBIDDEN;
    rig.request(request("/b"), denied, 0).await;
    let lines = rig.lines();
    let told: Vec<&str> = lines.lines().collect();
    assert!(
        told[0].contains("\"bytes\":0,\"complete\":false"),
        "{lines}"
    );
    assert!(
        told[1].contains("\"status\":403,\"bytes\":0,\"complete\":true"),
        "{lines}"
    );
}

#[tokio::test]
async fn one_request_of_a_sample_is_logged() {
    let rig = Rig::start(LogFormat::Common, 10);
    for number in 0..25 {
        let uri = format!("/{number}");
        rig.request(request(&uri), response(""), 0).await;
    }
    let lines = rig.lines();
    let told = lines.lines().filter_map(|line| line.split('"').nth(1));
    let uris: Vec<&str> = told.collect();
    assert_eq!(
        uris,
        ["GET /0 HTTP/1.1", "GET /10 HTTP/1.1", "GET /20 HTTP/1.1"]
    );
}

/// A disk that takes nothing until it is told to.
struct Stuck(Receiver<()>);

impl io::Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The sender gone means the same as its word.
        self.0.recv().unwrap_or_default();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_hangs_costs_lines_and_not_time() {
    let (release, stuck) = sync_channel(1);
    let sink = Sink::start(Stuck(stuck)).expect("a thread");
    let line = [b'x'; 1_024];
    for _ in 0..4_096 {
        sink.push(&line);
    }
    let dropped = sink.counters().read().lines_dropped;
    assert!((2_048..=3_072).contains(&dropped), "{dropped}");
    assert!(!sink.flush(Duration::from_millis(1)));
    drop(release);
    assert!(sink.flush(Duration::from_secs(10)));
    assert_eq!(sink.counters().read().lines_written + dropped, 4_096);
    sink.close();
}

#[tokio::test]
async fn a_disk_that_refuses_lines_loses_them_and_is_tried_again() {
    let rig = Rig::start(LogFormat::Common, 1);
    rig.machine.disk.set_bytes_free(0);
    rig.request(request("/lost"), response(""), 0).await;
    assert!(rig.log.flush(Duration::from_secs(10)));
    rig.machine.disk.set_bytes_free(1 << 20);
    rig.request(request("/kept"), response(""), 0).await;
    assert!(rig.lines().contains("/kept"));
    let counters = rig.log.counters();
    assert_eq!((counters.lines_written, counters.lines_lost), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_client_can_forge_a_line(field: Vec<u8>, path in "/[ -~]{0,30}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for format in [LogFormat::Json, LogFormat::Combined] {
            let rig = Rig::start(format, 1);
            let mut request = request(&path);
            if let Ok(value) = HeaderValue::from_bytes(&field) {
                request.headers_mut().insert("user-agent", value.clone());
                request.headers_mut().insert("referer", value);
            }
            runtime.block_on(rig.request(request, response(""), 0));
            let lines = rig.lines();
            prop_assert_eq!(lines.matches('\n').count(), 1);
            let line = lines.trim_end_matches('\n');
            prop_assert!(line.bytes().all(|byte| byte >= b' '));
            match format {
                LogFormat::Json => {
                    let told: serde_json::Value = serde_json::from_str(line).expect("JSON");
                    prop_assert_eq!(&told["status"], 200);
                }
                LogFormat::Common | LogFormat::Combined => {
                    prop_assert_eq!(line.matches('"').count(), 6);
                }
            }
        }
    }
}
