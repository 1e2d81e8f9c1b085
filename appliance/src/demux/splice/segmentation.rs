//! Segmentation descriptors: what happens at the time of a `time_signal`.

use crate::demux::splice::Cursor;

/// `splice_descriptor_tag` of a `segmentation_descriptor`.
const SEGMENTATION: u8 = 0x02;

/// `identifier` of all descriptors of the standard.
const CUEI: &[u8; 4] = b"CUEI";

/// One `segmentation_descriptor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segmentation {
    /// `segmentation_event_id`
    pub event_id: u32,
    /// What happens; `None` when the event is cancelled.
    pub detail: Option<SegmentationDetail>,
}

/// What a `segmentation_descriptor` tells that is no cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentationDetail {
    /// `segmentation_type_id`
    pub type_id: u8,
    /// `segmentation_duration`, 40 bits.
    pub duration_90k: Option<u64>,
    /// `segmentation_upid_type`
    pub upid_type: u8,
    /// `segment_num`
    pub segment_num: u8,
    /// `segments_expected`
    pub segments_expected: u8,
}

/// What a segmentation means for who replaces breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentationKind {
    /// A break, an advertisement or the room for one begins.
    Out,
    /// It ends.
    In,
    /// Anything else.
    Other,
}

impl Segmentation {
    /// The even number of the two that begin and end such a segment; 0 for a cancellation.
    pub const fn break_kind(&self) -> u8 {
        match self.detail {
            Some(detail) => detail.type_id & !1,
            None => 0,
        }
    }
}

impl SegmentationDetail {
    /// What it means (SCTE 35 table 23).
    pub const fn kind(&self) -> SegmentationKind {
        match self.type_id {
            // Break; provider and distributor advertisement, placement opportunity, ad block.
            0x22 | 0x30 | 0x32 | 0x34 | 0x36 | 0x44 | 0x46 => SegmentationKind::Out,
            0x23 | 0x31 | 0x33 | 0x35 | 0x37 | 0x45 | 0x47 => SegmentationKind::In,
            _ => SegmentationKind::Other,
        }
    }
}

/// A descriptor loop that was read to its end once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors<'a>(&'a [u8]);

impl<'a> Descriptors<'a> {
    /// Views `bytes` as a loop; `None` when its lengths contradict each other.
    pub(super) fn checked(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        while !cursor.0.is_empty() {
            let (tag, content) = next(&mut cursor)?;
            if is_segmentation(tag, content) {
                segmentation(content)?;
            }
        }
        Some(Self(bytes))
    }

    /// The segmentation descriptors.
    pub(super) fn segmentations(self) -> impl Iterator<Item = Segmentation> + use<'a> {
        let mut cursor = Cursor(self.0);
        std::iter::from_fn(move || next(&mut cursor))
            .filter(|&(tag, content)| is_segmentation(tag, content))
            .filter_map(|(_, content)| segmentation(content))
    }
}

/// The next descriptor: its tag, and what stands behind its length.
fn next<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let tag = cursor.byte()?;
    let length = cursor.byte()?;
    Some((tag, cursor.take(usize::from(length))?))
}

fn is_segmentation(tag: u8, content: &[u8]) -> bool {
    tag == SEGMENTATION && content.starts_with(CUEI)
}

fn segmentation(content: &[u8]) -> Option<Segmentation> {
    let mut cursor = Cursor(content.get(CUEI.len()..)?);
    let event_id = u32::try_from(cursor.number(4)?).ok()?;
    let is_cancelled = cursor.byte()? & 0x80 != 0;
    let detail = if is_cancelled {
        None
    } else {
        Some(detail(&mut cursor)?)
    };
    Some(Segmentation { event_id, detail })
}

fn detail(cursor: &mut Cursor<'_>) -> Option<SegmentationDetail> {
    let flags = cursor.byte()?;
    let of_program = flags & 0x80 != 0;
    if !of_program {
        let components = cursor.byte()?;
        // component_tag and pts_offset
        cursor.take(usize::from(components) * 6)?;
    }
    let duration_90k = if flags & 0x40 == 0 {
        None
    } else {
        Some(cursor.number(5)?)
    };
    let upid_type = cursor.byte()?;
    let upid_length = cursor.byte()?;
    cursor.take(usize::from(upid_length))?;
    let [type_id, segment_num, segments_expected] = *cursor.take(3)?.as_array()?;
    Some(SegmentationDetail {
        type_id,
        duration_90k,
        upid_type,
        segment_num,
        segments_expected,
    })
}
