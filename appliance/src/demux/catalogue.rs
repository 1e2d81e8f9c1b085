//! Keeps what the PAT and the PMTs say, and notices when it changes.
//!
//! Source: ISO/IEC 13818-1 §2.4.4.3 to §2.4.4.10. A table whose bytes are those accepted last is
//! passed over before its `CRC_32` is computed; any other is accepted only with a right one.
//! Several programs may share a `program_map_PID`.
//!
//! Refuses: tables that are not yet in force (`current_next_indicator` 0).

use heapless::Vec as Bounded;

use crate::demux::psi::{PSI_SECTION_BYTES_MAX, Section, SectionAssembler};
use crate::demux::tables::{self, PAT_TABLE_ID, PMT_TABLE_ID};
use crate::demux::{Counters, Packet, Pid, Program};

/// Programs kept of a PAT; further ones are counted in `programs_dropped`.
pub(super) const PROGRAMS_MAX: usize = 256;

type Rows = Bounded<(u16, Pid), PROGRAMS_MAX>;

/// The programs of a transport stream.
#[derive(Debug)]
pub(super) struct Catalogue {
    pat: Box<Pat>,
    /// In the order of their numbers.
    entries: Vec<Entry>,
    /// One for each PMT PID that is listened to.
    pmts: Vec<Pmt>,
    /// The one program whose PMT is wanted; `None` for all.
    only: Option<u16>,
}

/// The PAT, and the one being collected over several sections.
#[derive(Debug)]
struct Pat {
    assembler: SectionAssembler,
    /// The section accepted last, when it was the only one.
    accepted: Bounded<u8, PSI_SECTION_BYTES_MAX>,
    transport_stream_id: u16,
    /// What [`Self::transport_stream_id`] is to be, if that is known.
    expected: Option<u16>,
    collecting: Option<Collecting>,
}

/// Sections of one PAT received so far.
#[derive(Debug)]
struct Collecting {
    transport_stream_id: u16,
    version: u8,
    last_section_number: u8,
    /// One bit for each `section_number`.
    received: [u128; 2],
    rows: Rows,
}

#[derive(Debug)]
struct Entry {
    number: u16,
    pmt_pid: Pid,
    program: Option<Box<Program>>,
}

#[derive(Debug)]
struct Pmt {
    pid: Pid,
    assembler: Box<SectionAssembler>,
}

impl Catalogue {
    /// Knows no table yet; reads the PMT of program `only`, or of all.
    pub(super) fn new(only: Option<u16>) -> Self {
        let pat = Pat {
            assembler: SectionAssembler::new(),
            accepted: Bounded::new(),
            transport_stream_id: 0,
            expected: None,
            collecting: None,
        };
        Self {
            pat: Box::new(pat),
            entries: Vec::new(),
            pmts: Vec::new(),
            only,
        }
    }

    /// Counts PATs that name another stream than this from now on.
    pub(super) fn expect_stream(&mut self, transport_stream_id: Option<u16>) {
        self.pat.expected = transport_stream_id;
    }

    /// `program_number` and `program_map_PID` of each program, by number.
    pub(super) fn programs(&self) -> impl Iterator<Item = (u16, Pid)> {
        self.entries
            .iter()
            .map(|entry| (entry.number, entry.pmt_pid))
    }

    /// Program `number`, once its PMT is known.
    pub(super) fn program(&self, number: u16) -> Option<&Program> {
        let entry = self.entries.iter().find(|entry| entry.number == number)?;
        entry.program.as_deref()
    }

    /// The programs whose PMTs are known, by number.
    pub(super) fn known(&self) -> impl Iterator<Item = &Program> {
        self.entries
            .iter()
            .filter_map(|entry| entry.program.as_deref())
    }

    /// True when the PAT is known, and the PMT of each program in it that is wanted.
    pub(super) fn is_complete(&self) -> bool {
        let wanted = |entry: &&Entry| self.only.is_none_or(|only| only == entry.number);
        let mut wanted = self.entries.iter().filter(wanted).peekable();
        wanted.peek().is_some() && wanted.all(|entry| entry.program.is_some())
    }

    /// PIDs to be given to [`Self::push_pmt`].
    pub(super) fn pmt_pids(&self) -> impl Iterator<Item = Pid> {
        self.pmts.iter().map(|pmt| pmt.pid)
    }

