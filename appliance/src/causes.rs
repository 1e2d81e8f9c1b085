//! One sentence for a failure and all that led to it.
//!
//! Refuses: to shorten, or to say what to do; each error says that itself.

/// The whole story of a failure in one sentence: what failed, and after each colon, why.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
