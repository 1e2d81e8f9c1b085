//! What a cell of the table is: name, help, kind, and the unit that its name says.
//!
//! Refuses: a unit that stands nowhere in the name.

/// What one cell is, whatever its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Name as every surface shows it, unit last.
    pub name: &'static str,
    /// One sentence for a person.
    pub help: &'static str,
    /// What its values mean.
    pub kind: Kind,
    /// Whether its value may be unknown.
    pub is_optional: bool,
    /// Whether its value may lie between two whole numbers.
    pub is_fraction: bool,
    /// Which surfaces show it.
    pub reach: Reach,
}

/// What the values of a row mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that comes and goes.
    Gauge,
    /// One of a few stable words.
    State,
    /// Text for people.
    Text,
}

/// Which surfaces show a row; JSON shows all. The less, the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All that can: text is no metric.
    Everywhere,
    /// JSON and SNMP, for whoever manages this box: a fleet stores every metric of every rendition.
    Polled,
    /// JSON, and a row of SNMP once it was counted: of many checks, few are ever raised.
    Raised,
    /// JSON alone, for whoever looks closer: a manager walks every object of every rendition.
    Detail,
}

/// What a number counts, as the name of its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    One,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Bits a second.
    BitsPerSecond,
    /// Hundredths.
    Percent,
}

impl Unit {
    /// The unit that a word of a name stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "bytes" => Some(Self::Bytes),
            "ms" => Some(Self::Milliseconds),
            "bps" => Some(Self::BitsPerSecond),
            "percent" => Some(Self::Percent),
            _ => None,
        }
    }
}

impl Row {
    /// The unit of its values.
    pub fn unit(&self) -> Unit {
        let unit = self.name.split('_').find_map(Unit::of_word);
        unit.unwrap_or(Unit::One)
    }
}

/// The row of a counter.
pub(crate) const fn counted(name: &'static str, help: &'static str) -> Row {
    Row {
        name,
        help: help.trim_ascii(),
        kind: Kind::Counter,
        is_optional: false,
        is_fraction: false,
        reach: Reach::Everywhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_a_whole_word_of_the_name() {
        for (name, unit) in [
            ("bytes", Unit::Bytes),
            ("memory_bytes_max", Unit::Bytes),
            ("output_bitrate_bps", Unit::BitsPerSecond),
            ("first_byte_ms_p50", Unit::Milliseconds),
            ("streams_reset", Unit::One),
        ] {
            assert_eq!(counted(name, "").unit(), unit, "{name}");
        }
    }
}
