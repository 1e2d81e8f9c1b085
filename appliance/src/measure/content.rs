//! What an elementary stream holds, for people: from its `stream_type` and descriptors.
//!
//! Source: ISO/IEC 13818-1 table 2-34 (`stream_type`), §2.6 (descriptors); EN 300 468 §6.2 and
//! Annex D (descriptors that tell what private data is); SCTE 35 §8 (`stream_type` 0x86).

/// What kind of thing an elementary stream is; it decides which checks apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Video,
    Audio,
    /// Anything that may pause: subtitles, teletext, splice information, carousels.
    Data,
}

/// What the PMT tells of one elementary stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) kind: Kind,
    /// Such as `H.264` or `SCTE-35`.
    pub(crate) codec: &'static str,
    /// ISO 639 language code.
    pub(crate) language: Option<[u8; 3]>,
    /// True when the stream may stop for long: data, still pictures, audio for part of the time
    /// (TR 101 290 clause 5.2.1, indicator 1.6).
    pub(crate) may_pause: bool,
}

impl Content {
    /// Reads one entry of a PMT.
    pub(crate) fn of(stream_type: u8, descriptor_loop: &[u8]) -> Self {
        let (mut kind, mut codec) = by_stream_type(stream_type);
        let mut language = None;
        let mut may_pause = false;
        for (tag, body) in descriptors(descriptor_loop) {
            if let Some(told) = by_descriptor(stream_type, tag, body) {
                (kind, codec) = told;
            }
            if let (0x0A | 0x56 | 0x59, Some(code)) = (tag, body.first_chunk()) {
                language.get_or_insert(*code);
            }
            may_pause |= announces_pauses(tag, body);
        }
        Self {
            kind,
            codec,
            language,
            may_pause: may_pause || kind == Kind::Data,
        }
    }
}

/// The descriptors of a loop: tag and body. A descriptor that runs over the end is left out.
pub(crate) fn descriptors(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [tag, length, rest @ ..] = bytes else {
            return None;
        };
        let (body, behind) = rest.split_at_checked(usize::from(*length))?;
        bytes = behind;
        Some((*tag, body))
    })
}

const fn by_stream_type(stream_type: u8) -> (Kind, &'static str) {
    match stream_type {
        0x01 => (Kind::Video, "MPEG-1 video"),
        0x02 => (Kind::Video, "MPEG-2 video"),
        0x03 | 0x04 => (Kind::Audio, "MPEG audio"),
        0x05 => (Kind::Data, "private sections"),
        0x06 => (Kind::Data, "private data"),
        0x08 | 0x0A..=0x0D | 0x14 => (Kind::Data, "DSM-CC"),
        0x0F => (Kind::Audio, "AAC"),
        0x10 => (Kind::Video, "MPEG-4 Visual"),
        0x11 => (Kind::Audio, "AAC (LATM)"),
        0x15 | 0x16 => (Kind::Data, "metadata"),
        0x1B | 0x1F | 0x20 | 0x23 => (Kind::Video, "H.264"),
        0x1C => (Kind::Audio, "AAC (raw)"),
        0x21 => (Kind::Video, "JPEG 2000"),
        0x24 | 0x25 => (Kind::Video, "HEVC"),
        0x2D | 0x2E => (Kind::Audio, "MPEG-H 3D Audio"),
        0x32 => (Kind::Video, "JPEG XS"),
        0x33 | 0x34 => (Kind::Video, "VVC"),
        0x42 | 0xD2 => (Kind::Video, "AVS"),
        0x81 => (Kind::Audio, "AC-3"),
        0x82 | 0x85 | 0x8A => (Kind::Audio, "DTS"),
        0x86 => (Kind::Data, "SCTE-35"),
        0x87 => (Kind::Audio, "E-AC-3"),
        0xEA => (Kind::Video, "VC-1"),
        _ => (Kind::Data, "unknown"),
    }
}

/// What a descriptor says of private data (`stream_type` 0x06), or in correction of the type.
fn by_descriptor(stream_type: u8, tag: u8, body: &[u8]) -> Option<(Kind, &'static str)> {
    if stream_type != 0x06 {
        return None;
    }
    Some(match (tag, body) {
        (0x05, b"AC-3") | (0x6A, _) => (Kind::Audio, "AC-3"),
        (0x05, b"EAC3") | (0x7A, _) => (Kind::Audio, "E-AC-3"),
        (0x05, b"Opus") => (Kind::Audio, "Opus"),
        (0x05, b"HEVC") => (Kind::Video, "HEVC"),
        (0x05, b"AV01") => (Kind::Video, "AV1"),
        (0x05, b"KLVA") => (Kind::Data, "KLV metadata"),
        (0x05, b"CUEI") => (Kind::Data, "SCTE-35"),
        (0x7B, _) | (0x05, b"DTS1" | b"DTS2" | b"DTS3") => (Kind::Audio, "DTS"),
        (0x7C, _) => (Kind::Audio, "AAC"),
        (0x7F, [0x15, ..]) => (Kind::Audio, "AC-4"),
        (0x45 | 0x46, _) => (Kind::Data, "VBI data"),
        (0x56, _) => (Kind::Data, "teletext"),
        (0x59, _) => (Kind::Data, "DVB subtitles"),
        (0x6F, _) => (Kind::Data, "AIT"),
        _ => return None,
    })
}

/// True for audio with a type other than undefined, and for video of still pictures.
fn announces_pauses(tag: u8, body: &[u8]) -> bool {
    let bit = |at: usize, mask: u8| body.get(at).is_some_and(|byte| byte & mask != 0);
    match tag {
        0x02 => bit(0, 0x01),
        0x0A => bit(3, 0xFF),
        0x28 => bit(3, 0x80),
        0x38 => bit(12, 0x40),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Kind, descriptors};

    #[test]
    fn descriptors_tell_what_private_data_is() {
        let ac3 = Content::of(0x06, &[0x0A, 4, b'd', b'e', b'u', 0, 0x6A, 1, 0]);
        assert_eq!((ac3.kind, ac3.codec), (Kind::Audio, "AC-3"));
        assert_eq!(ac3.language, Some(*b"deu"));
        assert!(!ac3.may_pause);
        let teletext = Content::of(0x06, &[0x56, 5, b'f', b'r', b'a', 9, 0]);
        assert_eq!((teletext.codec, teletext.may_pause), ("teletext", true));
    }

    #[test]
    fn audio_for_the_impaired_may_pause() {
        assert!(Content::of(0x0F, &[0x0A, 4, b'e', b'n', b'g', 3]).may_pause);
        assert!(!Content::of(0x0F, &[0x0A, 4, b'e', b'n', b'g', 0]).may_pause);
    }

    #[test]
    fn a_descriptor_beyond_the_end_is_left_out() {
        let found: Vec<_> = descriptors(&[1, 1, 9, 2, 5, 0]).collect();
        assert_eq!(found, [(1, &[9][..])]);
    }
}
