//! Makes the compressed form of a list.

use std::io::{self, Write};

use brotli::{CompressorWriter, enc::BrotliEncoderParams};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::Coding;

/// Below this, a list and its fields are one packet either way.
pub(super) const BYTES_MIN: usize = 256;

/// Quality of Brotli: for a playlist of 4 KB half a millisecond; more gains a hundredth.
const BROTLI_QUALITY: i32 = 5;

/// Level of zstd, with about the same in mind.
const ZSTD_LEVEL: i32 = 6;

/// Bytes of buffer that Brotli writes through.
const BROTLI_BUFFER_BYTES: usize = 4_096;

/// `body` in `coding`; `None` where that is not smaller, or not worth it.
pub fn encode(coding: Coding, body: &[u8]) -> Option<Bytes> {
    if body.len() < BYTES_MIN {
        return None;
    }
    let coded = match coding {
        Coding::Identity => return None,
        Coding::Gzip => gzip(body),
        Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
        Coding::Brotli => brotli(body),
    };
    let coded = coded.ok().filter(|coded| coded.len() < body.len())?;
    Some(Bytes::from(coded))
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

fn brotli(body: &[u8]) -> io::Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        size_hint: body.len(),
        ..BrotliEncoderParams::default()
    };
    let mut coded = Vec::new();
    let mut writer = CompressorWriter::with_params(&mut coded, BROTLI_BUFFER_BYTES, &parameters);
    writer.write_all(body)?;
    writer.flush()?;
    drop(writer);
    Ok(coded)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fmt::Write as _, io::Read};

    use proptest::prelude::*;

    use super::*;

    /// A playlist as they are.
    pub(crate) fn playlist(segments: usize) -> String {
        let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n".to_owned();
        for number in 0..segments {
            let line = format!(
                "#EXTINF:6.000,\nCH_001_HD/segment-{}.ts\n",
                294_537_600 + number
            );
            text.write_str(&line).expect("a String takes every write");
        }
        text
    }

    /// What a client makes of it.
    pub(crate) fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        match coding {
            Coding::Identity => body.extend_from_slice(coded),
            Coding::Gzip => drop(flate2::read::GzDecoder::new(coded).read_to_end(&mut body)),
            Coding::Zstd => body = zstd::bulk::decompress(coded, 8 << 20).expect("zstd"),
            Coding::Brotli => {
                drop(brotli::Decompressor::new(coded, 4_096).read_to_end(&mut body));
            }
        }
        body
    }

    #[test]
    fn a_playlist_shrinks_to_a_fifth_in_every_coding() {
        let body = playlist(100);
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
            let coded = encode(coding, body.as_bytes()).expect("it shrinks");
            assert!(coded.len() * 5 < body.len(), "{coding:?}: {}", coded.len());
            assert_eq!(decode(coding, &coded), body.as_bytes(), "{coding:?}");
        }
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        let noise: Vec<u8> = (0..1_000_u32)
            .map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3])
            .collect();
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
            assert_eq!(encode(coding, b"#EXTM3U\n"), None);
            let coded = encode(coding, &noise);
            assert!(coded.is_none_or(|coded| coded.len() < noise.len()));
        }
        assert_eq!(encode(Coding::Identity, playlist(100).as_bytes()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_coded_can_be_decoded(body in "(\\PC|\n){0,600}") {
            for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
                if let Some(coded) = encode(coding, body.as_bytes()) {
                    prop_assert_eq!(decode(coding, &coded), body.as_bytes());
                }
            }
        }
    }
}
