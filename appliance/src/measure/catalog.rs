//! What the tables say of the stream: programs, their streams, names, and which PIDs are referred
//! to.
//!
//! Source: ISO/IEC 13818-1 §2.4.4.3 (PAT), §2.4.4.5 (CAT), §2.4.4.8 (PMT), §2.6.16
//! (`CA_descriptor`); EN 300 468 §5.2.3 (SDT), §6.2.33 (`service_descriptor`).
//!
//! Takes only sections whose `CRC_32` is right; the bytes are hostile all the same.

use heapless::Vec as BoundedVec;

use crate::{
    demux::{Pid, Section},
    measure::{
        content::{Content, descriptors},
        text::dvb_text,
    },
};

/// Programs kept; further ones of the PAT are counted and dropped.
pub(crate) const PROGRAMS_MAX: usize = 256;

/// Elementary streams kept of one program.
const STREAMS_MAX: usize = 48;

/// PIDs of ECMs kept of one program, and of EMMs of the stream.
const CONDITIONAL_ACCESS_PIDS_MAX: usize = 32;

/// Names kept: as many services as programs.
const NAMES_MAX: usize = PROGRAMS_MAX;

const CA_DESCRIPTOR: u8 = 0x09;
const SERVICE_DESCRIPTOR: u8 = 0x48;

/// PIDs of conditional access.
pub(crate) type ConditionalAccess = BoundedVec<Pid, CONDITIONAL_ACCESS_PIDS_MAX>;

/// One program of the PAT, and its PMT once that has come.
#[derive(Debug)]
pub(crate) struct ProgramEntry {
    pub(crate) number: u16,
    pub(crate) pmt_pid: Pid,
    pub(crate) pcr_pid: Option<Pid>,
    pub(crate) streams: BoundedVec<StreamEntry, STREAMS_MAX>,
    conditional_access: ConditionalAccess,
    /// `CRC_32` of the PMT that was read.
    pmt_crc: Option<u32>,
    is_listed: bool,
}

/// One elementary stream of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamEntry {
    pub(crate) pid: Pid,
    pub(crate) stream_type: u8,
    pub(crate) content: Content,
}

#[derive(Debug)]
struct Name {
    service_id: u16,
    service: String,
    provider: String,
}

/// All that the tables said so far.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    transport_stream_id: Option<u16>,
    network_pid: Option<Pid>,
    programs: Vec<ProgramEntry>,
    names: Vec<Name>,
    conditional_access: ConditionalAccess,
    /// `CRC_32` of each section of the PAT, by `section_number`.
    pat_crcs: Vec<Option<u32>>,
    cat_crc: Option<u32>,
    /// Programs, streams and names beyond what is kept.
    pub(crate) entries_dropped: u64,
}

impl Catalog {
    pub(crate) const fn transport_stream_id(&self) -> Option<u16> {
        self.transport_stream_id
    }

    pub(crate) fn programs(&self) -> &[ProgramEntry] {
        &self.programs
    }

    /// Name and provider of a service; empty until the SDT has told them.
    pub(crate) fn name(&self, service_id: u16) -> (&str, &str) {
        self.names
            .iter()
            .find(|name| name.service_id == service_id)
            .map_or(("", ""), |name| (&name.service, &name.provider))
    }

    /// Calls `each` for every PID that PAT, CAT or a PMT refers to, some more than once.
    pub(crate) fn each_reference(&self, mut each: impl FnMut(Pid)) {
        let programs = self.programs.iter();
        let of_programs = programs.flat_map(|program| {
            let streams = program.streams.iter().map(|stream| stream.pid);
            [Some(program.pmt_pid), program.pcr_pid]
                .into_iter()
                .flatten()
                .chain(streams)
                .chain(program.conditional_access.iter().copied())
        });
        self.network_pid
            .into_iter()
            .chain(self.conditional_access.iter().copied())
            .chain(of_programs)
            .for_each(&mut each);
    }

    /// Reads a section of the PAT; returns true when it changes what is known.
    pub(crate) fn take_pat(&mut self, section: Section<'_>) -> bool {
        let number = usize::from(section.section_number());
        let crc = Some(stored_crc(section));
        self.pat_crcs.resize(256, None);
        if self.pat_crcs[number] == crc {
            return false;
        }
        if self.pat_crcs[number].is_some() {
            self.begin_pat();
        }
        self.pat_crcs[number] = crc;
        self.transport_stream_id = Some(section.table_id_extension());
        let (entries, _) = section.body().as_chunks::<4>();
        for &[a, b, c, d] in entries {
            let pid = Pid::from_bits(u16::from_be_bytes([c, d]));
            match u16::from_be_bytes([a, b]) {
                0 => self.network_pid = Some(pid),
                number => self.list(number, pid),
            }
        }
        let last = usize::from(section.last_section_number());
        if self.pat_crcs[..=last].iter().all(Option::is_some) {
            self.programs.retain(|program| program.is_listed);
        }
        true
    }

    /// A section differs from the one of the same number: a new PAT begins. What the old one
    /// listed stays until the new one is whole.
    fn begin_pat(&mut self) {
        self.pat_crcs.fill(None);
        self.network_pid = None;
        for program in &mut self.programs {
            program.is_listed = false;
        }
    }

