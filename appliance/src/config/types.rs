//! The validated configuration. A value of these types has been checked; nobody checks it again.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use hyper::Uri;
use weir_hal::InterfaceName;

use super::{
    AddressPrefix, Encryption, ManagementToken, ManagementUser, Snmp, TeletextChoice, cache::beside,
};
use crate::alarm::Rules;

/// Everything an appliance is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[node]`
    pub node: Node,
    /// `[http]`: the data listener.
    pub http: Http,
    /// `[management]`: the listener for people and fleets.
    pub management: Management,
    /// `[cache]`
    pub cache: Cache,
    /// `[ttl]`
    pub ttl: Ttl,
    /// `[purge]`
    pub purge: Purge,
    /// `[prewarm]`
    pub prewarm: Prewarm,
    /// `[alarm]`
    pub alarm: Alarm,
    /// `[log]`
    pub log: Log,
    /// `[snmp]`: no agent when absent.
    pub snmp: Option<Snmp>,
    /// `[segment]`
    pub segment: SegmentConfig,
    /// `[receive]`
    pub receive: Receive,
    /// `[failover]`: when another source of a rendition is used.
    pub failover: Failover,
    /// `[[channel]]`, at most [`Config::CHANNELS_MAX`].
    pub channels: Vec<Channel>,
    /// `[[origin]]`
    pub origins: Vec<Origin>,
    /// `[[route]]`
    pub routes: Vec<Route>,
}

impl Config {
    /// Channels one appliance carries at most.
    pub const CHANNELS_MAX: usize = 256;
    /// Segments of each rendition that `dvr` may keep: 24 h of 6 s.
    pub const DVR_SEGMENTS_MAX: u128 = 14_400;
    /// Renditions one channel has at most.
    pub const RENDITIONS_MAX: usize = 16;
    /// Sources one rendition has at most.
    pub const SOURCES_MAX: usize = 8;
    /// Sources without sequence numbers that are merged, at most.
    pub const MERGE_BY_CONTENT_MAX: usize = 2;
    /// Teletext pages that one rendition has as WebVTT at most.
    pub const TELETEXT_MAX: usize = 8;
    /// Origins an appliance knows at most.
    pub const ORIGINS_MAX: usize = 64;
    /// URLs one origin has at most.
    pub const ORIGIN_URLS_MAX: usize = 16;
    /// Routes an appliance has at most.
    pub const ROUTES_MAX: usize = 256;
    /// Origins one route goes through at most.
    pub const TIERS_MAX: usize = 8;
    /// Query parameters one route names at most, of either kind.
    pub const PARAMETERS_MAX: usize = 64;
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The name in `X-Cache`, `Cache-Status` and on every surface. Default: `weir`.
    pub name: String,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Addresses players connect to. Default: `0.0.0.0:80`.
    pub listen: Vec<SocketAddr>,
    /// Addresses players connect to by TLS. Default: none.
    pub tls_listen: Vec<SocketAddr>,
    /// The directory of `NAME.crt` (a chain) and `NAME.key` pairs, in PEM. Default:
    /// `/etc/weir/tls`.
    pub certificates: PathBuf,
    /// Threads that serve players, 1 to 64. Default: one for each core.
    pub threads: Option<usize>,
    /// How long serving goes on behind a signal to end, while load balancers are told to send
    /// players elsewhere; at most a minute. Default: 0 s.
    pub drain_notice: Duration,
    /// How requests are logged. Default: not at all.
    pub access_log: Option<AccessLog>,
    /// What clients may take.
    pub limits: ClientLimits,
}

/// The keys of `[http]` that say what a client may take. A client is an address of IPv4, or a /64
/// of IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections of all clients together, 16 to 1,000,000; an eighth more is for clients that
    /// have fewer than 8. Default: 10,000.
    pub connections: usize,
    /// Connections of one client, at least 6. Default: no limit, for a whole village may share an
    /// address.
    pub connections_per_client: Option<usize>,
    /// Requests of one client. Default: no limit, for the same reason.
    pub request_rate: Option<RequestRate>,
    /// Bytes of the body of a request, 1 KiB to 1 GiB. Default: 1 MiB.
    pub body_size: ByteSize,
    /// `send_rate_min`: bits a second of what it asked for that a client must take in the long run,
    /// 1 kb/s to 10 Mb/s. Default: 4 kb/s.
    pub send_rate_min_bps: u64,
    /// Longest pause of a client that has kept to that rate, 1 s to 24 h. Default: 5 minutes.
    pub send_pause: Duration,
}

