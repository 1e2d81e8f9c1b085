//! Splice information as encoders send it, made from nothing.
//!
//! Source: SCTE 35 2023r1 §9.6 (`splice_info_section`), §9.7.3 (`splice_insert`), §10.3.3
//! (`segmentation_descriptor`). Independent of the product's own reader.

/// The low 32 bits of a time of 33.
pub fn low(number: u64) -> [u8; 4] {
    u32::try_from(number & 0xFFFF_FFFF)
        .expect("masked")
        .to_be_bytes()
}

/// The highest bit of a time of 33.
pub fn bit(number: u64) -> u8 {
    u8::try_from(number >> 32 & 1).expect("one bit")
}

/// A `splice_info_section` without its `CRC_32`.
pub fn section(adjustment: u64, command_type: u8, command: &[u8], descriptors: &[u8]) -> Vec<u8> {
    let short = |length: usize| u8::try_from(length).expect("a short section");
    let mut section = vec![0xFC, 0x30, short(command.len() + descriptors.len() + 17), 0];
    section.push(bit(adjustment));
    section.extend(low(adjustment));
    section.extend([0, 0xFF, 0xF0, short(command.len()), command_type]);
    section.extend(command);
    section.extend([0, short(descriptors.len())]);
    section.extend(descriptors);
    section
}

/// The command of a `splice_insert`.
pub fn insert(event: u32, out: bool, pts: Option<u64>, duration: Option<u64>) -> Vec<u8> {
    let mut flags = 0x4F;
    flags |= if out { 0x80 } else { 0 };
    flags |= if duration.is_some() { 0x20 } else { 0 };
    flags |= if pts.is_none() { 0x10 } else { 0 };
    let mut command = event.to_be_bytes().to_vec();
    command.extend([0x7F, flags]);
    for (number, first) in [(pts, 0xFE), (duration, 0x7E)] {
        if let Some(number) = number {
            command.push(first | bit(number));
            command.extend(low(number));
        }
    }
    command.extend([0, 1, 0, 0]);
    command
}

/// A `segmentation_descriptor` without a name for its content.
pub fn segmentation(event: u32, type_id: u8, duration: Option<u64>) -> Vec<u8> {
    let mut content = b"CUEI".to_vec();
    content.extend(event.to_be_bytes());
    content.extend([0x7F, if duration.is_some() { 0xFF } else { 0xBF }]);
    if let Some(duration) = duration {
        content.push(0);
        content.extend(low(duration));
    }
    content.extend([0, 0, type_id, 1, 1]);
    let length = u8::try_from(content.len()).expect("it is short");
    [&[2, length][..], &content].concat()
}
