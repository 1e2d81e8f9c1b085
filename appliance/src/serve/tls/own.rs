//! The certificate that a box makes itself where nobody has given it one.
//!
//! It is made once and kept: people and browsers know it again by its fingerprint. It is valid from
//! a fixed day on, so that a box whose clock is not set yet makes none that ends before it begins.
//!
//! Source: RFC 5280 §4.1.2.5 (validity), §4.2.1.6 (names).
//! Refuses: to be vouched for by anybody, and to replace a certificate that can be shown.

use std::path::Path;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use weir_hal::{Disk, Error};

use super::{CertificateError, Certificates};
use crate::whole_file::{make_directory, replace, replace_secret};

/// Name of both files.
const NAME: &str = "weir";

/// Year, month and day from which on it is valid: before any box with this code was started.
const NOT_BEFORE: (i32, u8, u8) = (2026, 1, 1);

/// When it ends: beyond the life of any box.
const NOT_AFTER: (i32, u8, u8) = (2056, 1, 1);

/// Sees to it that `directory` has a certificate to show: makes one of P-256 for `names` where
/// there is none. Blocks.
///
/// # Errors
/// [`CertificateError`] when it cannot be made or kept.
pub fn keep_own(
    disk: &dyn Disk,
    directory: &Path,
    names: &[String],
) -> Result<(), CertificateError> {
    let kept = Certificates::read(disk, directory).and_then(super::Reading::usable);
    if kept.is_ok() {
        return Ok(());
    }
    let (certificate, key) = make(names).map_err(CertificateError::Make)?;
    write(disk, directory, (&certificate, &key)).map_err(|source| CertificateError::Keep {
        directory: directory.to_owned(),
        source,
    })
}

/// Chain and key, in PEM.
fn make(names: &[String]) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    let name = names.first().map_or(NAME, String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let day = |(year, month, day)| date_time_ymd(year, month, day);
    (params.not_before, params.not_after) = (day(NOT_BEFORE), day(NOT_AFTER));
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The key first: a certificate without it would not be shown, and both are then made anew.
fn write(disk: &dyn Disk, directory: &Path, (certificate, key): (&str, &str)) -> Result<(), Error> {
    let path = |kind| directory.join(format!("{NAME}.{kind}"));
    make_directory(disk, directory)?;
    replace_secret(disk, &path("key"), key.as_bytes())?;
    replace(disk, &path("crt"), certificate.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use weir_hal::{Access, sim};

    use super::*;

    const DIRECTORY: &str = "/var/lib/weir/cache.tls";

    fn fingerprints(disk: &sim::Disk) -> Vec<String> {
        let reading = Certificates::read(disk, Path::new(DIRECTORY)).expect("a directory");
        let reading = reading.usable().expect("a pair");
        let pairs = reading.certificates.pairs();
        pairs.iter().map(|pair| pair.fingerprint()).collect()
    }

    fn keep(disk: &sim::Disk) {
        let names = ["edge-1".to_owned(), "edge-1.example".to_owned()];
        keep_own(disk, Path::new(DIRECTORY), &names).expect("a flawless disk");
    }

    #[test]
    fn one_is_made_once_and_another_where_it_is_lost() {
        let disk = sim::Disk::new(1);
        keep(&disk);
        let first = fingerprints(&disk);
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].len(), 32 * 3 - 1);
        keep(&disk);
        assert_eq!(fingerprints(&disk), first);
        let key = Path::new(DIRECTORY).join("weir.key");
        disk.open(&key, Access::Create).expect("room");
        keep(&disk);
        assert_ne!(fingerprints(&disk), first);
    }

    #[test]
    fn it_stands_for_all_names_and_is_valid_whatever_the_clock_says() {
        let disk = sim::Disk::new(1);
        keep(&disk);
        let reading = Certificates::read(&disk, Path::new(DIRECTORY)).expect("a directory");
        let pair = &reading.certificates.pairs()[0];
        assert_eq!(pair.hosts, ["edge-1", "edge-1.example"]);
        let end = pair.not_after.expect("an end").as_nanos();
        assert_eq!(end, 2_713_910_400_000_000_000, "2056-01-01");
    }
}
