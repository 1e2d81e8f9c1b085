//! What it costs to take channels in, beside others who take in the same: CPU time of the process,
//! user and system, for each GB of payload.
//!
//! One sender at a constant rate for all, on a core of its own. Whoever is measured has the other
//! core, and files in memory, so that no disk is measured. Those who need more of a core than there
//! is get fewer channels: what is compared is the cost of a GB.

pub(crate) mod bare;
pub(crate) mod offload;
mod peers;
pub(crate) mod sender;
mod weir;

use std::{
    fmt::{self, Display},
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use weir_tests::{
    bench::{Outcome, machine},
    process::{Process, peer},
};

use self::sender::{Feed, Sent};

/// Kernel buffer of each group: 160 ms of 50 Mb/s, with bookkeeping of the kernel.
pub(crate) const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
/// Length of what is sent: no pass over it comes to its end.
const FILE_SECONDS: u32 = 10;
/// Over which the beginnings of channels are spread: two segments.
const SPREAD: Duration = Duration::from_secs(2);
/// How long it is tried whether the sender holds a rate.
const REHEARSAL: Duration = Duration::from_secs(5);
/// Where files are in memory.
const MEMORY: &str = "/dev/shm";
/// Clock ticks of a second in `/proc`.
const TICKS: f64 = 100.0;

/// What a usual channel has, in Mb/s: at higher rates everybody takes more by one call.
const USUAL_MEGABITS: u32 = 10;

/// CPU time of a process so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    user: f64,
    system: f64,
}

/// What one of them took.
#[derive(Debug)]
struct Row {
    name: &'static str,
    channels: usize,
    sent: Sent,
    /// Datagrams that it counted itself, if it does.
    received: Option<u64>,
    cpu: Cpu,
}

/// Measures all with channels of `megabits`, and with usual ones, and prints tables.
pub(crate) fn run(channels: usize, megabits: u32, span: Duration) -> Outcome {
    go_before_others();
    let mut megabits = megabits;
    while !measure(channels, megabits, span)? {
        megabits = megabits * 9 / 10;
    }
    measure(channels, USUAL_MEGABITS, span)?;
    Ok(())
}

/// Measures all with channels of `megabits`. False, without having done so, if the sender cannot
/// hold that rate.
fn measure(channels: usize, megabits: u32, span: Duration) -> Outcome<bool> {
    let memory = tempfile::tempdir_in(MEMORY)?;
    let (file, bits_per_second) = make(memory.path(), megabits, span)?;
    let feed = Feed {
        file: &file,
        bits_per_second,
        span,
        spread: SPREAD,
        channels,
        from: Ipv4Addr::LOCALHOST,
        burst: 1,
    };
    let rehearsal = Feed {
        span: REHEARSAL,
        ..feed
    };
    let sent = row_of_bare(&rehearsal, memory.path())?.sent;
    if megabits > USUAL_MEGABITS && !sent.held() {
        let (rate, late) = (millions(bits_per_second), sent.late());
        println!("the sender does not hold {rate:.1} Mb/s a channel: {late:.1?} late");
        return Ok(false);
    }
    compare(&feed, memory.path())?;
    weir::calls(&feed)?;
    Ok(true)
}

/// With all that is started from here on: who takes in live channels has a machine to itself, and
/// what else runs here is not to be measured.
fn go_before_others() {
    // The kernel weighs sessions first, and processes of one session then.
    if fs::write("/proc/self/autogroup", "-15").is_err() {
        println!("not allowed to go before other work on this machine: more load, more noise");
    }
}

fn compare(feed: &Feed<'_>, memory: &Path) -> Outcome {
    println!(
        "cost of {} channels of {:.1} Mb/s for {:.0} s; load of the machine: {}",
        feed.channels,
        millions(feed.bits_per_second),
        feed.span.as_secs_f64(),
        machine::load()
    );
    let rows = [
        row_of_bare(feed, memory)?,
        weir::row(feed)?,
        peers::multicat(feed, memory)?,
        peers::ffmpeg(feed, memory)?,
    ];
    for row in &rows {
        println!("{row}");
    }
    let [bare, ours, multicat, ffmpeg] = rows.each_ref().map(Row::seconds_per_gigabyte);
    println!(
        "weir is {:.2} times the bare loop and {:.2} times multicat; ffmpeg is {:.1} times weir; \
         load of the machine: {}",
        ours / bare,
        ours / multicat,
        ffmpeg / ours,
        machine::load()
    );
    rows.iter().try_for_each(Row::assert)
}

