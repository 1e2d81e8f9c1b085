//! Splice messages that were obeyed, so that each is told once.
//!
//! Source: ANSI/SCTE 35 §9.2 (a message is sent again before its time, against loss).
//!
//! What repeats the last message of its event, whatever the multiplexer made of `pts_adjustment` on
//! the way, says nothing new. Refuses: to remember a message that nobody could use yet; its
//! repetition is there for that.

use heapless::Vec;

use crate::demux::{Pid, Splice, SpliceCommand, SpliceTime, crc_32};

/// Events whose last message is remembered: more than are ever under way together.
const EVENTS_MAX: usize = 16;

/// From `table_id` to `cw_index`: what stands before the content.
const ENVELOPE_BYTES: usize = 10;

/// `CRC_32`: what stands behind it.
const CRC_BYTES: usize = 4;

/// The last message of each of the last events.
#[derive(Debug, Default)]
pub(super) struct Heard {
    messages: Vec<Message, EVENTS_MAX>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    event: Event,
    /// When, by the clock of the stream.
    time: Option<SpliceTime>,
    /// CRC of all behind the envelope.
    content_crc: u32,
}

/// PID and number of an event, and what kind of break it is about.
type Event = (Pid, u32, u8);

impl Heard {
    /// True when `splice` is the last message of its event once more.
    pub(super) fn is_repetition(&self, splice: &Splice<'_>) -> bool {
        self.messages.contains(&Message::of(splice))
    }

    /// Takes `splice` for the last message of its event; beyond [`EVENTS_MAX`] the oldest event is
    /// forgotten, and told anew if it is repeated.
    pub(super) fn remember(&mut self, splice: &Splice<'_>) {
        let message = Message::of(splice);
        self.messages.retain(|known| known.event != message.event);
        if self.messages.is_full() {
            self.messages.remove(0);
        }
        self.messages
            .push(message)
            .expect("the oldest has made room");
    }

    /// Forgets all, because the timeline that they speak of has ended.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }
}

impl Message {
    fn of(splice: &Splice<'_>) -> Self {
        let info = &splice.info;
        let end = info.bytes().len().saturating_sub(CRC_BYTES);
        let content = info.bytes().get(ENVELOPE_BYTES..end).unwrap_or_default();
        let ((number, kind), time) = match info.command {
            SpliceCommand::Insert(insert) => {
                let time = insert.detail.map(|detail| detail.time);
                ((insert.event_id, 0), time)
            }
            SpliceCommand::TimeSignal(time) => {
                let first = info.segmentations().next();
                let event = first.map_or((0, 0), |first| (first.event_id, first.break_kind()));
                (event, Some(time))
            }
            SpliceCommand::Null
            | SpliceCommand::Schedule
            | SpliceCommand::BandwidthReservation
            | SpliceCommand::Private
            | SpliceCommand::Reserved(_) => ((0, 0), None),
        };
        Self {
            event: (splice.pid, number, kind),
            time,
            content_crc: crc_32(content),
        }
    }
}
