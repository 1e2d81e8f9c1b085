//! The times of all segments of a program, and the table of all programs.

use std::time::Duration;

use weir_tests::bench::Outcome;

/// How long segments took.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    from_last: Vec<Duration>,
    from_told: Vec<Duration>,
}

impl Figures {
    /// Adds a segment: from its last datagram, and from the one that told that.
    pub(crate) fn push(&mut self, from_last: Duration, from_told: Duration) {
        self.from_last.push(from_last);
        self.from_told.push(from_told);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.from_last.extend(other.from_last);
        self.from_told.extend(other.from_told);
    }
}

/// Prints a line for each moment of each program.
pub(crate) fn print(all: &[(&str, &Figures)]) -> Outcome {
    println!(
        "{:<24}{:<32}{:>9}{:>9}{:>9}{:>9}",
        "ms", "from", "segments", "p50", "p99", "max"
    );
    for (name, figures) in all {
        let moments = [
            ("its last datagram", &figures.from_last),
            ("the one that tells so", &figures.from_told),
        ];
        for (moment, spans) in moments {
            let mut spans = spans.clone();
            spans.sort_unstable();
            if spans.is_empty() && *name == "weir" {
                return Err("no segment was listed".into());
            }
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| part(&spans, share));
            let count = spans.len();
            println!("{name:<24}{moment:<32}{count:>9}{p50:>9.1}{p99:>9.1}{max:>9.1}");
        }
    }
    Ok(())
}

/// The milliseconds that this share of them do not exceed.
fn part(spans: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a few thousand"
    )]
    let index = (spans.len() as f64 * share).ceil() as usize;
    let span = spans.get(index.saturating_sub(1)).copied();
    span.unwrap_or_default().as_secs_f64() * 1e3
}