/// How often one client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// `request_rate`: requests a second, 1 to 1,000,000.
    pub per_s: u32,
    /// `request_burst`: requests at once, 1 to 1,000,000. Default: those of ten seconds.
    pub burst: u32,
}

/// The keys of `[http]` that begin with `access_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// `access_log`: where lines go.
    pub target: LogTarget,
    /// `access_log_format`: how they look. Default: json.
    pub format: LogFormat,
    /// `access_log_sample`: one of so many requests is logged, up to a million. Default: 1, all.
    pub sample: u64,
    /// `access_log_size`: bytes from which a file is put aside, at least 64 KiB. Default: 64 MiB.
    pub size: ByteSize,
    /// `access_log_files`: files there are at most, 1 to 100. Default: 4.
    pub files: u32,
}

/// Where the lines of a log go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// `stdout`
    StandardOutput,
    /// A file.
    File(PathBuf),
}

/// How the lines of a log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object.
    #[default]
    Json,
    /// The Common Log Format.
    Common,
    /// The Combined Log Format.
    Combined,
}

/// `[management]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// Address technicians and the fleet connect to. Default: `0.0.0.0:8080`.
    pub listen: SocketAddr,
    /// Address of the same by TLS. Default: none.
    pub tls_listen: Option<SocketAddr>,
    /// The directory of its certificates, as `http.certificates`. Default: none; it makes one, and
    /// keeps it in [`Cache::tls`].
    pub certificates: Option<PathBuf>,
    /// Names, beside that of the node, that it may be asked by; at most 16. Default: none.
    pub names: Vec<String>,
    /// Address that `HAProxy` asks how much load this box may have. Default: none.
    pub agent_check: Option<SocketAddr>,
    /// `[[management.token]]`, at most 32: programs that may order from any address. Default: none.
    pub tokens: Vec<ManagementToken>,
    /// `[[management.user]]`, at most 32: people who may log in. Default: none.
    pub users: Vec<ManagementUser>,
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// A directory, a file or a block device. Default: `/var/lib/weir/cache`.
    pub path: PathBuf,
    /// Bytes on disk, at least 1 MiB. Default: 10 GiB.
    pub size: ByteSize,
    /// Bytes in memory for objects being written, 1 MiB to `size`. Default: 64 MiB, or `size` if
    /// that is less.
    pub memory: ByteSize,
    /// Bytes a second at which what is on disk is searched for rot; 0 for never. Default: as much
    /// as reads `size` in 30 days, and at least 64 KiB.
    pub scrub: ByteSize,
    /// Bytes written to disk in a day, beyond which live segments alone are; at least 1 MiB.
    /// Default: no limit.
    pub write_budget: Option<ByteSize>,
    /// `[cache.live]`, `[cache.high]`, `[cache.medium]`, `[cache.low]`: what each class is
    /// promised. The reservations leave a quarter of `size`. Default: weights 1, 4, 2 and 1.
    pub classes: weir_cache::Classes,
}

impl Cache {
    /// The directory of the flight recorder: `path` with `.recorder` behind it, or
    /// `/var/lib/weir/cache.recorder` for a device.
    pub fn recorder(&self) -> PathBuf {
        beside(&self.path, ".recorder")
    }

    /// The directory of the certificate that this box makes itself: as [`Self::recorder`], with
    /// `.tls`.
    pub fn tls(&self) -> PathBuf {
        beside(&self.path, ".tls")
    }
}

/// A size in bytes, written with a unit: `64MiB`, `10GiB`, `500MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// `[purge]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// `allow`: who may purge, at most 64 blocks. Default: this machine.
    pub allowed: Vec<AddressPrefix>,
    /// `rate`: things purged in a second, 1 to 100,000. Default: 100.
    pub rate_per_s: u32,
    /// Things purged at once, 1 to 100,000. Default: 1,000.
    pub burst: u32,
    /// The file that remembers them over restarts. Default: `cache.path` with `.purged` behind
    /// it, or `/var/lib/weir/cache.purged` for a device.
    pub journal: PathBuf,
}

