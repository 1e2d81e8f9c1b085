//! One segment on its way into the store: encrypted if its channel is, held back if it has no key.

use bytes::Bytes;
use weir_cache::{Error, Pin, Writer};

use crate::{
    encryption::{Cipher, NoKey, Seal},
    segment::{KeyTag, Segment},
};

/// Takes the bytes of one segment.
#[derive(Debug)]
pub(super) enum SealedWriter {
    /// As they are.
    Clear(Writer),
    /// Through a cipher. Boxed: its round keys are many.
    Encrypted(Writer, Box<Cipher>, KeyTag),
    /// Not at all, for want of a key.
    Withheld,
}

/// What became of a segment that has ended.
#[derive(Debug)]
pub(super) enum Sealed {
    /// It is in the store, under a key if it is encrypted.
    Kept(Segment, Option<KeyTag>, Pin),
    /// It is not: the gap that stands for it.
    Withheld(Segment),
}

impl SealedWriter {
    /// Begins a segment that is encrypted by `seal`, with the writer that `begin` makes. None is
    /// made without a key.
    pub(super) fn begin(
        seal: Result<Option<Seal>, NoKey>,
        begin: impl FnOnce() -> Result<Writer, Error>,
    ) -> Result<Self, Error> {
        Ok(match seal {
            Ok(None) => Self::Clear(begin()?),
            Ok(Some(Seal { cipher, tag })) => Self::Encrypted(begin()?, Box::new(cipher), tag),
            Err(_no_key) => Self::Withheld,
        })
    }

    /// Takes the next bytes.
    pub(super) fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        match self {
            Self::Clear(writer) => writer.append(bytes),
            Self::Encrypted(writer, cipher, _) => {
                let encrypted = cipher.encrypt(&bytes);
                if encrypted.is_empty() {
                    return Ok(());
                }
                writer.append(encrypted)
            }
            Self::Withheld => Ok(()),
        }
    }

    /// Ends the segment, whose bytes are counted as players will get them.
    pub(super) fn end(self, segment: Segment) -> Result<Sealed, Error> {
        match self {
            Self::Clear(writer) => Ok(Sealed::Kept(segment, None, writer.commit()?)),
            Self::Encrypted(mut writer, cipher, tag) => {
                writer.append(cipher.finish())?;
                let segment = Segment {
                    bytes: Cipher::encrypted_bytes(segment.bytes),
                    ..segment
                };
                Ok(Sealed::Kept(segment, Some(tag), writer.commit()?))
            }
            Self::Withheld => Ok(Sealed::Withheld(Segment {
                bytes: 0,
                independent: false,
                gap: true,
                begin: None,
                ..segment
            })),
        }
    }
}
