//! Reads the program back out of the segments of its rendition.
//!
//! Source: ISO/IEC 13818-1 §2.4.4. The tables are those that [`crate::segment::mux`] wrote: a PAT
//! of one program, and its PMT. So what a track knows of the program changes exactly where the
//! segments say so.

use crate::demux::{self, Packet, Pid, Program, SectionAssembler};

/// What a packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of the PAT.
    Pat,
    /// Of a PMT that is not whole yet.
    PmtPart,
    /// The last of a PMT.
    Pmt {
        /// It says something new.
        is_changed: bool,
    },
    /// Of a stream.
    Stream,
}

/// Follows PAT and PMT.
#[derive(Debug, Default)]
pub(super) struct ProgramReader {
    pat: SectionAssembler,
    pmt: SectionAssembler,
    /// `transport_stream_id` and `program_map_PID`.
    association: Option<(u16, Pid)>,
    program: Option<Program>,
}

impl ProgramReader {
    /// A segment begins, with its tables: what is read of it does not depend on those before.
    pub(super) fn begin(&mut self) {
        self.pat = SectionAssembler::new();
        self.pmt = SectionAssembler::new();
    }

    /// The program, as it is now.
    pub(super) fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Takes the next packet.
    pub(super) fn push(&mut self, packet: Packet<'_>) -> Kind {
        let pid = packet.pid();
        if pid == Pid::PAT {
            self.push_pat(packet);
            return Kind::Pat;
        }
        match self.association {
            Some((transport_stream_id, pmt_pid)) if pid == pmt_pid => {
                self.push_pmt(packet, pmt_pid, transport_stream_id)
            }
            Some(_) | None => Kind::Stream,
        }
    }

    fn push_pat(&mut self, packet: Packet<'_>) {
        // Of our own tables nothing is counted.
        let mut unheard = demux::Counters::default();
        let Self {
            pat, association, ..
        } = self;
        pat.push(packet, &mut unheard, |section| {
            if let Some([_, _, high, low]) = section.body().first_chunk() {
                let pmt_pid = Pid::from_bits(u16::from_be_bytes([*high, *low]));
                *association = Some((section.table_id_extension(), pmt_pid));
            }
        });
    }

    fn push_pmt(&mut self, packet: Packet<'_>, pid: Pid, transport_stream_id: u16) -> Kind {
        let mut unheard = demux::Counters::default();
        let Self { pmt, program, .. } = self;
        let mut kind = Kind::PmtPart;
        pmt.push(packet, &mut unheard, |section| {
            kind = Kind::Pmt { is_changed: false };
            let is_known = program.as_ref().is_some_and(|known| {
                let identity = (known.pmt_pid, known.transport_stream_id);
                identity == (pid, transport_stream_id) && known.pmt_section == *section.bytes()
            });
            if is_known {
                return;
            }
            if let Some(read) = Program::read(section, pid, transport_stream_id) {
                *program = Some(read);
                kind = Kind::Pmt { is_changed: true };
            }
        });
        kind
    }
}
