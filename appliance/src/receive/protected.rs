//! A source with the FEC streams beside it, if there are any.
//!
//! Source: SMPTE ST 2022-1 §7 (columns are protected on the port of the media and two, rows on that
//! and four).
//!
//! Refuses: to put in order what comes (`merge`).

use std::net::SocketAddr;

use weir_hal::{DatagramBatch, Error, Membership, Multicast, MulticastReceiver, Wall};

use super::{Counters, RtpHeader, Source, fec::Fec, merge::Content};
use crate::config::Transport;

/// One source, and what protects it.
#[derive(Debug)]
pub struct Protected<R> {
    source: Source<R>,
    streams: Option<Box<Streams<R>>>,
}

#[derive(Debug)]
struct Streams<R> {
    fec: Fec,
    /// That of columns, and that of rows.
    sources: [Source<R>; 2],
}

impl<R: MulticastReceiver> Protected<R> {
    /// A source that nothing protects, and that is not joined yet.
    pub fn bare(membership: Membership, transport: Transport) -> Self {
        Self {
            source: Source::new(membership, transport),
            streams: None,
        }
    }

    /// A source of RTP with FEC on the ports of its group and two, and four; above 65,531 there is
    /// no room for these.
    pub fn with_fec(membership: Membership) -> Self {
        let beside = |more: u16| {
            let mut beside = membership.clone();
            let port = membership.group.port().saturating_add(more);
            beside.group = SocketAddr::new(membership.group.ip(), port);
            Source::new(beside, Transport::Rtp)
        };
        Self {
            streams: Some(Box::new(Streams {
                fec: Fec::new(),
                sources: [beside(2), beside(4)],
            })),
            source: Source::new(membership, Transport::Rtp),
        }
    }

    /// The source of the media.
    pub fn source(&self) -> &Source<R> {
        &self.source
    }

    /// Tells the bitrate that the stream has by its own clock.
    pub fn set_media_rate(&mut self, bps: Option<u64>) {
        self.source.arrivals_mut().set_media_rate(bps);
    }

    /// Joins what is not joined; when all is, anew.
    ///
    /// # Errors
    /// Those of [`Source::join`].
    pub fn join<M>(&mut self, multicast: &M) -> Result<(), Error>
    where
        M: Multicast<Receiver = R>,
    {
        let beside = self.streams.iter_mut();
        let beside = beside.flat_map(|streams| &mut streams.sources);
        let mut sources: Vec<_> = std::iter::once(&mut self.source).chain(beside).collect();
        if sources.iter().any(|source| !source.is_joined()) {
            sources.retain(|source| !source.is_joined());
        }
        let mut sources = sources.into_iter();
        sources.try_for_each(|source| source.join(multicast))
    }

    /// Takes all that has arrived and calls `each` as [`Source::drain`] does, also for what FEC
    /// brings back. It tells whether that was of the stream.
    pub fn drain(
        &mut self,
        batch: &mut DatagramBatch,
        mut each: impl FnMut(&mut Counters, Content<'_>, Wall) -> bool,
    ) {
        let Self { source, streams } = self;
        let Some(streams) = streams else {
            source.drain(batch, |told, content, received| {
                each(told, content, received);
            });
            return;
        };
        let Streams { fec, sources } = &mut **streams;
        source.drain(batch, |told, content, received| {
            let is_of_stream = each(told, content, received);
            if let (true, Content::Rtp(packet)) = (is_of_stream, content) {
                fec.media(&packet, &mut |bytes| {
                    bring_back((bytes, received), told, &mut each);
                });
            }
        });
        let told = source.counters_mut();
        for protecting in sources {
            protecting.drain(batch, |_, content, received| {
                let Content::Rtp(packet) = content else {
                    return;
                };
                told.fec_datagrams += 1;
                let protected = fec.protect(&packet, &mut |bytes| {
                    bring_back((bytes, received), told, &mut each);
                });
                match protected {
                    Ok(is_full) => told.fec_overflows += u64::from(is_full),
                    Err(_) => told.fec_malformed += 1,
                }
            });
        }
    }
}

/// Hands on what was lost and is there again.
fn bring_back(
    (bytes, received): (&[u8], Wall),
    told: &mut Counters,
    each: &mut impl FnMut(&mut Counters, Content<'_>, Wall) -> bool,
) {
    let Ok(packet) = RtpHeader::parse(bytes) else {
        return;
    };
    // The network did not put it out of order, or bring it late.
    let (reordered, late) = (told.rtp_reordered, told.rtp_late);
    each(told, Content::Rtp(packet), received);
    told.fec_recovered += u64::from(told.rtp_late == late);
    // Not waited for any longer: it stays lost.
    told.rtp_lost += told.rtp_late - late;
    (told.rtp_reordered, told.rtp_late) = (reordered, late);
}
