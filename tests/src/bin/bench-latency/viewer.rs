//! A viewer of one channel: waits for each segment, and takes it as soon as it is listed.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use weir_tests::http::{self, Response};

use crate::{
    clip::{Clip, Cut, first_pts_90k},
    figures::Figures,
    pace::Notice,
};

/// Between two looks at a list.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// After so long a segment does not come any more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for a single read.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for the segments that `notices` tell of, until the clip ends, and has `await_segment` say
/// when the one that begins at some PTS could be had. Counts those that end after `counted`.
pub(crate) fn watch(
    clip: &Clip,
    counted: Instant,
    notices: &Receiver<Notice>,
    mut await_segment: impl FnMut(Cut) -> Result<Option<Instant>, String>,
) -> Result<Figures, String> {
    let (mut figures, mut last, mut had) = (Figures::default(), None, None);
    for notice in notices {
        match notice {
            Notice::Last(index, at) => {
                let cut = clip.cuts.get(index).ok_or("a cut of the clip")?;
                last = Some((index, at));
                had = await_segment(*cut)?.map(|had| (index, had));
            }
            Notice::Told(index, told) => {
                let (Some((_, last)), Some((_, had))) = (
                    last.filter(|(last, _)| *last == index),
                    had.filter(|(had, _)| *had == index),
                ) else {
                    continue;
                };
                if last >= counted {
                    figures.push(had - last, had.saturating_duration_since(told));
                }
            }
        }
    }
    Ok(figures)
}

/// A viewer of Weir.
#[derive(Debug)]
pub(crate) struct Weir {
    host: String,
    path: String,
    notices: Receiver<Notice>,
}

impl Weir {
    /// Of the list at `url`.
    pub(crate) fn new(url: &str, notices: Receiver<Notice>) -> Self {
        let rest = url.trim_start_matches("http://");
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self {
            host: host.to_owned(),
            path: path.to_owned(),
            notices,
        }
    }

    /// Watches to the end of the clip.
    pub(crate) fn watch(self, clip: &Clip, counted: Instant) -> Result<Figures, String> {
        let mut connection = Connection::open(&self.host).map_err(|error| error.to_string())?;
        let mut seen = String::new();
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        watch(clip, counted, &self.notices, |cut| {
            let begun = Instant::now();
            loop {
                let list = connection.get(&self.path)?;
                if list.status == 404 && seen.is_empty() {
                    // Not on air yet.
                    return Ok(None);
                }
                let newest = newest(&list.text());
                let is_new = newest != seen;
                seen = newest;
                let segment = is_new.then(|| connection.get(&format!("{folder}/{seen}")));
                let segment = segment.transpose()?;
                let had = Instant::now();
                match segment.map(|segment| (segment.status, first_pts_90k(&segment.body))) {
                    Some((200, Some(begins))) if begins == cut.begins_90k => return Ok(Some(had)),
                    // One from before it was on air.
                    Some((200, Some(begins))) if begins < cut.begins_90k => {}
                    Some((status, begins)) => {
                        return Err(format!("{seen}: {status}, {begins:?} for {cut:?}"));
                    }
                    None => {}
                }
                if begun.elapsed() > PATIENCE {
                    return Err(format!("nothing is listed behind {seen} for {cut:?}"));
                }
                thread::sleep(LOOK);
            }
        })
    }
}

/// The last URI of a list; empty without one.
pub(crate) fn newest(list: &str) -> String {
    let mut uris = list.lines().filter(|line| !line.starts_with('#'));
    uris.next_back().unwrap_or_default().to_owned()
}

/// A connection that asks one request after the other.
struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(host: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self {
            stream,
            host: host.to_owned(),
            buffer: vec![0; 1 << 20],
        })
    }

    fn get(&mut self, path: &str) -> Result<Response, String> {
        self.ask(path).map_err(|error| format!("{path}: {error}"))
    }

    fn ask(&mut self, path: &str) -> Result<Response, http::Failure> {
        let host = &self.host;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let mut filled = 0;
        let mut whole = None;
        while whole.is_none_or(|whole| filled < whole) {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            filled += match self.stream.read(room)? {
                0 => return Err("the connection has ended".into()),
                count => count,
            };
            let read = self.buffer.get(..filled).unwrap_or_default();
            whole = whole.or_else(|| length(read));
        }
        http::parse(self.buffer.get(..filled).unwrap_or_default(), false)
    }
}

/// Bytes of the answer that begins with `bytes`, once its head is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(bytes.get(..end)?).to_lowercase();
    let mut fields = head.lines();
    let length = fields.find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length?.trim().parse().ok()?;
    Some(end + length)
}
