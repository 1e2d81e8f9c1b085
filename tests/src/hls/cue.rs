//! EXT-X-CUE-OUT, EXT-X-CUE-OUT-CONT and EXT-X-CUE-IN: each segment of a break says so.

use super::Breach;

/// What the tags before a segment say of the break around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CueTag {
    /// EXT-X-CUE-OUT; behind EXT-X-CUE-IN if it `follows` another break.
    Out {
        /// EXT-X-CUE-IN stands before it.
        follows: bool,
    },
    /// EXT-X-CUE-OUT-CONT.
    Continued,
    /// EXT-X-CUE-IN.
    In,
}

impl CueTag {
    /// Reads `tag` with `value`, behind what was read `before` of the same segment.
    pub(super) fn read(tag: &str, value: &str, before: Option<Self>) -> Result<Self, Breach> {
        let is_span = |text: &str| text.parse::<f64>().is_ok_and(|seconds| seconds >= 0.0);
        match (tag, before) {
            ("#EXT-X-CUE-OUT", None | Some(Self::In)) if value.is_empty() || is_span(value) => {
                Ok(Self::Out {
                    follows: before.is_some(),
                })
            }
            ("#EXT-X-CUE-OUT-CONT", None) if value.split('/').all(is_span) => Ok(Self::Continued),
            ("#EXT-X-CUE-IN", None) if value.is_empty() => Ok(Self::In),
            _ => Err(format!("R11: {tag}:{value} behind {before:?}")),
        }
    }

    /// True when a segment with `next` may follow one with `tag`: whoever is told of a break is
    /// told of its end, and no end is told of outside of one. One may be met in its midst.
    pub(super) fn may_follow(next: Option<Self>, tag: Option<Self>) -> bool {
        let is_within = matches!(tag, Some(Self::Out { .. } | Self::Continued));
        match next {
            None | Some(Self::Out { follows: false }) => !is_within,
            Some(Self::In | Self::Out { follows: true }) => is_within,
            Some(Self::Continued) => true,
        }
    }
}
