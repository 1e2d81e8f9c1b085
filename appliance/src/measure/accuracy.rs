//! Compares each PCR with the value that its place in a stream of constant bitrate implies.
//!
//! Source: TR 101 290 clause 5.2.2, indicator 2.4, and ISO/IEC 13818-1 §2.4.2.2 (500 ns). The
//! place is the packet's index in the stream, never its time of arrival: jitter of the network
//! is no error of the PCR.
//!
//! Works on windows of consecutive PCRs. A line is laid through each by medians, so that a single
//! bad PCR does not tilt it, and the residuals are the inaccuracies. In a stream of variable
//! bitrate the place implies nothing: such windows are recognised and not judged.

use heapless::Vec;

use crate::demux::Pcr;

/// PCRs judged together: 5 to 25 s of a stream, 4 KiB.
const POINTS_MAX: usize = 256;

/// Fewer PCRs than this are not judged.
const POINTS_MIN: usize = 32;

/// A PCR may be off by this much (§2.4.2.2).
const INACCURACY_NS_MAX: f64 = 500.0;

/// The bitrate is constant when, from one PCR to the next, time follows the packets within this
/// share ...
const RATE_TOLERANCE: f64 = 0.01;

/// ... in at least this share of the intervals. Jitter of a remultiplexer stays below, the bitrate
/// of a variable stream does not.
const STEADY_SHARE: f64 = 0.9;

const NS_PER_TICK: f64 = 1e9 / 27e6;

/// What was found of the PCRs of one PID.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Accuracy {
    /// Windows of constant bitrate.
    pub(crate) windows_constant: u32,
    /// Windows of variable bitrate, which are not judged.
    pub(crate) windows_variable: u32,
    /// PCRs off by more than 500 ns.
    pub(crate) errors: u64,
    /// The largest inaccuracy.
    pub(crate) peak_ns: f64,
}

impl Accuracy {
    /// True when the stream is of constant bitrate, so that the figures mean something.
    pub(crate) const fn is_applicable(&self) -> bool {
        self.windows_constant > self.windows_variable
    }
}

/// Collects the PCRs of one PID and judges them window by window.
#[derive(Debug)]
pub(crate) struct AccuracyMeter {
    points: Vec<Point, POINTS_MAX>,
    total: Accuracy,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    packet: u64,
    pcr: Pcr,
}

impl AccuracyMeter {
    pub(crate) const fn new() -> Self {
        Self {
            points: Vec::new(),
            total: Accuracy {
                windows_constant: 0,
                windows_variable: 0,
                errors: 0,
                peak_ns: 0.0,
            },
        }
    }

    /// Takes the next PCR and the index of its packet, which grows with each call.
    pub(crate) fn push(&mut self, packet: u64, pcr: Pcr) {
        let point = Point { packet, pcr };
        if let Err(point) = self.points.push(point) {
            self.restart();
            self.points.clear();
            self.points.extend([point]);
        }
    }

    /// Notes that packets are missing somewhere behind the one of index `packet`. The PCRs since
    /// are not judged, as their distance to those before is not known.
    pub(crate) fn note_loss_since(&mut self, packet: u64) {
        while self
            .points
            .last()
            .is_some_and(|point| point.packet > packet)
        {
            self.points.pop();
        }
        self.restart();
    }

    /// Begins a new window: the next PCR has no fixed relation to those before.
    pub(crate) fn restart(&mut self) {
        self.total = self.summary();
        self.points.clear();
    }

    /// What was found so far, without the unfinished window.
    pub(crate) const fn settled(&self) -> Accuracy {
        self.total
    }

    /// What was found so far, the unfinished window included.
    pub(crate) fn summary(&self) -> Accuracy {
        let mut total = self.total;
        match judge(&self.points) {
            Judgement::TooFew => {}
            Judgement::Variable => total.windows_variable += 1,
            Judgement::Constant { errors, peak_ns } => {
                total.windows_constant += 1;
                total.errors += errors;
                total.peak_ns = total.peak_ns.max(peak_ns);
            }
        }
        total
    }
}

enum Judgement {
    TooFew,
    Variable,
    Constant { errors: u64, peak_ns: f64 },
}