impl Cpu {
    /// Of `process`, threads that have ended among it.
    pub(crate) fn of(process: u32) -> Outcome<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let (_, fields) = text.rsplit_once(')').ok_or("a name in parentheses")?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        let mut next = || Outcome::Ok(ticks.next().ok_or("the kernel tells its time")??);
        Ok(Self {
            user: next()? / TICKS,
            system: next()? / TICKS,
        })
    }

    /// Of all of them.
    fn of_all(processes: &[Process]) -> Outcome<Self> {
        let mut sum = Self::default();
        for process in processes {
            let one = Self::of(process.id())?;
            sum.user += one.user;
            sum.system += one.system;
        }
        Ok(sum)
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }
}

impl Row {
    fn seconds_per_gigabyte(&self) -> f64 {
        (self.cpu.user + self.cpu.system) / millions(self.sent.bytes()) * 1e3
    }

    /// Fails if a datagram was lost.
    fn assert(&self) -> Outcome {
        let (name, sent) = (self.name, self.sent.datagrams);
        match self.received {
            Some(received) if received != sent => {
                Err(format!("{name} has {received} of {sent} datagrams").into())
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cpu { user, system } = self.cpu;
        let (name, channels, sent) = (self.name, self.channels, self.sent);
        let cost = self.seconds_per_gigabyte();
        write!(
            formatter,
            "{name:>12}: {cost:6.2} CPU-seconds a GB ({user:.2} user, {system:.2} system, \
             {:.2} GB, {channels} channels), {} datagrams sent, ",
            millions(sent.bytes()) / 1e3,
            sent.datagrams,
        )?;
        match self.received {
            Some(received) => write!(formatter, "{received} received, ")?,
            None => formatter.write_str("received not told, ")?,
        }
        let kept = if sent.held() { "held" } else { "NOT held" };
        write!(formatter, "rate {kept} (at most {:.1?} late)", sent.late())
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}

fn row_of_bare(feed: &Feed<'_>, directory: &Path) -> Outcome<Row> {
    let (sent, figures) = run_bare(feed, directory, bare::Way::LOOPBACK)?;
    Ok(Row {
        name: "bare loop",
        channels: feed.channels,
        sent,
        received: Some(figures.datagrams),
        cpu: figures.cpu,
    })
}

/// Sends `feed` to a bare loop that listens by `way`.
fn run_bare(feed: &Feed<'_>, directory: &Path, way: bare::Way) -> Outcome<(Sent, bare::Figures)> {
    let directory = tempfile::tempdir_in(directory)?;
    let mut command = pinned(std::env::current_exe()?);
    command.arg("bare").arg(directory.path());
    command.args([feed.channels.to_string(), way.by.to_string()]);
    command.arg(way.gro.to_string());
    let bare = Process::start(command);
    bare.line_with("joined", Duration::from_secs(10));
    let sent = feed.send()?;
    let ended = bare.ended(Duration::from_secs(30));
    let line = ended.output.lines().last().unwrap_or_default();
    Ok((sent, line.parse()?))
}

/// A program on the core for servers.
fn pinned(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Noise and a tone at `megabits`, longer than `span`. Returns the file and its rate.
fn make(directory: &Path, megabits: u32, span: Duration) -> Outcome<(PathBuf, u64)> {
    let (piece, file) = (directory.join("piece.ts"), directory.join("all.ts"));
    let source = format!("testsrc2=size=1280x720:rate=25:duration={FILE_SECONDS}");
    let sound = format!("sine=frequency=440:duration={FILE_SECONDS}");
    let rate = format!("{}k", megabits * 960);
    let quiet = ["-hide_banner", "-nostdin", "-y", "-loglevel", "error"];
    peer(
        Command::new("ffmpeg")
            .args(quiet)
            .args(["-f", "lavfi", "-i", &source, "-f", "lavfi", "-i", &sound])
            .args(["-vf", "noise=alls=60:allf=t", "-pix_fmt", "yuv420p"])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"])
            .args(["-sc_threshold", "0", "-b:v", &rate, "-minrate", &rate])
            .args(["-maxrate", &rate, "-bufsize", &rate])
            .args(["-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "192k"])
            .args(["-f", "mpegts"])
            .arg(&piece),
    );
    let more = span.as_secs() / u64::from(FILE_SECONDS) + 1;
    peer(
        Command::new("ffmpeg")
            .args(quiet)
            .args(["-stream_loop", &more.to_string(), "-i"])
            .arg(&piece)
            .args(["-map", "0", "-c", "copy", "-f", "mpegts"])
            .arg(&file),
    );
    let bytes = fs::metadata(&file)?.len();
    Ok((file, bytes * 8 / ((more + 1) * u64::from(FILE_SECONDS))))
}
