//! What a stream comes by: datagrams, or an answer over HTTP.

use std::net::SocketAddr;

use weir_hal::{DatagramBatch, Monotonic, MulticastReceiver, NetworkHeader, Wall};

use super::{Arrivals, Counters, HttpSource, Protected, merge::Content};

/// One source, of whatever kind.
#[derive(Debug)]
pub enum Reception<R> {
    /// A group, with what protects it.
    Datagrams(Box<Protected<R>>),
    /// A stream over HTTP.
    Http(Box<HttpSource>),
}

impl<R: MulticastReceiver> Reception<R> {
    /// Takes all that has arrived by `now` and calls `each` as [`Protected::drain`] does.
    pub fn drain(
        &mut self,
        batch: &mut DatagramBatch,
        now: Monotonic,
        each: impl FnMut(&mut Counters, Content<'_>, Wall) -> bool,
    ) {
        match self {
            Self::Datagrams(protected) => protected.drain(batch, each),
            Self::Http(source) => source.drain(now, each),
        }
    }

    /// True once its group is joined, or while its answer is read.
    pub fn is_joined(&self) -> bool {
        match self {
            Self::Datagrams(protected) => protected.source().is_joined(),
            Self::Http(source) => source.is_answered(),
        }
    }

    /// Counters since it was made.
    pub fn counters(&self) -> &Counters {
        match self {
            Self::Datagrams(protected) => protected.source().counters(),
            Self::Http(source) => source.counters(),
        }
    }

    /// How evenly its datagrams come; nothing is known of an answer, whose pieces the network and
    /// TCP put together.
    pub fn arrivals(&self) -> Arrivals {
        match self {
            Self::Datagrams(protected) => *protected.source().arrivals(),
            Self::Http(_) => Arrivals::default(),
        }
    }

    /// Tells the bitrate that the stream has by its own clock, by which arrivals are judged.
    pub fn set_media_rate(&mut self, bps: Option<u64>) {
        match self {
            Self::Datagrams(protected) => protected.set_media_rate(bps),
            Self::Http(_) => {}
        }
    }

    /// When the last datagram, or piece of an answer, came.
    pub fn last_datagram(&self) -> Option<Wall> {
        match self {
            Self::Datagrams(protected) => protected.source().last_datagram(),
            Self::Http(source) => source.last_piece(),
        }
    }

    /// Who sent the last datagram.
    pub fn sender(&self) -> Option<SocketAddr> {
        match self {
            Self::Datagrams(protected) => protected.source().sender(),
            Self::Http(_) => None,
        }
    }

    /// What the head of the last datagram says of its way; nothing of an answer over HTTP.
    pub fn header(&self) -> NetworkHeader {
        match self {
            Self::Datagrams(protected) => protected.source().header(),
            Self::Http(_) => NetworkHeader::default(),
        }
    }

    /// Why there is no answer over HTTP, if that is known.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Datagrams(_) => None,
            Self::Http(source) => source.failure(),
        }
    }
}