/// `[alarm]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// `allow`: who may acknowledge, close and shelve, at most 64 blocks. Default: this machine.
    pub allowed: Vec<AddressPrefix>,
    /// The file that remembers alarms over restarts. Default: `cache.path` with `.alarms` behind
    /// it, or `/var/lib/weir/cache.alarms` for a device.
    pub state: PathBuf,
    /// How long nothing is raised after the start, up to 10 minutes. Default: 1 minute.
    pub boot_inhibit: Duration,
    /// `[alarm.KIND]`: thresholds, holds and severity of each kind.
    pub rules: Rules,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// `[log.syslog]`: where events are sent; nowhere when absent.
    pub syslog: Option<Syslog>,
}

/// `[log.syslog]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// The host of `address`, by name or in numbers.
    pub host: String,
    /// The port of `address`.
    pub port: u16,
    /// How messages go. Default: udp.
    pub transport: SyslogTransport,
    /// A file of certificates to believe instead of the system's.
    pub ca: Option<PathBuf>,
}

/// How messages go to a syslog server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyslogTransport {
    /// A datagram each (RFC 5426).
    Udp,
    /// By TCP, each behind its length (RFC 6587).
    Tcp,
    /// The same by TLS (RFC 5425).
    Tls,
}

/// `[prewarm]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prewarm {
    /// `allow`: who may prewarm, at most 64 blocks. Default: this machine.
    pub allowed: Vec<AddressPrefix>,
    /// `rate`: objects begun in a second, 1 to 10,000. Default: 50.
    pub rate_per_s: u32,
    /// Objects fetched at one time, 1 to 64. Default: 4.
    pub concurrency: usize,
}

/// `[ttl]`: how long segments, and lists that do not change, are fresh if their origin does not
/// say; each 1 s to 68 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// On routes of high priority. Default: 1 h.
    pub high: Duration,
    /// On routes of medium priority. Default: 30 min.
    pub medium: Duration,
    /// On routes of low priority. Default: 10 min.
    pub low: Duration,
}

impl Ttl {
    /// That of one priority.
    pub const fn of(&self, priority: Priority) -> Duration {
        match priority {
            Priority::High => self.high,
            Priority::Medium => self.medium,
            Priority::Low => self.low,
        }
    }
}

/// `[segment]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentConfig {
    /// Media after which a segment is cut at the next random access point, 1 s to 30 s. Default:
    /// 6 s.
    pub target: Duration,
    /// How much longer than `target` a segment may get for want of a random access point, up to
    /// 30 s; both make the Target Duration. Default: a third of `target`.
    pub slack: Duration,
    /// Segments in the live playlist, 3 to 1000. Default: 10.
    pub window: usize,
    /// Media time after which a segment is cut even without a random access point, from
    /// `target` to 2 min. Default: twice `target`.
    pub longest: Duration,
    /// Bytes after which a segment is cut even without a random access point; 64 KiB to the
    /// cache's memory. Default: 64 MiB, or the cache's memory if that is less.
    pub largest: ByteSize,
}

/// `[receive]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receive {
    /// Interval between two looks at the sockets, 1 ms to 100 ms. Default: 10 ms.
    pub drain_interval: Duration,
    /// `bitrate_max`: highest bitrate of one source, from which the kernel buffer is sized, 64 kb/s
    /// to 10 Gb/s. Default: 40 Mb/s.
    pub bitrate_bps_max: u64,
    /// How long the receiver may be kept from running without loss, 10 ms to 5 s. Default: 250 ms.
    pub stall: Duration,
    /// `reorder`: by how many packets RTP may be out of order, 0 to 256. Default: 32.
    pub reorder_packets_max: u16,
    /// How far apart the sources of one stream may be, 10 ms to 500 ms. Default: 500 ms.
    pub skew: Duration,
    /// The core of each thread that receives, at most 16, by the system's numbers. Default: none,
    /// for one thread that may run anywhere.
    pub cores: Vec<u16>,
    /// `measure`: whether TR 101 290 is applied to all that is received. Default: true.
    pub is_measured: bool,
}

