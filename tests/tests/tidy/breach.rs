//! What a rule found, told all at once.

use std::fmt::Display;

/// Breaches of one rule.
#[derive(Debug, Default)]
pub(crate) struct Breaches(Vec<String>);

impl Breaches {
    /// Notes that `what` is wrong on `line` of `file`.
    pub(crate) fn note(&mut self, file: &str, line: usize, what: impl Display) {
        self.0.push(format!("{file}:{line}: {what}"));
    }

    /// Ends the rule.
    ///
    /// # Panics
    /// With the list, if there are any.
    #[track_caller]
    pub(crate) fn expect_none(self, rule: &str) {
        let list = self.0.join("\n");
        assert!(
            list.is_empty(),
            "{rule}; {} breaches:\n{list}",
            self.0.len()
        );
    }
}