fn judge(points: &[Point]) -> Judgement {
    let Some(&first) = points.first().filter(|_| points.len() >= POINTS_MIN) else {
        return Judgement::TooFew;
    };
    let line: Vec<(f64, f64), POINTS_MAX> =
        points.iter().map(|point| position(first, *point)).collect();
    let slope = slope(&line);
    if !is_steady(&line, slope) {
        return Judgement::Variable;
    }
    let mut residuals: Vec<f64, POINTS_MAX> = line.iter().map(|(x, y)| y - slope * x).collect();
    let offset = median(&mut residuals);
    let mut errors = 0;
    let mut peak_ns: f64 = 0.0;
    for residual in &residuals {
        let inaccuracy_ns = (residual - offset).abs() * NS_PER_TICK;
        peak_ns = peak_ns.max(inaccuracy_ns);
        errors += u64::from(inaccuracy_ns > INACCURACY_NS_MAX);
    }
    Judgement::Constant { errors, peak_ns }
}

/// Packets and ticks since the first point of the window.
#[expect(
    clippy::cast_precision_loss,
    reason = "a window spans far less than 2^53 packets or ticks"
)]
fn position(first: Point, point: Point) -> (f64, f64) {
    let packets = point.packet.saturating_sub(first.packet);
    (packets as f64, point.pcr.ticks_since(first.pcr) as f64)
}

/// Ticks per packet: the median over pairs that lie half a window apart.
fn slope(line: &[(f64, f64)]) -> f64 {
    let (early, late) = line.split_at(line.len() / 2);
    let mut slopes: Vec<f64, POINTS_MAX> = early
        .iter()
        .zip(late)
        .map(|((x, y), (x_late, y_late))| (y_late - y) / (x_late - x))
        .collect();
    median(&mut slopes)
}

fn is_steady(line: &[(f64, f64)], slope: f64) -> bool {
    let pairs = line.iter().zip(line.iter().skip(1));
    let steady = pairs
        .filter(|((x, y), (x_next, y_next))| {
            let implied = slope * (x_next - x);
            ((y_next - y) - implied).abs() <= RATE_TOLERANCE * implied
        })
        .count();
    #[expect(clippy::cast_precision_loss, reason = "at most POINTS_MAX")]
    let share = steady as f64 / (line.len() - 1) as f64;
    share >= STEADY_SHARE
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    *median
}

#[cfg(test)]
mod tests {
    use super::{Accuracy, AccuracyMeter};
    use crate::demux::Pcr;

    /// 3 Mb/s: 13,536 ticks a packet.
    const TICKS_PER_PACKET: u64 = 13_536;

    fn measure(points: impl Iterator<Item = (u64, u64)>) -> Accuracy {
        let mut meter = AccuracyMeter::new();
        for (packet, ticks) in points {
            meter.push(packet, Pcr::from_ticks(ticks));
        }
        meter.summary()
    }

    #[test]
    fn an_exact_stream_has_no_error_across_windows_and_the_wrap() {
        let start = Pcr::MODULUS - 100 * 20 * TICKS_PER_PACKET;
        let accuracy = measure((0..1_000).map(|i| (20 * i, start + 20 * i * TICKS_PER_PACKET)));
        assert!(accuracy.is_applicable());
        assert_eq!((accuracy.errors, accuracy.windows_constant), (0, 4));
        assert!(accuracy.peak_ns < 1.0, "{accuracy:?}");
    }

    #[test]
    fn a_single_pcr_off_by_600_ns_is_one_error() {
        let accuracy = measure((0..200).map(|i| {
            let late = if i == 77 { 16 } else { 0 };
            (20 * i, 20 * i * TICKS_PER_PACKET + late)
        }));
        assert_eq!(accuracy.errors, 1);
        assert!((accuracy.peak_ns - 592.6).abs() < 0.1, "{accuracy:?}");
    }

    #[test]
    fn a_pcr_off_by_milliseconds_does_not_spoil_its_neighbours() {
        let accuracy = measure((0..200).map(|i| {
            let late = if i == 77 { 270_000 } else { 0 };
            (20 * i, 20 * i * TICKS_PER_PACKET + late)
        }));
        assert_eq!(accuracy.errors, 1);
    }

    #[test]
    fn a_variable_bitrate_is_not_judged() {
        let mut packet = 0;
        let accuracy = measure((0..200).map(|i| {
            packet += 20 + i * 7 % 30;
            (packet, 25 * i * TICKS_PER_PACKET)
        }));
        assert!(!accuracy.is_applicable());
        assert_eq!(accuracy.errors, 0);
    }

    #[test]
    fn too_few_pcrs_are_not_judged() {
        let accuracy = measure((0..31).map(|i| (20 * i, i * i)));
        assert_eq!(accuracy, Accuracy::default());
    }
}
