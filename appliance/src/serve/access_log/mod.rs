//! One line for each request, to a file or standard output.
//!
//! A line is formatted on the thread that serves and copied into a buffer of a bounded size; a
//! thread of its own takes the buffer away once a second, or when it is half full, and writes it.
//! When the disk is slower than the players, lines are dropped and counted, and nobody waits.
//!
//! `entry` knows what is told of a request, `format` how it is written down, `sink` the buffer and
//! the thread, `file` the rotation. [`AccessLog`] brings them together.
//!
//! Source: the Common and Combined Log Formats of NCSA httpd and Apache httpd; JSON lines (RFC
//! 8259, one object on each line). Refuses: secrets. Tokens of ours are gone before a request is
//! logged; parameters that look like those of others are masked. And lines that a client could
//! forge: what is no plain text is escaped.

mod counters;
mod entry;
mod file;
mod format;
mod sink;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{Request, Response};
use weir_hal::{Clock, Disk};

pub use counters::{CounterCells, Counters};

use self::{
    entry::Entry,
    file::{LogFile, Rotation},
    format::line,
    sink::Sink,
};
use crate::{
    config::{self, LogFormat, LogTarget},
    serve::{Again, Body, Client, Repeat, body::Sent},
};

/// Logs requests. Dropping it writes what is left, for a moment.
#[derive(Debug)]
pub struct AccessLog {
    format: LogFormat,
    sample: u64,
    requests: AtomicU64,
    sink: Arc<Sink>,
    clock: Arc<dyn Clock>,
}

impl AccessLog {
    /// Begins a log.
    ///
    /// # Errors
    /// When the system has no room for another thread. A file that cannot be opened is tried again
    /// as long as there are lines.
    pub fn open(
        settings: &config::AccessLog,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let sink = match &settings.target {
            LogTarget::StandardOutput => Sink::start(io::stdout())?,
            LogTarget::File(path) => {
                let rotation = Rotation {
                    path: path.clone(),
                    bytes_max: settings.size.0,
                    files: settings.files,
                };
                Sink::start(LogFile::new(disk, rotation))?
            }
        };
        Ok(Self {
            format: settings.format,
            sample: settings.sample.max(1),
            requests: AtomicU64::new(0),
            sink,
            clock,
        })
    }

    /// What is told of a request. To be called before anybody answers; [`Told::answered`] goes on.
    pub(crate) fn begin<B>(self: &Arc<Self>, request: &Request<B>, client: &Client) -> Told {
        Told {
            is_sampled: self.samples(),
            entry: Entry::of(request, client, &*self.clock),
            log: Arc::clone(self),
        }
    }

    /// Whether the next request is to be logged.
    fn samples(&self) -> bool {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        number.is_multiple_of(self.sample)
    }

    /// What the log has counted.
    pub fn counters(&self) -> Counters {
        self.sink.counters().read()
    }

    /// Waits until what is logged by now is written, no longer than `within`. Returns false if it
    /// is not. Blocks.
    pub fn flush(&self, within: Duration) -> bool {
        self.sink.flush(within)
    }

    fn write(&self, entry: &mut Entry, sent: Sent) {
        entry.end(sent, &*self.clock);
        self.sink.push(&line(self.format, entry));
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.sink.close();
    }
}

/// A request as it is logged, unless it falls through the sample.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    log: Arc<AccessLog>,
    entry: Entry,
    is_sampled: bool,
}

impl Told {
    /// Has the answer logged once its body has been sent, or given up; and each time it is given
    /// again.
    pub(crate) fn answered(mut self, response: Response<Body>) -> Response<Body> {
        let (head, body) = response.into_parts();
        self.entry.answer(&head);
        let mut response = Response::from_parts(head, body);
        Repeat::wrap(&mut response, |behind| ToldAgain {
            told: self.clone(),
            behind,
        });
        response.map(|body| self.watch(body))
    }

    fn watch(self, body: Body) -> Body {
        let Self {
            log,
            mut entry,
            is_sampled,
        } = self;
        if !is_sampled {
            return body;
        }
        body.watched(move |sent| log.write(&mut entry, sent))
    }
}

/// An answer that is logged each time.
#[derive(Debug)]
struct ToldAgain {
    told: Told,
    behind: Repeat,
}

impl Again for ToldAgain {
    fn again(&self, client: &Client) -> Option<Body> {
        let body = self.behind.again(client)?;
        let log = &self.told.log;
        if !log.samples() {
            return Some(body);
        }
        let told = Told {
            log: Arc::clone(log),
            entry: self.told.entry.again(client, &*log.clock),
            is_sampled: true,
        };
        Some(told.watch(body))
    }
}

#[cfg(test)]
mod tests;
