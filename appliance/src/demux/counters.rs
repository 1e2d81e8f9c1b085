//! What `demux` counts, under the names of TR 101 290 where it has one.

use crate::counter::counters;

counters! {
    /// Packets seen and damage found.
    pub struct Counters {
        /// Transport packets received.
        packets: detail,
        /// Null packets received.
        null_packets: detail,
        /// Times synchronisation was lost: two or more consecutive wrong sync bytes (1.1).
        ts_sync_loss,
        /// Sync bytes that were not 0x47 where a packet was due (1.2).
        sync_byte_error: detail,
        /// Bytes that belonged to no packet.
        bytes_discarded: detail,
        /// Packets that were marked as damaged on their way (2.1).
        transport_error,
        /// Packets out of order, lost, or present more than twice (1.4).
        continuity_count_error,
        /// Packets sent twice, as the standard allows.
        duplicate_packets: detail,
        /// Packets whose payload is scrambled.
        scrambled_packets: detail,
        /// Packets of the selected program that are scrambled, and so not passed on.
        packets_withheld: detail,
        /// Access units of the primary stream, or any that could be, that are scrambled.
        access_units_scrambled: detail,
        /// Sections of the PAT and PMT whose CRC is wrong (2.2).
        crc_error: detail,
        /// Sections whose lengths contradict each other.
        sections_malformed: detail,
        /// Sections of the PAT that are whole, repetitions and all.
        pat_sections: detail,
        /// Sections of the PMT of a wanted program that are whole, repetitions and all.
        pmt_sections: detail,
        /// PATs that differ from the one before.
        pat_changes: detail,
        /// Times the PAT began to name another `transport_stream_id`.
        transport_stream_id_changes: detail,
        /// Sections of the PAT that name another `transport_stream_id` than the configured one.
        transport_stream_id_errors: detail,
        /// PMTs of the selected program that differ from the one before.
        pmt_changes: detail,
        /// Programs of a PAT beyond the number that is kept.
        programs_dropped: detail,
        /// Elementary streams of a PMT beyond the number that is kept.
        streams_dropped: detail,
        /// Access units of the primary stream, without those that are scrambled.
        access_units: detail,
        /// Access units of the primary stream where decoding can begin.
        random_access_points: detail,
        /// Times that the primary stream went on for a second and no PCR came.
        pcr_missing: detail,
        /// Pictures that stood for five seconds and more: slides, too far apart for segments.
        stills: detail,
        /// Access units whose head ended before it told whether decoding can begin there.
        heads_undecided: detail,
        /// Packets that claim to start a PES packet and do not.
        pes_start_errors: detail,
        /// Splice information sections received (SCTE 35), repetitions and all.
        splice_sections: detail,
        /// Splice information sections whose CRC is wrong.
        splice_crc_errors: detail,
        /// Splice information sections that are cut short or whose lengths contradict each other.
        splice_malformed: detail,
        /// Splice information sections that are encrypted, and so not read.
        splice_encrypted: detail,
        /// Splice information sections of a protocol version that is not known.
        splice_unsupported: detail,
        /// PIDs with splice information beyond the number that is read.
        splice_pids_dropped: detail,
        /// Packets of splice information dropped because too many came before the first picture.
        splice_packets_dropped: detail,
    }
}
