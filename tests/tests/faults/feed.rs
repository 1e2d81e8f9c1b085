//! An encoder, the datagrams it makes of a program, and what may go wrong with them.

use weir_tests::stream::{Clock, Encoder, Format, PACKET_BYTES};

/// Five pictures a second, and a key frame in each.
pub(crate) const PICTURES_PER_SECOND: u64 = 5;
const PICTURE_90K: u64 = 90_000 / PICTURES_PER_SECOND;

/// Packets of a datagram.
const PACKETS: usize = 7;

/// Bytes of pictures of the larger rendition and of the smaller, that are not too close together.
const PICTURE_BYTES: [usize; 2] = [20_000, 11_000];

/// The same where a day of them is sent.
const PICTURE_BYTES_SLIM: [usize; 2] = [1_600, 900];

/// A packet without content, of which a multiplexer makes a constant bitrate.
const STUFFING: [u8; 4] = [0x47, 0x1F, 0xFF, 0x10];

/// Packets without content that are more than a receiver must hold.
const FLOOD: usize = 3_500;

/// PIDs of the PAT and the PMT.
const PAT: u16 = 0;
const PMT: u16 = 0x100;

/// What goes wrong with what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing is sent.
    Silent,
    /// Something else is sent: no packet begins as packets do.
    Noise,
    /// Nothing but empty datagrams is sent.
    Empty,
    /// The first bytes of all packets are wrong for one picture a second, which is no key frame,
    /// nor is the next.
    Desync,
    /// One of the tables is not sent.
    Without(Table),
    /// The checksum of one of the tables is wrong.
    Damaged(Table),
    /// Of so many pictures one lacks a packet in its middle.
    Trickle(u64),
    /// Every so many packets one is lost.
    Burst(usize),
    /// Of so many pictures one lacks a datagram.
    DatagramTrickle(u64),
    /// Of so many pictures one lacks five datagrams in a row.
    DatagramGap(u64),
    /// Every second datagram is lost.
    DatagramBurst,
    /// Every datagram comes twice.
    Twice,
    /// Every second datagram comes before the one it should follow.
    Swapped,
    /// There is no stuffing.
    Lean,
    /// There is so much more stuffing.
    Fat(usize),
    /// Far more comes at once than a receiver must hold.
    Flood,
    /// Pictures are scrambled.
    Scrambled,
    /// No picture is a key frame.
    WithoutKeyFrames,
    /// Only tables and stuffing come.
    WithoutPictures,
    /// Pictures have no time stamps.
    Untimed,
    /// The tables name a PCR that does not come.
    WithoutClock,
    /// Key frames come later by so many pictures.
    Shifted(u64),
    /// There is sound beside the pictures.
    WithSound,
    /// All packets are marked as damaged on their way to the sender.
    Marked,
    /// Packets are not counted.
    Uncounted,
}

/// A table of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Pat,
    Pmt,
    Both,
}

impl Table {
    fn has(self, pid: u16) -> bool {
        match self {
            Self::Pat => pid == PAT,
            Self::Pmt => pid == PMT,
            Self::Both => pid == PAT || pid == PMT,
        }
    }
}

/// One source of a rendition.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) name: &'static str,
    pub(crate) harm: Option<Harm>,
    encoder: Encoder,
    well: Format,
    stuffing: usize,
    /// The next sequence number, where it is sent by RTP.
    rtp: Option<u16>,
    pictures: u64,
}

impl Feed {
    /// The source of the rendition called `name`, of the smaller one if it ends so; by RTP, or by
    /// UDP alone.
    pub(crate) fn new(name: &'static str, is_rtp: bool) -> Self {
        Self::of_bytes(name, is_rtp, PICTURE_BYTES)
    }

    /// The same with pictures that are small.
    pub(crate) fn slim(name: &'static str, is_rtp: bool) -> Self {
        Self::of_bytes(name, is_rtp, PICTURE_BYTES_SLIM)
    }

    fn of_bytes(name: &'static str, is_rtp: bool, [large, small]: [usize; 2]) -> Self {
        let bytes = if name.contains("/sd") { small } else { large };
        let mut encoder = Encoder::new(900_000, bytes);
        encoder.format = Format {
            picture_90k: PICTURE_90K,
            key_frame_interval: PICTURES_PER_SECOND,
            ..Format::default()
        };
        Self {
            name,
            harm: None,
            well: encoder.format,
            encoder,
            stuffing: bytes / 180,
            rtp: is_rtp.then_some(0),
            pictures: 0,
        }
    }

