//! `[alarm]`: when alarms are raised and cleared, who may speak for operators, and where it is
//! remembered.

use std::{path::PathBuf, time::Duration};

use super::{
    Alarm, Cache,
    cache::{absolute_path, beside},
    mistake::{Ledger, quoted},
    purge::ALLOWED_MAX,
    read::duration_in,
    section::{Found, Section},
    unit::parse_duration,
};
use crate::alarm::{Amount, Kind, Rule, Severity, Side, Unit};

/// Until the start is over.
const BOOT_INHIBIT_RANGE_MS: (u64, u64) = (0, 600_000);

/// Up to a day.
const HOLD_RANGE_MS: (u64, u64) = (0, 24 * 3_600_000);

/// Things within a second.
const COUNT_RANGE: (u64, u64) = (0, 1_000_000);

pub(super) fn read_alarm(mut section: Section<'_>, cache: &Cache, ledger: &mut Ledger) -> Alarm {
    let default = Alarm::default();
    let is_given = section.has("allow");
    let allowed = section.texts("allow", ALLOWED_MAX, str::parse, ledger);
    let state = section.text("state", absolute_path, ledger);
    let boot_inhibit = duration_in(&mut section, "boot_inhibit", BOOT_INHIBIT_RANGE_MS, ledger);
    let mut rules = default.rules;
    for kind in Kind::ALL {
        let table = section.table(kind.as_str(), ledger);
        read_rule(table, kind, rules.of_mut(kind), ledger);
    }
    section.finish(ledger);
    Alarm {
        allowed: if is_given {
            allowed.into_iter().map(|found| found.value).collect()
        } else {
            default.allowed
        },
        state: state.map_or_else(|| state_of(cache), |state| state.value),
        boot_inhibit: boot_inhibit.map_or(default.boot_inhibit, |found| found.value),
        rules,
    }
}

/// Beside the cache, or where the cache is by default if it is a device.
pub(super) fn state_of(cache: &Cache) -> PathBuf {
    beside(&cache.path, ".alarms")
}

fn read_rule(mut section: Section<'_>, kind: Kind, rule: &mut Rule, ledger: &mut Ledger) {
    let severity = section.text("severity", severity, ledger);
    let unit = kind.definition().unit;
    let raise = threshold(&mut section, "raise", unit, ledger);
    let clear = threshold(&mut section, "clear", unit, ledger);
    let mut hold = |key, default: Duration| {
        let found = duration_in(&mut section, key, HOLD_RANGE_MS, ledger);
        found.map_or(default, |found| found.value)
    };
    rule.raise_hold = hold("raise_hold", rule.raise_hold);
    rule.clear_hold = hold("clear_hold", rule.clear_hold);
    rule.severity = severity.map_or(rule.severity, |found| found.value);
    rule.raise = raise.unwrap_or(rule.raise);
    rule.clear = clear.unwrap_or(rule.clear);
    if !rule.is_consistent() {
        let key = if clear.is_some() { "clear" } else { "raise" };
        let way = match rule.side {
            Side::Above => "`clear` must not be above `raise`",
            Side::Below => "`clear` must not be below `raise`",
        };
        let (raise, clear) = (unit.show(rule.raise), unit.show(rule.clear));
        let text = format!("{way}, and they are {clear} and {raise}: change one of them");
        ledger.mistake(&section.place_of(key), text);
    }
    section.finish(ledger);
}

fn threshold(
    section: &mut Section<'_>,
    key: &'static str,
    unit: Unit,
    ledger: &mut Ledger,
) -> Option<Amount> {
    let value = |found: Found<Amount>| found.value;
    match unit {
        Unit::Second => section.text(key, seconds, ledger).map(value),
        Unit::Day => section.text(key, days, ledger).map(value),
        Unit::Percent => section.text(key, percent, ledger).map(value),
        Unit::Count => section.integer(key, COUNT_RANGE, ledger).map(Amount::whole),
        // It is so or it is not.
        Unit::Claim => None,
    }
}

fn seconds(text: &str) -> Result<Amount, String> {
    let milliseconds = parse_duration(text)?.as_millis();
    let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
    Ok(Amount::from_thousandths(milliseconds))
}

/// A time, in thousandths of a day.
fn days(text: &str) -> Result<Amount, String> {
    let milliseconds = parse_duration(text)?.as_millis();
    let thousandths = u64::try_from(milliseconds / 86_400).unwrap_or(u64::MAX);
    Ok(Amount::from_thousandths(thousandths))
}

/// Up to a hundred percent, with up to three decimals.
fn percent(text: &str) -> Result<Amount, String> {
    read_percent(text).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no percentage: write one from 0% to 100%, as in \"1.5%\"")
    })
}

fn read_percent(text: &str) -> Option<Amount> {
    let number = text.strip_suffix('%')?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let is_fit = is_number(whole) && is_number(fraction) && fraction.len() <= 3;
    let whole: u64 = is_fit.then(|| whole.parse().ok())??;
    let thousandths: u64 = format!("{fraction:0<3}").parse().ok()?;
    let amount = whole.checked_mul(1_000)?.checked_add(thousandths)?;
    (amount <= 100_000).then_some(Amount::from_thousandths(amount))
}

fn severity(text: &str) -> Result<Severity, String> {
    let severity = Severity::from_word(text).filter(|it| *it > Severity::Cleared);
    severity.ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no severity: write \"critical\", \"major\", \"minor\" or \"warning\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact_and_bounded() {
        for (text, thousandths) in [
            ("0%", 0),
            ("1.5%", 1_500),
            ("85 %", 85_000),
            ("100%", 100_000),
        ] {
            assert_eq!(
                percent(text),
                Ok(Amount::from_thousandths(thousandths)),
                "{text}"
            );
        }
        for text in [
            "", "%", "85", "100.001%", "-1%", "1.%", ".5%", "1.2345%", "1e1%", "5  %",
        ] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
