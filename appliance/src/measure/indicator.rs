//! The indicators of TR 101 290 and how often each was raised.
//!
//! Source: ETSI TR 101 290 v1.4.1, tables 5.0a to 5.0c, whose names are kept letter for letter.
//! Refuses: buffer models (3.3, 3.9, 3.10), which need a decoder's parameters.

use serde::{Serialize, Serializer};

use crate::counter::{Group, Reach, Row, Value, counted};

/// How much an indicator says about whether the stream can be decoded (clause 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Table 5.0a: necessary for decoding.
    First,
    /// Table 5.0b: recommended for continuous monitoring.
    Second,
    /// Table 5.0c: depends on the application.
    Third,
}

/// Declares [`Indicator`] with the clause, priority and name of each.
macro_rules! indicators {
    ($( $Variant:ident $priority:ident $clause:literal $name:literal $help:literal )+) => {
        /// One check of TR 101 290.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Indicator {
            $( #[doc = $help] $Variant, )+
        }

        impl Indicator {
            /// All of them, in the order of the standard.
            pub const ALL: &'static [Self] = &[ $( Self::$Variant, )+ ];

            /// The name the standard gives it.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$Variant => $name, )+ }
            }

            /// Its number in the standard's tables.
            pub const fn clause(self) -> &'static str {
                match self { $( Self::$Variant => $clause, )+ }
            }

            /// The table it stands in.
            pub const fn priority(self) -> Priority {
                match self { $( Self::$Variant => Priority::$priority, )+ }
            }

            /// What raises it, in a few words for a person.
            pub const fn help(self) -> &'static str {
                match self { $( Self::$Variant => $help, )+ }
            }

            /// The rows of the table, in the order of [`Self::ALL`].
            const ROWS: &'static [Row] = &[
                $( Row {
                    is_optional: true,
                    reach: Reach::Raised,
                    ..counted($name, concat!($clause, ": ", $help, "."))
                }, )+
            ];
        }
    };
}

indicators! {
    TsSyncLoss First "1.1" "TS_sync_loss" "2 or more sync bytes in a row are wrong"
    SyncByteError First "1.2" "Sync_byte_error" "a sync byte is not 0x47"
    PatError2 First "1.3.a" "PAT_error_2" "PAT absent 0.5 s, scrambled, or displaced"
    ContinuityCountError First "1.4" "Continuity_count_error" "packets lost, repeated or disordered"
    PmtError2 First "1.5.a" "PMT_error_2" "a PMT is absent 0.5 s, or scrambled"
    PidError First "1.6" "PID_error" "a video, audio or PCR PID is absent 5 s"
    TransportError Second "2.1" "Transport_error" "packets damaged before they came here"
    CrcError Second "2.2" "CRC_error" "a table came damaged (CRC)"
    PcrRepetitionError Second "2.3.a" "PCR_repetition_error" "more than 100 ms between PCRs"
    PcrDiscontinuityIndicatorError Second "2.3.b" "PCR_discontinuity_indicator_error"
        "PCR steps back or over 100 ms unannounced"
    PcrAccuracyError Second "2.4" "PCR_accuracy_error" "PCR off by more than 500 ns"
    PtsError Second "2.5" "PTS_error" "more than 700 ms between PTS"
    CatError Second "2.6" "CAT_error" "scrambled without a CAT, or CAT displaced"
    NitActualError Third "3.1.a" "NIT_actual_error" "NIT absent 10 s, too dense, or displaced"
    NitOtherError Third "3.1.b" "NIT_other_error" "NIT of another network absent 10 s"
    SiRepetitionError Third "3.2" "SI_repetition_error" "an SI table is too rare or too dense"
    UnreferencedPid Third "3.4.a" "Unreferenced_PID" "a PID that no table refers to for 0.5 s"
    SdtActualError Third "3.5.a" "SDT_actual_error" "SDT absent 2 s, too dense, or displaced"
    SdtOtherError Third "3.5.b" "SDT_other_error" "SDT of another stream absent 10 s"
    EitActualError Third "3.6.a" "EIT_actual_error" "EIT p/f absent 2 s, too dense, or displaced"
    EitOtherError Third "3.6.b" "EIT_other_error" "EIT p/f of another stream absent 10 s"
    EitPfError Third "3.6.c" "EIT_PF_error" "present or following event comes without the other"
    RstError Third "3.7" "RST_error" "RST too dense, or displaced"
    TdtError Third "3.8" "TDT_error" "TDT absent 30 s, too dense, or displaced"
}

/// How often each [`Indicator`] was raised. Serializes as an object keyed by the standard's names,
/// with `null` where a check does not apply to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indicators([Option<u64>; Indicator::ALL.len()]);

impl Indicators {
    /// All at zero; the third priority and `PCR_accuracy_error` not applicable until armed.
    pub fn new() -> Self {
        let mut counts = [None; Indicator::ALL.len()];
        for &indicator in Indicator::ALL {
            let always =
                indicator.priority() < Priority::Third && indicator != Indicator::PcrAccuracyError;
            counts[indicator as usize] = always.then_some(0);
        }
        Self(counts)
    }

    /// Declares that the check applies to this stream.
    pub fn arm(&mut self, indicator: Indicator) {
        self.0[indicator as usize].get_or_insert(0);
    }

    /// Counts one occurrence, and declares that the check applies.
    pub fn raise(&mut self, indicator: Indicator) {
        self.add(indicator, 1);
    }

    /// Counts `occurrences`, and declares that the check applies.
    pub fn add(&mut self, indicator: Indicator, occurrences: u64) {
        let count = self.0[indicator as usize].get_or_insert(0);
        *count = count.saturating_add(occurrences);
    }

    /// Occurrences; `None` when the check does not apply to this stream.
    pub const fn count(&self, indicator: Indicator) -> Option<u64> {
        self.0[indicator as usize]
    }

    /// All of them, in the order of the standard.
    pub fn iter(&self) -> impl Iterator<Item = (Indicator, Option<u64>)> {
        Indicator::ALL.iter().copied().zip(self.0)
    }
}

impl Default for Indicators {
    fn default() -> Self {
        Self::new()
    }
}

impl Group for Indicators {
    const ROWS: &'static [Row] = Indicator::ROWS;

    fn cells(&self) -> Option<Vec<Value>> {
        let value = |(_, count): (_, Option<u64>)| count.map_or(Value::Unknown, Value::Count);
        Some(self.iter().map(value).collect())
    }
}

impl Serialize for Indicators {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .map(|(indicator, count)| (indicator.name(), count)),
        )
    }
}