    /// Reads the PMTs of program `only`, or of all, from now on and forgets those not wanted.
    pub(super) fn listen(&mut self, only: Option<u16>) {
        self.only = only;
        for entry in &mut self.entries {
            if only.is_some_and(|only| only != entry.number) {
                entry.program = None;
            }
        }
        self.renew_pmts();
    }

    /// Forgets unfinished sections: the next packets do not follow those before.
    pub(super) fn restart(&mut self) {
        self.pat.assembler = SectionAssembler::new();
        self.pat.collecting = None;
        for pmt in &mut self.pmts {
            *pmt.assembler = SectionAssembler::new();
        }
    }

    /// Takes a packet of PID 0; returns true when the PAT is new.
    pub(super) fn push_pat(&mut self, packet: Packet<'_>, counters: &mut Counters) -> bool {
        let Pat {
            assembler,
            accepted,
            collecting,
            transport_stream_id,
            expected,
        } = &mut *self.pat;
        let (before, expected) = (*transport_stream_id, *expected);
        let mut complete = None;
        // Assembling and collecting count apart: both borrow for the length of the call.
        let mut found = Counters::default();
        assembler.push(packet, counters, |section| {
            if !is_in_force(section, PAT_TABLE_ID) {
                return;
            }
            let is_known = accepted.as_slice() == section.bytes();
            let is_whole = is_known || has_right_crc(section, &mut found);
            found.pat_sections += u64::from(is_whole);
            let named = section.table_id_extension();
            let is_foreign = is_whole && expected.is_some_and(|expected| expected != named);
            found.transport_stream_id_errors += u64::from(is_foreign);
            if is_whole && !is_known {
                complete = collect(collecting, section, &mut found).or(complete.take());
                accepted.clear();
                if section.last_section_number() == 0 {
                    *accepted = Bounded::from_slice(section.bytes()).unwrap_or_default();
                }
            }
        });
        counters.crc_error += found.crc_error;
        counters.pat_sections += found.pat_sections;
        counters.transport_stream_id_errors += found.transport_stream_id_errors;
        counters.programs_dropped += found.programs_dropped;
        let is_first = self.entries.is_empty();
        let changed = complete.is_some_and(|pat| self.adopt_pat(&pat));
        let is_other = !is_first && self.pat.transport_stream_id != before;
        counters.pat_changes += u64::from(changed);
        counters.transport_stream_id_changes += u64::from(is_other);
        changed
    }

    /// Takes a packet of a PMT PID; returns true when the PMT of a program is new.
    pub(super) fn push_pmt(&mut self, packet: Packet<'_>, counters: &mut Counters) -> bool {
        let pid = packet.pid();
        let Some(pmt) = self.pmts.iter_mut().find(|pmt| pmt.pid == pid) else {
            return false;
        };
        let entries = &mut self.entries;
        let only = self.only;
        let transport_stream_id = self.pat.transport_stream_id;
        let mut changed = false;
        let mut found = Counters::default();
        pmt.assembler.push(packet, counters, |section| {
            let number = section.table_id_extension();
            let entry = entries.iter_mut().find(|entry| {
                entry.number == number && entry.pmt_pid == pid && only.is_none_or(|it| it == number)
            });
            let Some(entry) = entry.filter(|_| is_in_force(section, PMT_TABLE_ID)) else {
                return;
            };
            let known = entry
                .program
                .as_ref()
                .map(|program| program.pmt_section.as_slice());
            let is_known = known == Some(section.bytes());
            let is_whole = is_known || has_right_crc(section, &mut found);
            found.pmt_sections += u64::from(is_whole);
            if is_known || !is_whole {
                return;
            }
            match tables::program(section, pid, transport_stream_id, &mut found) {
                Some(program) => {
                    entry.program = Some(Box::new(program));
                    changed = true;
                }
                None => found.sections_malformed += 1,
            }
        });
        counters.crc_error += found.crc_error;
        counters.pmt_sections += found.pmt_sections;
        counters.sections_malformed += found.sections_malformed;
        counters.streams_dropped += found.streams_dropped;
        changed
    }

