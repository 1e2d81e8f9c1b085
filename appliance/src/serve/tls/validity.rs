//! Until when a certificate is valid: the one field of it that nothing else here reads.
//!
//! Source: RFC 5280 §4.1 (`Validity` is the fifth field of `TBSCertificate`, behind an optional
//! version), §4.1.2.5 (times); ITU-T X.690 §8.1, §10.1 (lengths).
//! Refuses: to judge anything. What it cannot read has no end that it could tell.

use jiff::{civil::DateTime, tz::TimeZone};
use weir_hal::Wall;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `version`, `[0] EXPLICIT`.
const VERSION: u8 = 0xa0;

/// `notAfter` of a certificate in DER.
pub(super) fn not_after(certificate: &[u8]) -> Option<Wall> {
    let mut outer = certificate;
    let mut signed = expect(&mut outer, SEQUENCE)?;
    let mut fields = expect(&mut signed, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    // serialNumber, signature, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        expect(&mut fields, tag)?;
    }
    let mut validity = expect(&mut fields, SEQUENCE)?;
    let (_not_before, not_after) = (element(&mut validity)?, element(&mut validity)?);
    time(not_after)
}

type Element<'d> = (u8, &'d [u8]);

/// Takes the element that begins `rest`.
fn element<'d>(rest: &mut &'d [u8]) -> Option<Element<'d>> {
    let (&[tag, first], mut after) = rest.split_first_chunk()?;
    let length = match first {
        0..0x80 => usize::from(first),
        0x81..=0x83 => {
            let (digits, behind) = after.split_at_checked(usize::from(first & 0x7f))?;
            after = behind;
            let digits = digits.iter().copied().map(usize::from);
            digits.fold(0, |length, digit| length << 8 | digit)
        }
        0x80 | 0x84.. => return None,
    };
    let content;
    (content, *rest) = after.split_at_checked(length)?;
    Some((tag, content))
}

fn expect<'d>(rest: &mut &'d [u8], wanted: u8) -> Option<&'d [u8]> {
    let (tag, content) = element(rest)?;
    (tag == wanted).then_some(content)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`. A time before 1970 reads as 1970: it is over either way.
fn time((tag, text): Element<'_>) -> Option<Wall> {
    let text = str::from_utf8(text).ok()?;
    let text = match tag {
        UTC_TIME if text < "5" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    let utc = TimeZone::UTC.to_timestamp(civil).ok()?;
    let nanos = u64::try_from(utc.as_nanosecond().max(0)).ok()?;
    Some(Wall::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    const DAY_S: u64 = 24 * 3600;

    fn until((year, month, day): (i32, u8, u8)) -> Option<Wall> {
        let mut params = CertificateParams::new(["box".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        not_after(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn both_kinds_of_time_are_read() {
        let day = |days: u64| Some(Wall::from_nanos(days * DAY_S * 1_000_000_000));
        assert_eq!(until((2049, 12, 31)), day(29_219));
        assert_eq!(until((2050, 1, 1)), day(29_220));
        assert_eq!(until((1999, 12, 31)), day(10_956));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = not_after(&bytes);
        }

        #[test]
        fn no_damage_to_a_certificate_makes_the_reader_panic(at in 0_usize..200, byte: u8) {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(["box".to_owned()]).unwrap();
            let mut der = params.self_signed(&key).unwrap().der().to_vec();
            der[at] = byte;
            let _ = not_after(&der);
        }
    }
}