/// `[failover]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover {
    /// How long a source may be silent, 100 ms to 60 s. Default: 1 s.
    pub silence: Duration,
    /// How long a source may bring no access unit of the program in the clear, 500 ms to 60 s.
    /// Default: 3 s.
    pub media: Duration,
    /// Continuity errors, packets marked as damaged and losses of synchronisation within 5 s that
    /// make a source worse than one without, 1 to 1,000,000. Default: 50.
    pub errors: u64,
    /// `fail_back`: whether a preferred source is gone back to. Default: true.
    pub is_returning: bool,
    /// How long it must have been good by then, 1 s to 1 day. Default: 1 min.
    pub hold: Duration,
}

/// `[[channel]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The name in URLs: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot; unique.
    pub id: String,
    /// The name for people. Default: the id.
    pub name: String,
    /// Whose segments outlive whose. Default: medium.
    pub priority: Priority,
    /// How long its segments can be fetched after they were on air, by lists that start over; from
    /// `segment.window` target durations to [`Config::DVR_SEGMENTS_MAX`] of them. None: not at all.
    pub dvr: Option<Duration>,
    /// Keys that its URLs must be signed with; without, everybody may fetch them.
    pub sign_keys: Option<PathBuf>,
    /// How playlists tell of the breaks that SCTE 35 announces. Default: by date ranges.
    pub cues: Cues,
    /// `[channel.encryption]`: how its segments are encrypted; in the clear when absent.
    pub encryption: Option<Encryption>,
    /// At least one.
    pub renditions: Vec<Rendition>,
}

/// How much a channel matters beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// Outlives the others.
    High,
    /// The default.
    #[default]
    Medium,
    /// Goes first.
    Low,
}

/// How a playlist tells of breaks. Segments begin at them in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cues {
    /// EXT-X-DATERANGE, as RFC 8216 has it.
    #[default]
    DateRange,
    /// EXT-X-CUE-OUT and EXT-X-CUE-IN, which older players and ad servers read.
    Cue,
    /// Both.
    Both,
    /// Not at all.
    Off,
}

/// `[[channel.rendition]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The name in URLs, by the rule of [`Channel::id`]; unique in its channel.
    pub name: String,
    /// Where it comes from, in order of preference; at least one.
    pub sources: Vec<Source>,
    /// So many sources in a row carry the same stream, and are merged; 1 to
    /// [`Config::SOURCES_MAX`]. Default: 1.
    pub merge: usize,
    /// Whether FEC (SMPTE ST 2022-1) of its RTP is received on the ports above. Default: false.
    pub fec: bool,
    /// The interface to join on; the routing table chooses when absent.
    pub interface: Option<InterfaceName>,
    /// `program_number`; the first program with pictures (or sound) when absent.
    pub program: Option<u16>,
    /// What the PAT is to name; another is counted. Default: any.
    pub transport_stream_id: Option<u16>,
    /// `audio_only`: its sound alone is a variant of its own beside it. Default: no.
    pub is_audio_alone: bool,
    /// `teletext`: pages that are subtitles in WebVTT beside it, at most
    /// [`Config::TELETEXT_MAX`]. Default: none.
    pub teletext: Vec<TeletextChoice>,
}

impl Rendition {
    /// The name in URLs of its sound alone, if that is offered.
    pub fn audio_name(&self) -> Option<String> {
        self.is_audio_alone.then(|| format!("{}_audio", self.name))
    }

    /// The teletext pages that are offered, each with its name in URLs.
    pub fn teletext_names(&self) -> impl Iterator<Item = (TeletextChoice, String)> {
        let pages = self.teletext.iter();
        pages.map(|page| (*page, format!("{}_{page}", self.name)))
    }
}

/// One place a rendition comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// `udp://[source@]group:port` or `rtp://[source@]group:port`.
    Datagram {
        /// Bare transport packets or RTP.
        transport: Transport,
        /// Group (or local address) and port.
        group: SocketAddr,
        /// Only datagrams from this host.
        source: Option<IpAddr>,
    },
    /// `http://host[:port]/path`, or the same by `https://`: a transport stream over HTTP.
    Http {
        /// The URL.
        url: Uri,
    },
}