    /// Takes a packet of a PMT PID unless the PMT of each program that uses it is known.
    pub(super) fn push_first_pmt(&mut self, packet: Packet<'_>, counters: &mut Counters) -> bool {
        let pid = packet.pid();
        let is_missing = |entry: &Entry| entry.pmt_pid == pid && entry.program.is_none();
        self.entries.iter().any(is_missing) && self.push_pmt(packet, counters)
    }

    /// Replaces the PAT; returns false when it says what the last one said.
    fn adopt_pat(&mut self, pat: &Collecting) -> bool {
        let same_stream = pat.transport_stream_id == self.pat.transport_stream_id;
        if same_stream && self.programs().eq(pat.rows.iter().copied()) {
            return false;
        }
        self.pat.transport_stream_id = pat.transport_stream_id;
        let mut before = std::mem::take(&mut self.entries);
        self.entries
            .extend(pat.rows.iter().map(|&(number, pmt_pid)| {
                // A program whose PMT moves to another PID stays what it was until that PMT comes.
                let same = before.iter_mut().find(|entry| entry.number == number);
                let mut program = same.and_then(|entry| entry.program.take());
                if let Some(program) = &mut program {
                    program.transport_stream_id = pat.transport_stream_id;
                    program.pmt_pid = pmt_pid;
                }
                Entry {
                    number,
                    pmt_pid,
                    program,
                }
            }));
        self.renew_pmts();
        true
    }

    /// Listens to the PMT PIDs of the programs that are wanted; those listened to before keep
    /// their unfinished sections.
    fn renew_pmts(&mut self) {
        let mut before = std::mem::take(&mut self.pmts);
        for entry in &self.entries {
            let pid = entry.pmt_pid;
            let is_wanted = self.only.is_none_or(|only| only == entry.number)
                && ![Pid::PAT, Pid::CAT, Pid::NULL].contains(&pid);
            if !is_wanted || self.pmts.iter().any(|pmt| pmt.pid == pid) {
                continue;
            }
            let pmt = match before.iter().position(|pmt| pmt.pid == pid) {
                Some(at) => before.swap_remove(at),
                None => Pmt {
                    pid,
                    assembler: Box::default(),
                },
            };
            self.pmts.push(pmt);
        }
    }
}

/// True for a section of table `table_id` that holds now.
fn is_in_force(section: Section<'_>, table_id: u8) -> bool {
    section.table_id() == table_id && section.has_long_header() && section.current_next()
}

fn has_right_crc(section: Section<'_>, counters: &mut Counters) -> bool {
    let is_right = section.crc_ok();
    counters.crc_error += u64::from(!is_right);
    is_right
}

/// Adds a PAT section to those collected; returns the PAT when none is missing, its programs in
/// the order of their numbers.
fn collect(
    collecting: &mut Option<Collecting>,
    section: Section<'_>,
    counters: &mut Counters,
) -> Option<Collecting> {
    let begun = collecting.take().filter(|pat| {
        pat.transport_stream_id == section.table_id_extension()
            && pat.version == section.version()
            && pat.last_section_number == section.last_section_number()
    });
    let mut pat = begun.unwrap_or_else(|| Collecting {
        transport_stream_id: section.table_id_extension(),
        version: section.version(),
        last_section_number: section.last_section_number(),
        received: [0; 2],
        rows: Rows::new(),
    });
    if pat.receive(section.section_number()) {
        for (number, pid) in tables::programs(section) {
            let is_known = pat.rows.iter().any(|&(known, _)| known == number);
            if !is_known && pat.rows.push((number, pid)).is_err() {
                counters.programs_dropped += 1;
            }
        }
    }
    if !pat.is_complete() {
        *collecting = Some(pat);
        return None;
    }
    pat.rows.sort_unstable_by_key(|&(number, _)| number);
    Some(pat)
}

impl Collecting {
    /// Notes section `number`; returns false when it was there, or is none of this PAT.
    fn receive(&mut self, number: u8) -> bool {
        let bit = 1 << (number % 128);
        let [low, high] = &mut self.received;
        let half = if number < 128 { low } else { high };
        let is_new = *half & bit == 0 && number <= self.last_section_number;
        if is_new {
            *half |= bit;
        }
        is_new
    }

    fn is_complete(&self) -> bool {
        let received: u32 = self.received.iter().map(|half| half.count_ones()).sum();
        received == u32::from(self.last_section_number) + 1
    }
}
