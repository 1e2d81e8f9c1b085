//! How bad an alarm is.
//!
//! Source: ITU-T X.733 §8.1.2.3 (perceived severity); RFC 3877 (`ItuPerceivedSeverity`);
//! RFC 5674 §2 (severities of syslog). Refuses: `indeterminate`, for every kind has its severity.

/// Perceived severity, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It is over.
    Cleared,
    /// Something may go wrong before long.
    Warning,
    /// Something is wrong that viewers hardly see.
    Minor,
    /// Viewers see it, or soon will.
    Major,
    /// A service is lost.
    Critical,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Critical,
        Self::Major,
        Self::Minor,
        Self::Warning,
        Self::Cleared,
    ];

    /// The word of X.733.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Warning => "warning",
            Self::Cleared => "cleared",
        }
    }

    /// The severity of that word; `None` if there is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }

    /// The number of `ItuPerceivedSeverity` in ITU-ALARM-TC-MIB.
    pub const fn itu_perceived_severity(self) -> u8 {
        match self {
            Self::Cleared => 1,
            Self::Critical => 3,
            Self::Major => 4,
            Self::Minor => 5,
            Self::Warning => 6,
        }
    }

    /// The numerical severity of a syslog message that tells of it.
    pub const fn syslog_severity(self) -> u8 {
        match self {
            Self::Critical => 1,
            Self::Major => 2,
            Self::Minor => 3,
            Self::Warning => 4,
            Self::Cleared => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_those_of_the_standards() {
        for (severity, word, itu, syslog) in [
            (Severity::Critical, "critical", 3, 1),
            (Severity::Major, "major", 4, 2),
            (Severity::Minor, "minor", 5, 3),
            (Severity::Warning, "warning", 6, 4),
            (Severity::Cleared, "cleared", 1, 5),
        ] {
            assert_eq!(severity.as_str(), word);
            assert_eq!(Severity::from_word(word), Some(severity));
            assert_eq!(severity.itu_perceived_severity(), itu, "{word}");
            assert_eq!(severity.syslog_severity(), syslog, "{word}");
        }
        assert_eq!(Severity::from_word("indeterminate"), None);
    }

    #[test]
    fn the_worst_is_the_greatest() {
        assert!(Severity::ALL.is_sorted_by(|worse, better| worse > better));
    }
}
