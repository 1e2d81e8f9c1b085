//! A teletext page of a rendition as WebVTT.
//!
//! Source: RFC 8216 §3.5; EN 300 472 §4.2 (PTS of teletext); EN 300 468 §6.2.43 (which page).
//!
//! A multiplex carries pictures a second before they are shown, and subtitles just in time: those
//! of the last second of a segment come behind its last picture. So a segment of subtitles is whole
//! when the program's clock has passed its end, or at the latest with the next one. What is still
//! on the screen then ends with the segment and begins again with the next: at the live edge nobody
//! knows when it goes, and a cue must tell.
//!
//! Text goes when the page says so, when nobody has repeated it for half a minute, and when the
//! clock leaps. Refuses: to guess. A page that says nothing makes segments without cues.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    demux::{
        AdaptationField, PACKET_BYTES, Packet, Pid, Program, Pts, StreamKind, TeletextKind,
        TeletextPage,
    },
    segment::{
        Output, Segment,
        track::{
            Counters,
            program_reader::{Kind, ProgramReader},
            web_vtt::{Text, header, text, write_cue},
        },
    },
    teletext::{self, Receiver, Region, Shown},
};

/// Changes of the screen that wait for their segment: some twenty a second for 12 s.
const CHANGES_MAX: usize = 256;

/// Bytes of text that wait for their segment.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The clock has leapt when it goes back, or so far ahead.
const LEAP_90K: i64 = 10 * 90_000;

/// Text that nobody repeats goes after this time.
const STALE_90K: u64 = 30 * 90_000;

/// Text of a page that the program has left goes after this time: some is sent ahead.
const LEFT_90K: u64 = 90_000;

/// Which page is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageChoice {
    /// The first page of subtitles that the program announces.
    First,
    /// The one of this number, in hexadecimal digits, in `0x100..0x900`.
    Number(u16),
    /// The first page of subtitles that the program announces in this language.
    Language([u8; 3]),
}

/// Makes the segments of subtitles.
///
/// # Limits
/// Holds 256 changes of 64 KiB together, a page and a PES packet.
#[derive(Debug)]
pub struct Subtitles {
    choice: PageChoice,
    reader: ProgramReader,
    page: Option<TeletextPage>,
    receiver: Option<Receiver>,
    /// Of receivers that have ended.
    damage: teletext::Counters,
    clock_pid: Option<Pid>,
    /// The program's clock.
    clock: Option<Pts>,
    screen: Screen,
    /// A segment that has ended in the rendition, and whose text may not be all there.
    due: Option<Segment>,
    is_open: bool,
    counters: Counters,
}

/// What is on the screen, and when that changes.
#[derive(Debug, Default)]
struct Screen {
    /// At the end of the last segment.
    before: Option<Text>,
    /// Oldest first.
    changes: VecDeque<(Pts, Option<Text>)>,
    /// Bytes of text in them.
    bytes: usize,
    /// After all of them.
    present: Option<Text>,
    /// When that goes if nobody repeats it.
    expires: Option<Pts>,
}

impl Subtitles {
    /// Makes a track of the page of `choice`.
    pub fn new(choice: PageChoice) -> Self {
        Self {
            choice,
            reader: ProgramReader::default(),
            page: None,
            receiver: None,
            damage: teletext::Counters::default(),
            clock_pid: None,
            clock: None,
            screen: Screen::default(),
            due: None,
            is_open: false,
            counters: Counters::default(),
        }
    }

    /// The page that is taken, as the program announces it; `None` while it does not.
    pub fn page(&self) -> Option<&TeletextPage> {
        self.page.as_ref()
    }

    /// Takes the next output of the segmenter. Breaks stand in the rendition's own list.
    pub(super) fn push(&mut self, output: &Output, mut each: impl FnMut(Output)) {
        match output {
            Output::Begin { .. } => {
                self.is_open = true;
                self.reader.begin();
            }
            Output::Bytes(bytes) if self.is_open => self.read(bytes, &mut each),
            Output::Bytes(_) | Output::Cue(_) => {}
            Output::End(segment) => {
                self.hand_on(&mut each);
                self.due = Some(*segment).filter(|_| std::mem::take(&mut self.is_open));
                self.hand_on_if_passed(&mut each);
            }
            Output::Gap(segment) => {
                self.hand_on(&mut each);
                self.counters.track_gaps += 1;
                each(Output::Gap(*segment));
            }
        }
    }

