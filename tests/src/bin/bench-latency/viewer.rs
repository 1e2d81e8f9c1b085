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
const LOOK: Duration = Duration::from_millis(1);

/// After so long a segment does not come any more.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for a single read.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a look at a list has found.
#[derive(Debug)]
pub(crate) enum Look {
    /// No list.
    Absent,
    /// Nothing new.
    Old,
    /// A segment: the PTS of its first picture, and when all of it was there.
    New(u64, Instant),
}

/// Waits for the segments that `notices` tell of, until the clip ends, by `look`. Counts those that
/// end after `counted`.
pub(crate) fn watch(
    clip: &Clip,
    counted: Instant,
    notices: &Receiver<Notice>,
    mut look: impl FnMut() -> Result<Look, String>,
) -> Result<Figures, String> {
    let (mut figures, mut last, mut had) = (Figures::default(), None, None);
    for notice in notices {
        match notice {
            Notice::Last(index, at) => {
                let cut = clip.cuts.get(index).ok_or("a cut of the clip")?;
                last = Some((index, at));
                had = await_segment(*cut, &mut look)?.map(|had| (index, had));
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

/// Looks until the segment that ends at `cut` is there. `None` while nothing is on air, or when
/// the next one has come already.
fn await_segment(
    cut: Cut,
    look: &mut impl FnMut() -> Result<Look, String>,
) -> Result<Option<Instant>, String> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match look()? {
            Look::Absent => return Ok(None),
            Look::New(begins, had) if begins == cut.begins_90k => return Ok(Some(had)),
            Look::New(begins, _) if begins > cut.begins_90k => return Ok(None),
            Look::New(..) | Look::Old => thread::sleep(LOOK),
        }
    }
    Err(format!("nothing is listed for {cut:?}"))
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
        watch(clip, counted, &self.notices, || {
            let list = connection.get(&self.path)?;
            if list.status == 404 {
                return Ok(Look::Absent);
            }
            let newest = newest(&list.text());
            if newest == seen {
                return Ok(Look::Old);
            }
            let segment = connection.get(&format!("{folder}/{newest}"))?;
            let had = Instant::now();
            seen = newest;
            let begins = first_pts_90k(&segment.body).filter(|_| segment.status == 200);
            let begins = begins.ok_or_else(|| format!("{seen}: {}", segment.status))?;
            Ok(Look::New(begins, had))
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
