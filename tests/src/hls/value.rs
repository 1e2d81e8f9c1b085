//! Values of tags, in the one form in which each is written.

use super::Breach;

/// Reads `METHOD=AES-128,URI="…"` or `METHOD=NONE`, and no other form.
pub(super) fn key_uri(value: &str) -> Result<Option<String>, Breach> {
    if value == "METHOD=NONE" {
        return Ok(None);
    }
    let uri = value.strip_prefix("METHOD=AES-128,URI=\"");
    let uri = uri.and_then(|uri| uri.strip_suffix('"'));
    let uri = uri.filter(|uri| !uri.is_empty() && !uri.contains('"'));
    uri.map(|uri| Some(uri.to_owned()))
        .ok_or_else(|| format!("no key: {value}"))
}

pub(super) fn extinf_us(value: &str) -> Option<u64> {
    let (seconds, micros) = value.strip_suffix(',')?.split_once('.')?;
    let micros: u64 = (micros.len() == 6).then(|| micros.parse().ok())??;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros)
}

/// Reads `2026-01-31T20:15:00.123Z`, and no other form.
pub(super) fn date_ms(value: &str) -> Option<i64> {
    let (date, time) = value.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, millis) = time.split_once('.')?;
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Days since 1970-01-01, of years that begin in March (H. Hinnant, `days_from_civil`).
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000 + millis.parse::<i64>().ok()?)
}