    /// The open segment was given up; the one before is whole.
    pub(super) fn abandon(&mut self, mut each: impl FnMut(Output)) {
        self.is_open = false;
        self.hand_on(&mut each);
    }

    pub(super) fn counters(&self) -> Counters {
        let receiver = self.receiver.as_ref().map(Receiver::counters);
        let damage = self.damage.plus(&receiver.unwrap_or_default());
        self.counters.plus(&Counters {
            teletext_pages_unmarked: damage.pages_unmarked,
            teletext_packets_damaged: damage.packets_damaged,
            teletext_letters_damaged: damage.letters_damaged,
            teletext_units_malformed: damage.units_malformed,
            ..Counters::default()
        })
    }

    fn read(&mut self, bytes: &Bytes, each: &mut impl FnMut(Output)) {
        let (packets, _) = bytes.as_chunks::<PACKET_BYTES>();
        for packet in packets.iter().filter_map(Packet::new) {
            match self.reader.push(packet) {
                Kind::Pat | Kind::PmtPart => {}
                Kind::Pmt { is_changed } => {
                    if is_changed {
                        self.follow();
                    }
                }
                Kind::Stream => self.read_stream(packet, each),
            }
        }
    }

    fn follow(&mut self) {
        let Some(program) = self.reader.program() else {
            return;
        };
        self.clock_pid = program.pcr_pid;
        let page = choose(program, self.choice);
        if page == self.page {
            return;
        }
        let former = self.receiver.take();
        self.damage = former.map_or(self.damage, |it| self.damage.plus(&it.counters()));
        self.receiver = page.map(|page| {
            let home = Region::of_language(page.language);
            Receiver::new(page.pid, page.number, home)
        });
        self.page = page;
        self.screen.expires = self.clock.map(|clock| later(clock, LEFT_90K));
    }

    fn read_stream(&mut self, packet: Packet<'_>, each: &mut impl FnMut(Output)) {
        let is_clock = self.clock_pid == Some(packet.pid());
        let field = packet.adaptation_field().filter(|_| is_clock);
        if let Some(pcr) = field.and_then(AdaptationField::pcr) {
            self.tick(Pts::from_ticks(pcr.ticks() / 300), each);
        }
        let Self {
            receiver: Some(receiver),
            screen,
            counters,
            clock,
            ..
        } = self
        else {
            return;
        };
        let mut untimed = 0;
        let time = |pts| {
            let (at, is_odd) = time_of(pts, *clock);
            untimed += u64::from(is_odd);
            at
        };
        receiver.push(packet, time, |shown| screen.show(&shown, counters));
        counters.teletext_packets_untimed += untimed;
    }

    /// The program's clock is at `now`.
    fn tick(&mut self, now: Pts, each: &mut impl FnMut(Output)) {
        let before = self.clock.replace(now);
        let leapt = |before: Pts| !(0..LEAP_90K).contains(&now.ticks_since(before));
        if let Some(before) = before.filter(|before| leapt(*before)) {
            self.settle_all();
            self.screen.change(before, None, &mut self.counters);
            self.hand_on(each);
            return;
        }
        if let Some(receiver) = &mut self.receiver {
            let (screen, counters) = (&mut self.screen, &mut self.counters);
            receiver.settle(now, |shown| screen.show(&shown, counters));
        }
        self.screen.forget_stale(now, &mut self.counters);
        self.hand_on_if_passed(each);
    }

    /// What came of the page so far is all there is.
    fn settle_all(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            let (screen, counters) = (&mut self.screen, &mut self.counters);
            receiver.show(|shown| screen.show(&shown, counters));
        }
    }

    /// Hands the segment on that is due, if the clock has passed its end.
    fn hand_on_if_passed(&mut self, each: &mut impl FnMut(Output)) {
        let end = self
            .due
            .and_then(|due| Some((due.pts()?, due.duration_90k)));
        let is_passed = match (end, self.clock) {
            (Some((begin, duration_90k)), Some(clock)) => {
                let since_end = clock.ticks_since(begin) - duration_90k.cast_signed();
                !(-LEAP_90K..0).contains(&since_end)
            }
            // Without a clock nothing is waited for.
            (None, _) | (_, None) => true,
        };
        if is_passed {
            self.hand_on(each);
        }
    }

    /// Hands the segment on that is due.
    fn hand_on(&mut self, each: &mut impl FnMut(Output)) {
        let Some(segment) = self.due.take() else {
            return;
        };
        self.settle_all();
        let mut written = header(segment.pts().unwrap_or(Pts::from_ticks(0)));
        let cues = self.screen.cues(&segment, |span, text| {
            write_cue(&mut written, span, text);
        });
        self.counters.cues_written += cues;
        self.counters.track_segments += 1;
        let bytes = Bytes::from(written);
        let ended = Segment {
            bytes: bytes.len() as u64,
            independent: true,
            ..segment
        };
        each(Output::Begin {
            sequence: segment.sequence,
        });
        each(Output::Bytes(bytes));
        each(Output::End(ended));
    }
}