    fn list(&mut self, number: u16, pmt_pid: Pid) {
        let known = self
            .programs
            .iter_mut()
            .find(|program| program.number == number && program.pmt_pid == pmt_pid);
        if let Some(program) = known {
            program.is_listed = true;
        } else if self.programs.len() < PROGRAMS_MAX {
            self.programs.push(ProgramEntry {
                number,
                pmt_pid,
                pcr_pid: None,
                streams: BoundedVec::new(),
                conditional_access: ConditionalAccess::new(),
                pmt_crc: None,
                is_listed: true,
            });
        } else {
            self.entries_dropped += 1;
        }
    }

    /// Reads a PMT that came on `pid`; returns true when it changes what is known.
    pub(crate) fn take_pmt(&mut self, pid: Pid, section: Section<'_>) -> bool {
        let number = section.table_id_extension();
        let crc = Some(stored_crc(section));
        let program = self
            .programs
            .iter_mut()
            .find(|program| program.number == number && program.pmt_pid == pid);
        let Some(program) = program.filter(|program| program.pmt_crc != crc) else {
            return false;
        };
        program.pmt_crc = crc;
        self.entries_dropped += program.read_pmt(section.body());
        true
    }

    /// Reads a section of the CAT; returns true when it changes what is known.
    pub(crate) fn take_cat(&mut self, section: Section<'_>) -> bool {
        let crc = Some(stored_crc(section));
        if self.cat_crc == crc {
            return false;
        }
        self.cat_crc = crc;
        self.conditional_access.clear();
        self.entries_dropped += add_ca_pids(section.body(), &mut self.conditional_access);
        true
    }

    /// Reads the names out of a section of the SDT.
    pub(crate) fn take_sdt(&mut self, section: Section<'_>) {
        let mut services = section.body().get(3..).unwrap_or_default();
        while let [a, b, _, high, low, rest @ ..] = services {
            let length = usize::from(u16::from_be_bytes([high & 0x0F, *low]));
            let Some((loop_bytes, behind)) = rest.split_at_checked(length) else {
                return;
            };
            services = behind;
            let service_id = u16::from_be_bytes([*a, *b]);
            let descriptor = descriptors(loop_bytes).find(|(tag, _)| *tag == SERVICE_DESCRIPTOR);
            if let Some((provider, service)) = descriptor.and_then(|(_, body)| names(body)) {
                self.set_name(service_id, service, provider);
            }
        }
    }

    fn set_name(&mut self, service_id: u16, service: &[u8], provider: &[u8]) {
        let known = self
            .names
            .iter_mut()
            .find(|name| name.service_id == service_id);
        let (service, provider) = (dvb_text(service), dvb_text(provider));
        if let Some(name) = known {
            (name.service, name.provider) = (service, provider);
        } else if self.names.len() < NAMES_MAX {
            self.names.push(Name {
                service_id,
                service,
                provider,
            });
        } else {
            self.entries_dropped += 1;
        }
    }
}

impl ProgramEntry {
    /// True once its PMT has come.
    pub(crate) const fn has_pmt(&self) -> bool {
        self.pmt_crc.is_some()
    }

    /// Reads the body of a PMT; returns how many entries found no room.
    fn read_pmt(&mut self, body: &[u8]) -> u64 {
        self.pcr_pid = None;
        self.streams.clear();
        self.conditional_access.clear();
        let [pcr_high, pcr_low, high, low, rest @ ..] = body else {
            return 0;
        };
        let pcr_pid = Pid::from_bits(u16::from_be_bytes([*pcr_high, *pcr_low]));
        self.pcr_pid = (pcr_pid != Pid::NULL).then_some(pcr_pid);
        let length = usize::from(u16::from_be_bytes([high & 0x0F, *low]));
        let Some((program_info, mut streams)) = rest.split_at_checked(length) else {
            return 0;
        };
        let mut dropped = add_ca_pids(program_info, &mut self.conditional_access);
        while let [stream_type, pid_high, pid_low, high, low, rest @ ..] = streams {
            let length = usize::from(u16::from_be_bytes([high & 0x0F, *low]));
            let Some((es_info, behind)) = rest.split_at_checked(length) else {
                break;
            };
            streams = behind;
            dropped += add_ca_pids(es_info, &mut self.conditional_access);
            let stream = StreamEntry {
                pid: Pid::from_bits(u16::from_be_bytes([*pid_high, *pid_low])),
                stream_type: *stream_type,
                content: Content::of(*stream_type, es_info),
            };
            dropped += u64::from(self.streams.push(stream).is_err());
        }
        dropped
    }
}

/// Adds the `CA_PIDs` of a descriptor loop; returns how many found no room.
fn add_ca_pids(descriptor_loop: &[u8], pids: &mut ConditionalAccess) -> u64 {
    let mut dropped = 0;
    for (tag, body) in descriptors(descriptor_loop) {
        if let (CA_DESCRIPTOR, [_, _, high, low, ..]) = (tag, body) {
            let pid = Pid::from_bits(u16::from_be_bytes([*high, *low]));
            let is_new = !pids.contains(&pid);
            dropped += u64::from(is_new && pids.push(pid).is_err());
        }
    }
    dropped
}

/// Provider and service name of a `service_descriptor`.
fn names(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_, length, rest @ ..] = body else {
        return None;
    };
    let (provider, rest) = rest.split_at_checked(usize::from(*length))?;
    let [length, rest @ ..] = rest else {
        return None;
    };
    Some((provider, rest.get(..usize::from(*length))?))
}

/// The `CRC_32` field, as the mark of a section's content.
fn stored_crc(section: Section<'_>) -> u32 {
    section
        .bytes()
        .last_chunk()
        .map_or(0, |&crc| u32::from_be_bytes(crc))
}