    /// The datagrams of the next picture, as harmed as it is now.
    pub(crate) fn picture(&mut self) -> Vec<Vec<u8>> {
        self.pictures += 1;
        let packets = self.packets();
        let mut datagrams = Vec::new();
        for chunk in packets.chunks(PACKETS * PACKET_BYTES) {
            datagrams.push([self.rtp_header(), chunk.to_vec()].concat());
        }
        match self.harm {
            Some(Harm::Silent) => datagrams.clear(),
            Some(Harm::Empty) => datagrams.iter_mut().for_each(Vec::clear),
            Some(Harm::DatagramTrickle(every)) if self.pictures.is_multiple_of(every) => {
                datagrams.remove(1);
            }
            Some(Harm::DatagramGap(every)) if self.pictures.is_multiple_of(every) => {
                datagrams.drain(2..7);
            }
            Some(Harm::DatagramBurst) => {
                let mut position = 0;
                datagrams.retain(|_| {
                    position += 1;
                    position % 2 == 1
                });
            }
            Some(Harm::Twice) => {
                datagrams = datagrams
                    .into_iter()
                    .flat_map(|it| [it.clone(), it])
                    .collect();
            }
            Some(Harm::Swapped) => {
                datagrams
                    .chunks_exact_mut(2)
                    .for_each(|pair| pair.swap(0, 1));
            }
            _ => {}
        }
        datagrams
    }

    fn rtp_header(&mut self) -> Vec<u8> {
        let Some(sequence) = &mut self.rtp else {
            return Vec::new();
        };
        let mut header = vec![0x80, 33];
        header.extend_from_slice(&sequence.to_be_bytes());
        header.extend_from_slice(&[0, 0, 0, 0, 1, 2, 3, 4]);
        *sequence = sequence.wrapping_add(1);
        header
    }

    /// The packets of the next picture, with what makes them a multiplex.
    fn packets(&mut self) -> Vec<u8> {
        self.encoder.format = self.format();
        if let Some(Harm::Shifted(pictures)) = self.harm
            && self.pictures % PICTURES_PER_SECOND == 1 + pictures
        {
            self.encoder.ask_for_key_frame();
        }
        let mut packets = match self.harm {
            Some(Harm::WithoutPictures) => self.encoder.tables_alone(),
            _ => self.encoder.picture(),
        };
        if self.harm == Some(Harm::WithSound) {
            packets.extend(self.encoder.sound());
        }
        let stuffing = match self.harm {
            Some(Harm::Lean) => 0,
            Some(Harm::Fat(times)) => times * self.stuffing,
            Some(Harm::Flood) if self.pictures % PICTURES_PER_SECOND == 2 => FLOOD,
            _ => self.stuffing,
        };
        for _ in 0..stuffing {
            packets.extend_from_slice(&STUFFING);
            packets.resize(packets.len() + PACKET_BYTES - STUFFING.len(), 0xFF);
        }
        self.spoil(&mut packets);
        packets
    }

    fn format(&self) -> Format {
        let well = self.well;
        match self.harm {
            Some(Harm::Scrambled) => Format {
                is_scrambled: true,
                ..well
            },
            Some(Harm::WithoutKeyFrames | Harm::Shifted(_)) => Format {
                key_frame_interval: 0,
                ..well
            },
            Some(Harm::Untimed) => Format {
                is_untimed: true,
                ..well
            },
            Some(Harm::WithoutClock) => Format {
                clock: Clock::Missing,
                pmt_version: 1,
                ..well
            },
            Some(Harm::WithSound) => Format {
                pmt_version: 1,
                ..well
            },
            _ => well,
        }
    }

    fn spoil(&self, packets: &mut Vec<u8>) {
        match self.harm {
            Some(Harm::Noise) => packets.fill(0x55),
            Some(Harm::Desync) if self.pictures % PICTURES_PER_SECOND == 2 => {
                for packet in packets.chunks_mut(PACKET_BYTES) {
                    packet[0] = 0x48;
                }
            }
            Some(Harm::Without(table)) => keep(packets, |_, packet| !table.has(pid(packet))),
            Some(Harm::Damaged(table)) => {
                let tables = packets.chunks_mut(PACKET_BYTES);
                for packet in tables.filter(|packet| table.has(pid(packet))) {
                    packet[10] ^= 0xFF;
                }
            }
            Some(Harm::Marked) => each(packets, |packet| packet[1] |= 0x80),
            Some(Harm::Uncounted) => each(packets, |packet| packet[3] &= 0xF0),
            Some(Harm::Trickle(every)) if self.pictures.is_multiple_of(every) => {
                keep(packets, |position, _| position != 5);
            }
            Some(Harm::Burst(every)) => keep(packets, |position, packet| {
                position % every != 2 || pid(packet) == 0x1FFF
            }),
            _ => {}
        }
    }

    /// Begins to do harm.
    pub(crate) fn harm(&mut self, harm: Harm) {
        if harm == Harm::WithSound {
            self.encoder = self.encoder.clone().with_sound();
        }
        self.harm = Some(harm);
    }

    /// Is well again.
    pub(crate) fn mend(&mut self) {
        if self.harm == Some(Harm::WithSound) {
            self.encoder = self.encoder.clone().without_sound();
            self.well.pmt_version = 2;
        }
        self.harm = None;
    }
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1F, packet[2]])
}

fn each(packets: &mut [u8], change: impl Fn(&mut [u8])) {
    packets.chunks_mut(PACKET_BYTES).for_each(change);
}

fn keep(packets: &mut Vec<u8>, is_kept: impl Fn(usize, &[u8]) -> bool) {
    let all = packets.chunks(PACKET_BYTES).enumerate();
    let kept = all.filter(|(position, packet)| is_kept(*position, packet));
    *packets = kept.flat_map(|(_, packet)| packet.to_vec()).collect();
}