impl Screen {
    /// The page has come.
    fn show(&mut self, shown: &Shown, counters: &mut Counters) {
        counters.teletext_pages += 1;
        self.expires = Some(later(shown.at, STALE_90K));
        let text = text(&shown.lines);
        if text != self.present {
            self.change(shown.at, text, counters);
        }
    }

    /// From `at` on `text` is there, or nothing.
    fn change(&mut self, at: Pts, text: Option<Text>, counters: &mut Counters) {
        if text == self.present {
            return;
        }
        let bytes = text.as_ref().map_or(0, |text| text.len());
        if self.changes.len() >= CHANGES_MAX || self.bytes + bytes > TEXT_BYTES_MAX {
            counters.cues_dropped += 1;
            return;
        }
        self.bytes += bytes;
        self.present.clone_from(&text);
        self.changes.push_back((at, text));
    }

    fn forget_stale(&mut self, now: Pts, counters: &mut Counters) {
        let is_over = |expires: Pts| now.ticks_since(expires) >= 0;
        if self.present.is_some() && self.expires.is_none_or(is_over) {
            self.change(now, None, counters);
        }
    }

    /// Calls `each` for every cue of `segment`, in order, and tells how many there are. What lies
    /// behind it stays.
    fn cues(&mut self, segment: &Segment, mut each: impl FnMut((u64, u64), &str)) -> u64 {
        let duration_90k = segment.duration_90k;
        let (mut count, mut from) = (0, 0);
        let mut text = self.before.take();
        let mut cue = |text: &Option<Text>, span: (u64, u64)| {
            if let Some(text) = text.as_ref().filter(|_| span.0 < span.1) {
                each(span, text);
                count += 1;
            }
        };
        while let Some((at, next)) = self.changes.front() {
            let offset = segment.pts().map_or(0, |begin| at.ticks_since(begin));
            let behind = duration_90k.cast_signed()..duration_90k.cast_signed() + LEAP_90K;
            if behind.contains(&offset) {
                break;
            }
            // What lies elsewhere altogether is of a clock that is gone: it holds from now on.
            let offset = u64::try_from(offset).unwrap_or(0);
            let until = if offset < duration_90k {
                offset.max(from)
            } else {
                from
            };
            cue(&text, (from, until));
            from = until;
            self.bytes -= next.as_ref().map_or(0, |text| text.len());
            text.clone_from(next);
            self.changes.pop_front();
        }
        cue(&text, (from, duration_90k));
        self.before = text;
        count
    }
}

fn later(at: Pts, ticks: u64) -> Pts {
    Pts::from_ticks(at.ticks() + ticks)
}

/// When that is shown which came with `pts` while the clock was at `clock`, and whether the PTS is
/// absent or nowhere near.
fn time_of(pts: Option<Pts>, clock: Option<Pts>) -> (Option<Pts>, bool) {
    let Some(clock) = clock else {
        return (pts, pts.is_none());
    };
    let is_near = |pts: &Pts| pts.ticks_since(clock).abs() < LEAP_90K;
    let near = pts.filter(is_near);
    (Some(near.unwrap_or(clock)), near.is_none())
}

/// The page of `program` that is meant. One that it does not announce is looked for in its first
/// stream of teletext.
fn choose(program: &Program, choice: PageChoice) -> Option<TeletextPage> {
    let mut announced = program.teletext_pages();
    match choice {
        PageChoice::First => announced.find(|page| page.kind.is_subtitles()),
        PageChoice::Language(language) => {
            announced.find(|page| page.kind.is_subtitles() && page.language == language)
        }
        PageChoice::Number(number) => announced.find(|page| page.number == number).or_else(|| {
            let mut streams = program.streams.iter();
            let stream = streams.find(|stream| stream.kind == StreamKind::Teletext)?;
            Some(TeletextPage {
                pid: stream.pid,
                language: stream.language.unwrap_or(*b"und"),
                kind: TeletextKind::Other,
                number,
            })
        }),
    }
}