/// What the datagrams of a source hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Transport packets only.
    Udp,
    /// Transport packets behind an RTP header (RFC 2250, RFC 3550).
    Rtp,
}

/// `[[origin]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The name routes use; unique.
    pub name: String,
    /// Base URLs, `http://` or `https://`, at least one; each once.
    pub urls: Vec<String>,
    /// How often each URL is chosen beside the others, 1 to 1000; as many as `urls`. Default: 1.
    pub weights: Vec<u32>,
    /// Which URL is asked first. Default: nearest, or weights if there are any.
    pub strategy: Strategy,
    /// The Host field of requests. Default: that of the client.
    pub host: Option<String>,
    /// Finding the address, connecting and TLS, 50 ms to 30 s. Default: 1 s.
    pub connect_timeout: Duration,
    /// From the end of a request to the head of its response, 50 ms to 120 s. Default: 5 s.
    pub first_byte_timeout: Duration,
    /// Wait for 16 KiB of a body, 100 ms to 120 s. Default: 10 s.
    pub stall_timeout: Duration,
    /// Connections to each URL, 1 to 4096. Default: 64.
    pub connections_max: usize,
    /// Bytes one response may have, at least 1 MiB. Default: 1 TiB.
    pub response_max: ByteSize,
    /// How the health of each URL is asked for; not at all when absent.
    pub probe: Option<Probe>,
    /// A file of certificates to believe instead of the system's.
    pub ca: Option<PathBuf>,
}

/// `probe` and its fellows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// `probe`: a path that is answered with 2xx or 3xx while all is well.
    pub path: String,
    /// `probe_interval`: time between two of them, 100 ms to 10 min. Default: 5 s.
    pub interval: Duration,
    /// `probe_failures`: failures in a row that put a URL out of use, 1 to 100. Default: 3.
    pub failures: u32,
    /// `probe_passes`: passes in a row that bring it back, 1 to 100. Default: 2.
    pub passes: u32,
}

/// Which URL of an origin is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The one with the shortest round trip.
    #[default]
    Nearest,
    /// Each in turn, as often as its weight says.
    Weights,
    /// The one that the hash of the cache key and the URL chooses, so that each URL caches its own
    /// share.
    Rendezvous,
}

/// `[[route]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Path prefix, from `/`; unique; not below `/live/`.
    pub path: String,
    /// Names of origins, nearest tier first.
    pub origins: Vec<String>,
    /// Keys that its URLs must be signed with; without, everybody may fetch them.
    pub sign_keys: Option<PathBuf>,
    /// Whose objects outlive whose in the cache. Default: medium.
    pub priority: Priority,
    /// How long a response that says nothing of its own is fresh, up to a year. Default: 1 h, 30
    /// min or 10 min by priority for media and lists that have ended, and not at all for what is
    /// neither.
    pub ttl_default: Option<Duration>,
    /// How long a stale response may be used while it is validated, where it says nothing, up to
    /// a year. Default: not at all, except for media.
    pub stale_while_revalidate: Option<Duration>,
    /// How long a stale response may be used while no origin answers, where it says nothing, up to
    /// a year. Default: a day for media and ended lists, 15 min for live ones, not at all for what
    /// is neither.
    pub stale_if_error: Option<Duration>,
    /// `heuristic`: whether a response that says nothing, and for which no time is configured, is
    /// fresh for a tenth of the time since its last change (RFC 9111 §4.2.2). Default: no.
    pub is_heuristic: bool,
    /// The query parameters that count, at most [`Config::PARAMETERS_MAX`]; `None`: all but
    /// `query_ignored`.
    pub query: Option<Vec<String>>,
    /// Query parameters that do not count and are not passed on, at most
    /// [`Config::PARAMETERS_MAX`]. CMCD never counts. Default: none.
    pub query_ignored: Vec<String>,
    /// Bytes of the slices in which what is longer than two of them is fetched, 256 KiB to 64 MiB;
    /// `None`: everything is fetched whole. Default: 8 MiB.
    pub slice: Option<ByteSize>,
    /// `prefetch`: whether what players will ask for next is fetched before they do. Default: yes.
    pub is_prefetched: bool,
}
